"""The notebooks: committed clean, run on a fresh demo as Jupyter runs them, and on exports in other states."""

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from time import time
from typing import Any

import nbformat
import pytest
from execution import CHARTS, FOLDER, PICTURES, committed, environment, executed, figures
from nbformat import NotebookNode

from statsig_export.account import total
from statsig_export.config import Config, load_config
from statsig_export.errors import DestinationError
from statsig_export.export.export import export_window
from statsig_export.runs import Timing
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import resume, status
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import EXPOSURES, Category
from statsig_export.windows import window_from_key

pytestmark = pytest.mark.acceptance

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NO_DAGSTER = 'raise ModuleNotFoundError(f"No module named {__name__!r}")\n'
WHAT_IT_FOUND = """\
import json, sys
found = {
    "dagster": [name for name in sys.modules if name.split(".")[0] in ("dagster", "dagster_project")],
    "account": {word: int(number) for word, number in account.loc["all"].items()},
    "volumes": volumes.groupby("category")["events"].sum().to_dict(),
    "exposures": exposures.groupby("category")["exposures"].sum().to_dict(),
    "units": sorted(exposures["unit"].unique()),
    "backlog": int(backlog.iloc[-1]),
    "accepted": int(accepted["rows"].sum()),
    "traced": [TIME_UUID, event.counted_as],
    "backfill": backfill.to_send,
    "window": window.key,
}
print(json.dumps(found))
"""
WITHOUT_WAITING = Timing(clock=time, sleep=lambda _: None, roll=lambda: 0.5)


@pytest.fixture(scope="module")
def run(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook after it ran where there is no Dagster, with a cell at the end that tells what it found."""
    scratch = tmp_path_factory.mktemp("jupyter")
    for package in ("dagster", "dagster_project"):
        (scratch / f"{package}.py").write_text(NO_DAGSTER)
    notebook = committed()
    notebook.cells.append(nbformat.v4.new_code_cell(WHAT_IT_FOUND, id="what-it-found"))
    environ = {**environment(demo_home), "PYTHONPATH": str(scratch), "IPYTHONDIR": str(scratch)}
    return executed(notebook, environ)


@pytest.fixture(scope="module")
def found(run: NotebookNode) -> dict[str, Any]:
    return json.loads(run.cells[-1].outputs[0].text)


@pytest.fixture
def demo_config(demo_home: Path) -> Config:
    environ = environment(demo_home)
    return load_config(environ["STATSIG_EXPORT_CONFIG"], environ)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_committed_without_outputs(path: Path):
    notebook = committed(path)

    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.metadata
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_every_chart_is_drawn(run: NotebookNode):
    drawn = figures(run)

    assert tuple(drawn) == CHARTS
    assert all(charts[0].startswith(b"\x89PNG") and len(charts) == 1 for charts in drawn.values())


def test_nothing_is_printed_as_an_error(run: NotebookNode):
    streams = [output.name for cell in run.cells for output in cell.get("outputs", ()) if "name" in output]

    assert set(streams) == {"stdout"}


def test_neither_dagster_nor_its_project_is_needed(found: dict[str, Any]):
    assert found["dagster"] == []


def test_its_numbers_are_those_of_status(found: dict[str, Any], demo_config: Config):
    lines = status(demo_config)
    account = total(line.account for line in lines)
    forwarded = {
        category.value: total(line.account for line in lines if line.category is category).forwarded
        for category in Category
    }

    assert found["account"] == {word: getattr(account, word) for word in found["account"]}
    assert found["volumes"] == forwarded
    assert found["exposures"] == {category.value: forwarded[category] for category in EXPOSURES}
    assert found["units"] == ["companyID", "stableID", "userID"]
    assert (found["backlog"], found["accepted"]) == (account.pending, account.forwarded)


def test_the_traced_event_is_one_that_arrived(found: dict[str, Any], demo_home: Path):
    time_uuid, counted_as = found["traced"]
    with closing(sqlite3.connect(demo_home / "received.db")) as database:
        query = "SELECT count(*) FROM statsig_events WHERE json_extract(data, '$.timeUUID') = ?"
        (arrived,) = database.execute(query, [time_uuid]).fetchone()

    assert (counted_as, arrived) == ("forwarded", 1)


def test_the_preview_counts_what_a_backfill_would_send(found: dict[str, Any], demo_config: Config):
    (line,) = [
        line
        for line in status(demo_config)
        if line.window == found["window"] and line.category is Category.CUSTOM_EVENT
    ]

    assert found["backfill"] == line.account.filtered_by["custom_events.events.debug_ping"] > 0


@pytest.mark.parametrize(
    ("server", "every", "windows"),
    [
        ("sqlite", "day", ["2026-11-20", "2026-11-21"]),
        ("postgresql", "hour", ["2026-11-20-12:00", "2026-11-20-15:00"]),
    ],
)
def test_what_waits_failed_or_was_replayed_shows_in_the_backlog(
    server: str, every: str, windows: list[str], request: pytest.FixtureRequest, export_home, run_cells
):
    url = request.getfixturevalue(f"{server}_url")
    with Receiver() as receiver:
        config = export_home(url, receiver.url, every)
        first, second = (window_from_key(key, config.windows) for key in windows)
        export_window(config, first)
        ship(config)
        replay(config, [f"layer_exposure|{first.key}"])
        export_window(config, second)
        receiver.play([Rule(event_name="auto_capture::page_view", actions=[answer(400)], cycle=True)])
        ship(config, [f"custom_event|{second.key}"])
        with suppress(DestinationError):  # it rejects all that it is sent
            replay(config, [f"custom_event|{second.key}"], failed_only=True)
        resume(config)  # it is the events that are wrong: they may fail
        ship(config, [f"custom_event|{second.key}"], now=True)
        receiver.play([Rule(actions=[answer(503)], cycle=True)])
        ship(config, [f"gate_exposure|{second.key}"], timing=WITHOUT_WAITING)
    account = total(line.account for line in status(config))
    assert account.pending
    assert account.failed_by["rejected"]

    names = run_cells()

    assert names["attempts"]["replay"].any()
    assert names["backlog"].iloc[-1] == account.pending
    assert names["account"].loc["all", "failed"] == account.failed == len(names["failed"])
    assert names["bars"]["exposures"].sum() == names["exposures"]["exposures"].sum() > 0


@pytest.mark.parametrize("category", [Category.CUSTOM_EVENT, Category.GATE_EXPOSURE])
def test_one_category_that_was_never_shipped_is_enough(category: Category, sqlite_url, export_home, run_cells):
    config = export_home(sqlite_url)
    report = export_window(config, window_from_key("2026-11-20", config.windows), [category])

    names = run_cells()

    assert names["attempts"].empty
    assert names["backlog"].iloc[-1] == report.account.pending > 0
    assert set(names["volumes"]["category"]) == {category.value}
    assert names["exposures"].empty == (category is Category.CUSTOM_EVENT)


def test_before_the_first_export_it_says_what_to_do(sqlite_url, export_home, run_cells):
    export_home(sqlite_url)

    with pytest.raises(LookupError, match="nothing has been exported yet: `statsig-export run"):
        run_cells()


def test_the_pictures_of_the_readme_are_small():
    pictures = [Path(__file__).parents[2] / "docs" / "pictures" / f"notebook-{cell}.png" for cell in PICTURES]

    assert all(5_000 < picture.stat().st_size < 100_000 for picture in pictures)
