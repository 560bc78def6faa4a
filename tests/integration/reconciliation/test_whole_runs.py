"""Whole runs against the table that the stand-in lays down: faults, syncs, replays, and what hands do to the table."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from home import ExportHome
from landing import Landing, landing_in
from rows import custom_event, exposure
from sent_home import GRACE, compared, points_at
from shell import DAY

from statsig_export.maintenance.verify import verify
from statsig_export.reconciliation.reports import Arrivals
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.testing.webhook.faults import Action, Faults, Rule, answer
from statsig_export.testing.webhook.receiver import Receiver

EVENTS = 30
MINUTE = timedelta(minutes=1)
FAULTS = Faults(
    rules=(
        Rule(requests={8}, actions=[Action(status=500, processed=True)]),  # stored, and told otherwise
        Rule(requests={9}, actions=[answer(503)]),
    ),
    max_events=4,  # every batch is split
)


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["packed", "unpacked"])
def landing(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> Landing:
    if database == "postgresql":
        return Landing(database, request.getfixturevalue("postgres_url"), request.param)
    return landing_in(tmp_path, database, request.param, "fivetran" if database == "sqlite" else "source")


@pytest.fixture
def receiver(landing: Landing) -> Iterator[Receiver]:
    with Receiver(tables=landing.table, strict_delivery=True, faults=FAULTS) as receiver:
        yield receiver


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, landing: Landing) -> ExportHome:
    """Everything is forwarded in the end, and nothing is in the table: no sync has been."""
    home = ExportHome(tmp_path, receiver)
    points_at(home, landing)
    home.set("webhook", max_events=7, concurrency=1)  # so the faults meet the same batches each time: custom events
    home.add([custom_event(key) for key in range(1, 21)], [exposure(key) for key in range(1, 11)])
    home.export()
    while home.account().pending:
        ship(home.config, now=True)
    return home


def held(home: ExportHome, landing: Landing, after: timedelta) -> Arrivals:
    """What the comparison says, which has to be what sets of ids say. Of each test the times go up."""
    report = compared(home, after)
    ours, there = {str(event["timeUUID"]) for event in home.receiver.events()}, Counter(landing.ids())
    absent = len(ours - there.keys())
    expected = {
        "forwarded": EVENTS,
        "arrived": len(ours & there.keys()),
        "missing": absent if after >= GRACE else 0,
        "not_yet": 0 if after >= GRACE else absent,
        "repeated": sum(there[one] > 1 for one in ours),
        "unconfirmed": 0,
    }
    assert {name: getattr(report.total, name) for name in expected} == expected
    assert report.alien == sum(times for one, times in there.items() if one not in ours)
    return report.total


@pytest.mark.fault("F390", "F391", "F397", "F415")
def test_the_account_is_that_of_sets_of_ids_after_faults_syncs_replays_and_hands(home: ExportHome, landing: Landing):
    events = home.receiver.events()
    stored_twice = len(events) - EVENTS
    assert stored_twice > 0
    assert held(home, landing, 0 * MINUTE).not_yet == EVENTS, "accepted, and no sync has been"
    assert landing.table.sync() == len(events)
    assert held(home, landing, 1 * MINUTE).repeated_unknown == stored_twice

    replay(home.config, ["gate_exposure|2026-11-20"])
    assert held(home, landing, 2 * MINUTE).repeated_replay == 0, "a replay waits for a sync, as everything does"
    landing.table.sync()
    assert held(home, landing, 3 * MINUTE).repeated_replay == 10

    # Each once: of a busy machine any batch may have been stored twice.
    ids = [*dict.fromkeys(str(event["timeUUID"]) for event in events if event["eventName"] == "page_view")]
    removed, late = ids[:3], ids[8:10]
    doubled = [event for event in events if event["timeUUID"] in ids[-2:]]
    landing.remove([*removed, *late])
    landing.land([*doubled, {**doubled[0], "timeUUID": "foreign"}])
    assert held(home, landing, 4 * MINUTE).not_yet == 5
    assert held(home, landing, GRACE + MINUTE).missing == 5

    landing.land([event for event in events if event["timeUUID"] in late], synced=datetime.now(UTC) + 2 * GRACE)
    assert held(home, landing, GRACE + 2 * MINUTE).missing == 3, "what a later sync brings is there"

    home.set("arrivals", grace="0s")
    home.write()
    before = len(home.receiver.events())
    assert home.verb("replay", *DAY, "--missing").exit_code == 0
    assert sorted(str(event["timeUUID"]) for event in home.receiver.events()[before:]) == sorted(removed)
    landing.table.sync()
    assert held(home, landing, GRACE + 3 * MINUTE).arrived == EVENTS
    assert verify(home.config).differences == ()
