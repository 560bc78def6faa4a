"""A `forget` that is killed at each of its points loses nobody else's event, and the next one finishes it."""

import time
from collections import Counter
from pathlib import Path

import pytest
from stage import Stage, ended

import statsig_export
from statsig_export.crashpoints import CrashPoint
from statsig_export.errors import DestinationError
from statsig_export.forgetting.forget import forget
from statsig_export.ledger.queries import partition_ids
from statsig_export.ledger.replays import plan_replays
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status
from statsig_export.windows import split_partition_key
from torture import webhook
from torture.children import POLICY

pytestmark = pytest.mark.acceptance

POINTS = [
    CrashPoint.REMEMBERED,
    CrashPoint.FILE_RENAMED,
    CrashPoint.REWRITTEN,
    f"{CrashPoint.FORGETTING}:2",
    f"{CrashPoint.FORGOTTEN}:2",
    f"{CrashPoint.REPLACED}:2",
]
"""In this order: each run goes on where the one before was killed."""


def ids(stage: Stage, gone: set[str]) -> Counter[str]:
    """The events of the others, in the files that the ledger names."""
    events = statsig_export.read_events(stage.home.config, columns=["user_id", "time_uuid"])
    return Counter(events[~events["user_id"].isin(gone)]["time_uuid"])


def names(stage: Stage) -> set[str]:
    return set(statsig_export.read_events(stage.home.config, columns=["user_id"])["user_id"])


def exported(stage: Stage, seed: int, rows: int = 50) -> set[str]:
    """Two days, sent to a webhook that misbehaves. Every fifth user."""
    stage.receiver.play(webhook.usual(seed))
    stage.add_rows(rows)
    stage.export()
    stage.ship()
    return {user for user in names(stage) if user and int(user.partition("-")[2]) % 5 == 0}


def drained(stage: Stage, gone: set[str], others: Counter[str]) -> None:
    """All that is left is exported and sent: everything of the others has arrived, nothing of those who are gone."""
    config = stage.home.config
    stage.receiver.play(webhook.quiet())
    before = len(stage.receiver.requests)
    stage.export()
    for _ in range(20):
        stage.ship()
        if not sum(line.unsent for line in status(config)):
            break
    stage.receiver.close()
    assert verify(config, policy=POLICY).differences == ()
    assert not names(stage) & gone
    assert not {event["userID"] for one in stage.receiver.requests[before:] for event in one.events} & gone
    accepted = {event["timeUUID"] for one in stage.receiver.requests if one.accepted for event in one.events}
    failed = sum(line.account.failed_by.get("rejected", 0) for line in status(config))
    assert len(set(others) - accepted) == failed
    assert all(line.account.balances and not line.unsent for line in status(config))
    files = Path(config.storage_url()) / "events"
    assert len(list(files.rglob("*.parquet"))) == len(statsig_export.partition_files(config))


@pytest.mark.fault("F451")
def test_a_forget_that_is_killed_loses_nobody_elses_event_and_the_next_one_finishes_it(any_stage: Stage):
    stage = any_stage
    gone = exported(stage, 5)
    config = stage.home.config
    others, events = ids(stage, gone), sum(line.account.events for line in status(config))

    for number, point in enumerate(POINTS):
        assert ended(stage.start_forget(() if number else gone, point)) == -9, point
        assert verify(config, policy=POLICY).differences == ()
        assert ids(stage, gone) == others
        assert sum(line.account.events for line in status(config)) == events
        stage.ship()
    assert names(stage) & gone
    assert ended(stage.start_forget()) == 0, stage.log

    assert ids(stage, gone) == others
    assert not names(stage) & gone
    drained(stage, gone, others)


@pytest.mark.fault("F449")
def test_forgetting_beside_shippers_exports_replays_and_a_check_loses_nothing(postgres_stage: Stage):
    stage = postgres_stage
    gone = exported(stage, 7)
    config, keys = stage.home.config, [line.partition for line in status(stage.home.config)]
    for number in range(3):
        stage.add_rows(30)
        some = sorted(gone)[number::3]
        children = [stage.start_ship()[0], stage.start_forget(some), stage.start_export(), stage.start_forget()]
        with ledger_of(config) as ledger:
            found = list(partition_ids(ledger.database, "fivetran", map(split_partition_key, keys)).values())
            plan_replays(ledger.database, found, int(time.time() * 1000), failed_only=False)
        assert verify(config, policy=POLICY).differences == ()
        shipped, *others_ended = [ended(child) for child in children]
        assert (others_ended, shipped in {0, DestinationError.exit_code}) == ([0, 0, 0], True), stage.log
        with ledger_of(config) as ledger:
            ledger.resume("fivetran")
    while forget(config).busy:
        pass
    others = ids(stage, gone)

    assert not names(stage) & gone
    drained(stage, gone, others)
