"""Each of the smaller notebooks, run on a fresh demo as Jupyter runs it, and on PostgreSQL, tells what is so."""

from pathlib import Path
from time import time
from typing import Any

import pytest
from execution import FOLDER, committed, environment, executed, figures
from home import Home
from landing import EVENTS, landing_in

from statsig_export import read_events
from statsig_export.account import total
from statsig_export.arrivals_settings import ArrivalsSettings
from statsig_export.config import Config
from statsig_export.export.export import export_window
from statsig_export.export.plan import plan
from statsig_export.reconciliation.check import check_arrivals
from statsig_export.runs import Timing
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.windows import window_from_key

pytestmark = pytest.mark.acceptance

OTHERS = sorted(path.stem for path in FOLDER.glob("*.ipynb") if path.stem != "explore_export")
WITHOUT_WAITING = Timing(clock=time, sleep=lambda _: None, roll=lambda: 0.5)
CHARTS = {
    "watch_deliveries": {"by-minute", "outcomes", "backlog"},
    "preview_filter_change": {"chart"},
    "check_arrivals": {"chart", "latency-chart"},
}


def notebook(name: str) -> Path:
    return FOLDER / f"{name}.ipynb"


@pytest.fixture(params=["sqlite", "postgresql"])
def exported(request: pytest.FixtureRequest, export_home) -> Config:
    """A day that was exported, and sent again after the webhook had been away."""
    url = request.getfixturevalue(f"{request.param}_url")
    with Receiver() as receiver:
        receiver.play([Rule(actions=[answer(503)], cycle=True)])
        config = export_home(url, receiver.url)
        export_window(config, window_from_key("2026-11-20", config.windows))
        ship(config, timing=WITHOUT_WAITING)
        receiver.play([])
        ship(config, now=True)
    return config


@pytest.mark.parametrize("name", OTHERS)
def test_it_runs_on_the_demo_from_top_to_bottom(name: str, demo_home: Path):
    run = executed(committed(notebook(name)), environment(demo_home))

    streams = [output.name for cell in run.cells for output in cell.get("outputs", ()) if "name" in output]
    assert set(streams) <= {"stdout"}
    assert set(figures(run)) == CHARTS.get(name, set())


def test_deliveries_are_counted_with_their_retries(exported: Config, run_cells):
    names = run_cells(notebook("watch_deliveries"))

    account = total(line.account for line in status(exported))
    assert names["latency"]["events"]["accepted"] == account.forwarded
    assert (names["tries"]["requests"] > 1).any()
    assert names["backlog"].iloc[-1] == names["pending"] == account.pending
    assert names["hourly"].sum().sum() == len(names["attempts"])


@pytest.mark.usefixtures("exported")
def test_an_event_is_found_by_its_user_and_traced_to_the_answer(run_cells):
    first: dict[str, Any] = run_cells(notebook("account_for_one_event"))
    user = first["first"]["user_id"].iloc[0]
    again = run_cells(notebook("account_for_one_event"), USER_ID=user)

    assert set(first["tables"][0]["what"]) >= {"source row", "export run", "batch", "attempt 1"}
    assert first["TIME_UUID"] in set(again["events"]["time_uuid"])


def test_the_preview_says_what_the_change_leaves_out(exported: Config, run_cells):
    names = run_cells(notebook("preview_filter_change"))

    window = window_from_key("2026-11-20", exported.windows)
    judged = plan(names["changed"], window, anew=True).accounts.values()
    assert names["effect"]["under the change"]["all"] == total(judged).forwarded
    assert names["effect"]["difference"]["config_exposure"] < 0


@pytest.mark.usefixtures("exported")
def test_the_audit_names_the_fields_that_hold_addresses_and_shows_none(run_cells, capsys):
    names = run_cells(notebook("personal_data_audit"))

    suspect = names["suspect"].set_index("field")["looks like"]
    assert suspect["user.email"] == "email address"
    assert names["events"] == sum(names["everything"]["rows"])
    assert "@" not in capsys.readouterr().out + names["suspect"].to_string() + names["fields"].to_string()


def test_what_arrived_what_is_missing_and_what_is_there_twice_is_counted(exported: Config, run_cells, tmp_path: Path):
    with pytest.raises(LookupError, match="nothing was compared yet: `statsig-export arrivals`"):
        run_cells(notebook("check_arrivals"))
    landing = landing_in(tmp_path)
    sent = read_events(exported, columns=["time_uuid"])["time_uuid"].to_list()
    landing.land({"eventName": "e", "timestamp": 0, "timeUUID": one} for one in (*sent[3:], sent[5]))
    settings = ArrivalsSettings(url=landing.url, table=EVENTS, grace="0s")
    check_arrivals(exported.model_copy(update={"arrivals": settings}))

    names = run_cells(notebook("check_arrivals"))

    assert names["account"].sum()[["forwarded", "arrived", "missing"]].to_list() == [len(sent), len(sent) - 3, 3]
    assert names["missing"]["missing"].sum() == 3
    assert names["by_window"][list(names["CAUSES"])].sum().sum() == 1
    assert (names["latency"] >= 0).all()


@pytest.mark.parametrize("name", OTHERS)
def test_before_the_first_export_it_says_what_to_do(name: str, sqlite_url: str, export_home, run_cells):
    export_home(sqlite_url)

    with pytest.raises(LookupError, match="nothing has been exported yet: `statsig-export run"):
        run_cells(notebook(name))


def test_a_notebook_is_copied_once_and_listed_with_its_title(tmp_path: Path):
    verb = Home(tmp_path).verb

    listed = verb("notebook")
    copied = verb("notebook", "watch_deliveries", "--to", str(tmp_path / "new"))
    again = verb("notebook", "watch_deliveries", "--to", str(tmp_path / "new"))
    unknown = verb("notebook", "watch", "--to", str(tmp_path))

    assert [listed.exit_code, copied.exit_code, again.exit_code, unknown.exit_code] == [0, 0, 2, 2]
    assert "watch_deliveries       Watching deliveries\n" in listed.output
    assert (tmp_path / "new/watch_deliveries.ipynb").read_bytes() == notebook("watch_deliveries").read_bytes()
    assert "exists already" in again.output
    assert "there are account_for_one_event, check_arrivals, explore_export" in unknown.output
