"""A connection's own syncs say what is missing; `grace` where Fivetran is not heard."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fivetran_api import Connection, Fault, FivetranApi, fivetran_api
from home import ExportHome
from landing import landing_in
from sent_home import compared, connected, fifteen_sent, last_attempt, missing_of, sent_earlier
from shell import DAY

from statsig_export.errors import ConfigError
from statsig_export.reconciliation import fivetran_api as client_module
from statsig_export.reconciliation.connection import Untold
from statsig_export.reconciliation.fivetran_api import FivetranApi as FivetranClient
from statsig_export.runs import REAL_TIME
from statsig_export.shipping.replay import replay

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def api() -> Iterator[FivetranApi]:
    with fivetran_api() as api:
        yield api


@pytest.fixture
def home(home: ExportHome, api: FivetranApi, tmp_path: Path) -> ExportHome:
    """Fifteen events were sent, and none of them landed."""
    home.kept = None  # a sync is before or after the moment of sending
    home = fifteen_sent(home, landing_in(tmp_path))
    connected(home, api)
    return home


@pytest.mark.fault("F407")
def test_what_was_sent_before_a_good_sync_began_is_missing_at_once(home: ExportHome, api: FivetranApi):
    sent_earlier(home, 2 * MINUTE)
    api.connection.succeeded_at = api.now() - HOUR
    before = compared(home)
    api.connection.end(api.now() + 30 * timedelta(seconds=1))
    after = compared(home)

    assert missing_of(before) == (0, 15)
    assert missing_of(after) == (15, 0), "long before `grace`"
    assert after.judged is not None
    assert (after.judged.by, after.judged.connection) == ("syncs", "connection_id")


@pytest.mark.fault("F407")
def test_what_was_sent_after_the_last_good_sync_is_not_yet_there_however_long_ago(home: ExportHome, api: FivetranApi):
    sent_earlier(home, 30 * HOUR)
    api.connection.succeeded_at = api.now() - 40 * HOUR
    api.connection.failed_at = api.now() - HOUR

    report = compared(home)

    assert missing_of(report) == (0, 15)
    assert report.judged is not None
    assert "its last sync failed at" in report.judged.says[0]


@pytest.mark.fault("F407")
@pytest.mark.parametrize(("sent", "missing"), [(5 * HOUR, 0), (14 * HOUR, 15)])
def test_where_nobody_saw_the_sync_begin_it_has_lasted_grace_at_most(
    home: ExportHome, api: FivetranApi, sent: timedelta, missing: int
):
    sent_earlier(home, sent)
    api.connection.succeeded_at = api.now() - HOUR

    assert missing_of(compared(home)) == (missing, 15 - missing)


@pytest.mark.fault("F407")
def test_what_was_sent_again_since_waits_for_the_next_sync(home: ExportHome, api: FivetranApi):
    sent_earlier(home, 5 * HOUR)
    first = last_attempt(home)
    api.connection.failed_at, api.connection.succeeded_at = api.now() - HOUR, api.now() - 10 * MINUTE
    assert missing_of(compared(home)) == (15, 0)

    replay(home.config, ["gate_exposure|2026-11-20"])

    assert last_attempt(home) > first
    assert missing_of(compared(home)) == (10, 5)


@pytest.mark.fault("F407")
@pytest.mark.parametrize("ahead", [-4 * MINUTE, 4 * MINUTE])
def test_a_clock_that_differs_from_fivetrans_changes_nothing(home: ExportHome, api: FivetranApi, ahead: timedelta):
    api.ahead = ahead
    sent_earlier(home, 30 * MINUTE)
    api.connection.succeeded_at = api.now() - 10 * MINUTE
    api.connection.failed_at = api.now() - 32 * MINUTE
    assert missing_of(compared(home)) == (0, 15)

    api.connection.failed_at = api.now() - 28 * MINUTE
    assert missing_of(compared(home)) == (15, 0)


@pytest.mark.fault("F408")
@pytest.mark.parametrize("ahead", [-25 * HOUR, 25 * HOUR])
def test_an_answer_of_another_day_is_not_believed(home: ExportHome, api: FivetranApi, ahead: timedelta):
    api.ahead = ahead
    api.connection.succeeded_at, api.connection.failed_at = api.now(), api.now() - MINUTE

    report = compared(home)

    assert missing_of(report) == (0, 15), "they were sent a moment ago"
    assert report.judged is not None
    assert "look for a cache in between" in report.judged.says[0]


FAULTS = {
    "401": (Fault(401, text="no key"), "refuses the API key or secret (401)"),
    "403": (Fault(403), "may not do that"),
    "404": (Fault(404), "knows no such connection (404)"),
    "429": (Fault(429, {"Retry-After": "17"}), "try again in 17 s"),
    "503": (Fault(503, {"Retry-After": "17"}), "a fault of its own (503)"),
    "302": (Fault(302, {"Location": "https://login.example/"}), "leads elsewhere (302)"),
    "HTML": (Fault(200, text="<html>Log in</html>"), "something else than its JSON"),
    "no status": (Fault(200, text='{"data": {"service": "webhooks"}}'), "not as Fivetran describes it"),
    "no time": (
        Fault(
            200,
            text='{"data": {"service": "webhooks", "succeeded_at": 5,'
            ' "status": {"setup_state": "connected", "sync_state": "scheduled"}}}',
        ),
        "not as Fivetran describes it",
    ),
    "another service": (Fault(200, text='{"data": {"service": "github"}}'), "none of Webhooks"),
    "closed": (Fault(kind="close"), "does not answer"),
    "slow": (Fault(kind="drip"), "no whole answer within 0.3 s"),
}


@pytest.mark.fault("F408")
def test_whatever_fivetran_answers_it_is_said_in_our_own_words_and_once_asked(
    home: ExportHome, api: FivetranApi, monkeypatch: pytest.MonkeyPatch
):
    client = FivetranClient(home.config, REAL_TIME.now_ms)
    for name, (fault, why) in FAULTS.items():
        monkeypatch.setattr(client_module, "SECONDS", 0.3 if name == "slow" else 10.0)
        api.faults, api.requests = [fault], []
        found = client.connection()
        assert isinstance(found, Untold), name
        assert why in found.why
        assert len(api.requests) == 1, "nothing is asked twice"


@pytest.mark.fault("F408")
def test_where_fivetran_is_not_heard_grace_says_what_is_missing_and_the_report_says_so(
    home: ExportHome, api: FivetranApi
):
    sent_earlier(home, 13 * HOUR)
    home.environ["FIVETRAN_API_SECRET"] = "another"

    report = compared(home)

    assert missing_of(report) == (15, 0)
    assert report.judged is not None
    assert (report.judged.by, api.requests) == ("grace", ["GET /v1/connections/connection_id"])
    assert "refuses the API key or secret (401)" in report.judged.says[0]
    assert "`grace` says what is missing" in report.judged.says[1]
    assert "Basic" not in str(report.to_dict())


@pytest.mark.fault("F486")
def test_while_fivetran_is_not_heard_what_grace_alone_calls_missing_is_not_sent_again(
    home: ExportHome, api: FivetranApi
):
    sent_earlier(home, 30 * HOUR)
    api.connection.succeeded_at, api.connection.paused = api.now() - 40 * HOUR, True
    assert missing_of(compared(home)) == (0, 15), "they wait in Fivetran's queue"
    home.write()
    requests = len(home.receiver.requests)
    api.always = Fault(503)

    said, planned, sent = home.verb("arrivals"), home.verb("replay", *DAY, "--missing", "--dry-run"), replayed(home)

    assert said.exit_code == 1, "somebody has to look"
    assert "sends only what a sync had to bring by what Fivetran said before" in said.stderr
    assert "0 events in 0 requests" in planned.stdout
    assert (sent["replayed"], sent["withheld"], sent["exit"]) == (0, 15, 1)
    assert len(home.receiver.requests) == requests
    assert "15 events that are missing by `grace` alone are not sent" in planned.stderr


@pytest.mark.fault("F486")
def test_while_fivetran_is_not_heard_what_an_earlier_sync_had_to_bring_is_sent(home: ExportHome, api: FivetranApi):
    sent_earlier(home, 2 * HOUR)
    api.connection.failed_at, api.connection.succeeded_at = api.now() - HOUR, api.now() - 30 * MINUTE
    assert missing_of(compared(home)) == (15, 0)
    replay(home.config, ["gate_exposure|2026-11-20"])
    home.write()
    api.always = Fault(kind="close")

    assert missing_of(compared(home)) == (10, 5), "as it was when Fivetran was heard, and not `grace` from now"
    sent = replayed(home)

    assert (sent["replayed"], sent["withheld"], sent["exit"]) == (10, 0, 0)


def replayed(home: ExportHome) -> dict[str, object]:
    result = home.verb("replay", *DAY, "--missing", "--json")
    return {**json.loads(result.stdout), "exit": result.exit_code}


@pytest.mark.fault("F408")
def test_nobody_listens_and_the_verb_says_so_without_a_secret(home: ExportHome):
    home.set("arrivals", api_url="http://127.0.0.1:9")
    home.write()

    result = home.verb("arrivals")

    assert result.exit_code == 0, result.output
    assert "Fivetran's API was not heard on the connection connection_id: it does not answer" in result.stderr
    assert not {"api-secret", "YXBpLXNlY3JldA", "Basic"} & set(result.output.split())


@pytest.mark.fault("F408")
def test_the_verbs_say_what_a_sync_had_to_bring_and_replay_goes_by_it_too(home: ExportHome, api: FivetranApi):
    sent_earlier(home, 30 * HOUR)
    api.connection.succeeded_at = api.now() - 40 * HOUR
    api.connection.paused = True
    home.write()

    compared_, planned = home.verb("arrivals"), home.verb("replay", *DAY, "--missing", "--dry-run")

    assert "A sync of connection_id succeeded last at" in compared_.stdout
    assert "is paused: nothing more arrives until somebody resumes it" in compared_.stderr
    assert "0 events in 0 requests" in planned.stdout, "they are on their way"
    assert "is paused" in planned.stderr


STANDINGS: list[tuple[dict[str, object], str]] = [
    ({"paused": True}, "is paused"),
    ({"setup_state": "broken"}, "is broken: nothing more arrives until somebody mends it"),
    ({"setup_state": "incomplete"}, "is incomplete"),
    ({"sync_state": "rescheduled"}, "was rescheduled by Fivetran"),
    ({"schedule_type": "manual"}, "syncs only when it is asked to"),
    ({"schema": "github.issues"}, "writes to github.issues, and [arrivals] names statsig_events"),
    ({"succeeded_at": None}, "has never had a sync that succeeded"),
]


@pytest.mark.fault("F408")
def test_what_keeps_a_connection_from_syncing_is_said(home: ExportHome, api: FivetranApi):
    for changes, said in STANDINGS:
        api.connection = Connection(succeeded_at=api.now() - HOUR)
        for key, value in changes.items():
            setattr(api.connection, key, value)
        judged = compared(home).judged
        assert judged is not None
        assert [said in sentence for sentence in judged.says] == [True], said


@pytest.mark.fault("F408")
def test_a_key_that_is_not_set_is_an_error_of_the_configuration(home: ExportHome, api: FivetranApi):
    del home.environ["FIVETRAN_API_SECRET"]

    with pytest.raises(ConfigError, match="FIVETRAN_API_SECRET is not set"):
        compared(home)
    assert api.requests == []
