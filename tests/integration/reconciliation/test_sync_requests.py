"""A sync is asked for once something was shipped: never two at once, and what is wrong fails nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fivetran_api import Fault, FivetranApi, fivetran_api
from home import ExportHome
from landing import landing_in
from rows import custom_event
from sent_home import connected, fifteen_sent, sent_earlier

from statsig_export.reconciliation.sync_request import AGAIN, SyncRequest, request_sync
from statsig_export.runs import REAL_TIME

MINUTE = timedelta(minutes=1)
LOOK = "GET /v1/connections/connection_id"
SYNC, TURN_OFF = "POST /v1/connections/connection_id/sync", "PATCH /v1/connections/connection_id"


@pytest.fixture
def api() -> Iterator[FivetranApi]:
    with fivetran_api() as api:
        yield api


@pytest.fixture
def home(home: ExportHome, api: FivetranApi, tmp_path: Path) -> ExportHome:
    """Fifteen events were sent ten minutes ago; the last sync was before."""
    home.kept = None  # a sync is before or after the moment of sending
    home = fifteen_sent(home, landing_in(tmp_path))
    connected(home, api, sync_after_shipment=True)
    sent_earlier(home, 10 * MINUTE)
    api.connection.succeeded_at = api.now() - timedelta(hours=2)
    return home


def asked(home: ExportHome, after: timedelta = timedelta(0)) -> SyncRequest:
    return request_sync(home.config, now_ms=round((datetime.now(UTC) + after).timestamp() * 1000))


@pytest.mark.fault("F409")
def test_a_sync_is_asked_for_and_the_schedule_turned_off_until_one_has_brought_it(home: ExportHome, api: FivetranApi):
    first, second = asked(home), asked(home)
    assert (first.asked, second.asked) == (True, False)
    assert "is syncing" in second.says
    assert "Its own schedule is off from now on" in first.says
    assert (api.connection.syncs, api.connection.schedule_type) == (1, "manual")

    api.connection.end(api.now() + MINUTE)
    assert asked(home).says == "A sync has brought what was shipped."
    requests = len(api.requests)
    assert asked(home).says == "A sync has brought what was shipped."
    assert len(api.requests) == requests, "the ledger knows it"


@pytest.mark.fault("F409")
def test_the_schedule_is_kept_where_export_toml_says_so(home: ExportHome, api: FivetranApi):
    home.set("arrivals", keep_schedule=True)

    assert asked(home).asked
    assert api.connection.schedule_type == "auto"
    assert not any(request.startswith("PATCH") for request in api.requests)


@pytest.mark.fault("F410")
def test_of_many_at_once_one_asks_and_no_running_sync_is_stopped(home: ExportHome, api: FivetranApi):
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: request_sync(home.config), range(8)))

    assert sum(one.asked for one in found) == 1
    assert api.requests.count(SYNC) == 1
    assert (api.connection.syncs, api.connection.restarted) == (1, 0)


@pytest.mark.fault("F410")
@pytest.mark.parametrize("state", ["syncing", "rescheduled"])
def test_what_runs_or_was_put_off_is_left_alone(home: ExportHome, api: FivetranApi, state: str):
    api.connection.sync_state = state
    api.connection.rescheduled_for = api.now() + 30 * MINUTE if state == "rescheduled" else None

    found = asked(home)

    assert not found.asked
    assert {"syncing": "is syncing", "rescheduled": "was rescheduled by Fivetran to"}[state] in found.says
    assert api.connection.syncs == 0


@pytest.mark.fault("F410")
def test_a_sync_that_was_put_off_and_that_no_schedule_takes_up_is_asked_for(home: ExportHome, api: FivetranApi):
    api.connection.sync_state, api.connection.schedule_type = "rescheduled", "manual"
    api.connection.rescheduled_for = api.now() - MINUTE

    assert asked(home).asked


@pytest.mark.fault("F411")
@pytest.mark.parametrize(
    ("changes", "said"), [({"paused": True}, "is paused"), ({"setup_state": "incomplete"}, "is incomplete")], ids=str
)
def test_a_connection_that_cannot_sync_is_said_and_not_asked(
    home: ExportHome, api: FivetranApi, changes: dict[str, object], said: str
):
    for key, value in changes.items():
        setattr(api.connection, key, value)

    found = asked(home)

    assert (found.asked, found.wrong) == (False, True)
    assert said in found.says
    assert api.requests == [LOOK]


@pytest.mark.fault("F411")
def test_a_broken_connection_is_asked_too_since_a_sync_may_mend_it(home: ExportHome, api: FivetranApi):
    api.connection.setup_state, api.connection.schedule_type = "broken", "manual"

    assert asked(home).asked, "with its schedule off nothing else would"


@pytest.mark.fault("F411")
def test_a_sync_that_fails_is_said_and_asked_for_again_after_a_while(home: ExportHome, api: FivetranApi):
    asked(home)
    api.connection.end(api.now(), well=False)

    soon, later = asked(home), asked(home, after=AGAIN)

    assert not soon.asked
    assert "its last sync failed at" in soon.says
    assert later.asked


@pytest.mark.fault("F411")
def test_a_sync_that_was_refused_is_asked_for_at_the_next_call(home: ExportHome, api: FivetranApi):
    api.after = {LOOK: Fault(429, {"Retry-After": "9"})}
    refused = asked(home)
    api.after = {}
    taken = asked(home)

    assert "No sync of connection_id was started" in refused.says
    assert "try again in 9 s" in refused.says
    assert taken.asked


@pytest.mark.fault("F411")
def test_a_schedule_that_cannot_be_turned_off_is_said(home: ExportHome, api: FivetranApi):
    api.after = {SYNC: Fault(403)}

    found = asked(home)

    assert (found.asked, found.wrong) == (True, True)
    assert "Its own schedule stays on" in found.says
    assert api.requests[-1] == TURN_OFF


@pytest.mark.fault("F411")
def test_a_shipment_is_as_it_was_whatever_fivetran_says_of_the_sync(home: ExportHome, api: FivetranApi):
    home.add([custom_event(100)])
    home.write()
    day = ("--from", "2026-11-20", "--to", "2026-11-21")
    api.always = Fault(500)
    shipped = home.verb("run", *day)
    del home.environ["FIVETRAN_API_KEY"]
    without = home.verb("ship")

    assert (shipped.exit_code, without.exit_code) == (0, 0)
    assert "No sync" not in shipped.stdout
    assert "No sync of connection_id was asked for. Fivetran's API: it has a fault" in shipped.stderr
    assert "No sync was asked for: the environment variable FIVETRAN_API_KEY is not set" in without.stderr


@pytest.mark.fault("F409")
def test_the_verbs_note_a_sync_that_they_asked_for_and_nothing_once_it_has_come(home: ExportHome, api: FivetranApi):
    home.write()
    first = home.verb("ship", "--json")
    api.connection.end(api.now() + MINUTE)
    second = home.verb("ship")

    assert "Fivetran was asked for a sync of connection_id" in first.stderr
    assert "ync" not in second.output


@pytest.mark.fault("F411")
def test_a_run_that_is_being_stopped_does_not_wait_for_fivetran(
    home: ExportHome, api: FivetranApi, monkeypatch: pytest.MonkeyPatch
):
    stopped = nullcontext(replace(REAL_TIME, stopping=lambda: True))
    monkeypatch.setattr("statsig_export.cli.shipments.until_stopped", lambda: stopped)
    home.write()

    assert home.verb("ship").exit_code == 0
    assert api.requests == []


@pytest.mark.fault("F409")
def test_what_was_just_accepted_is_left_to_the_next_call_where_there_is_one(home: ExportHome, api: FivetranApi):
    sent_earlier(home, -10 * MINUTE)

    assert request_sync(home.config, settled=True).says == "Nothing was shipped that a sync could bring."
    assert api.requests == []
