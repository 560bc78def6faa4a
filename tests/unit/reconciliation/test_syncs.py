"""What looks at a connection say of its syncs: never more than is so, whatever was seen of them."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.reconciliation.connection import Connection
from statsig_export.reconciliation.syncs import LAG_MS, QUEUED_MS, Seen, overdue_ms, seen

GRACE = 3_600_000
LOOKS = st.tuples(st.integers(1_000_000, 5_000_000), st.booleans())
"""When, and whether the connection was paused then: also in the middle of a sync."""


@dataclass(frozen=True)
class Sync:
    began: int
    ended: int
    well: bool


@st.composite
def syncs(draw: st.DrawFn) -> list[Sync]:
    """One after another, none shorter than LAG_MS, and none longer than `grace`."""
    made, now = [], 1_000_000
    for _ in range(draw(st.integers(0, 6))):
        began = now + draw(st.integers(0, 200_000))
        now = began + draw(st.integers(LAG_MS, 400_000))
        made.append(Sync(began, now, draw(st.booleans())))
    return made


def looked(at: int, lag: int, made: list[Sync], **changes: object) -> Connection:
    """What Fivetran says at a moment; the end of a sync it tells so much later than it looks idle."""
    told = [sync for sync in made if sync.ended + lag <= at]
    running = any(sync.began <= at < sync.ended for sync in made)
    facts = {
        "asked_ms": at,
        "ahead_ms": 0,
        "name": "",
        "paused": False,
        "setup_state": "connected",
        "sync_state": "syncing" if running else "scheduled",
        "succeeded_ms": max((sync.ended for sync in told if sync.well), default=None),
        "failed_ms": max((sync.ended for sync in told if not sync.well), default=None),
    }
    return Connection(**{**facts, **changes})


@pytest.mark.fault("F407", "F491")
@given(syncs(), st.lists(LOOKS, max_size=8), st.integers(0, LAG_MS - 1))
def test_whatever_was_seen_nothing_is_missing_that_the_last_good_sync_did_not_have_to_bring(
    made: list[Sync], moments: list[tuple[int, bool]], lag: int
):
    known = Seen()
    for at, paused in sorted(moments):
        found = looked(at, lag, made, **({"sync_state": "paused"} if paused else {}))
        known = Seen.of_text(seen(known, found).text)
        until = overdue_ms(known, GRACE)
        good = [sync for sync in made if sync.well and sync.ended == found.succeeded_ms]

        assert (until is None) == (not good)
        if until is not None:
            assert until <= good[0].began


@pytest.mark.fault("F407")
def test_what_was_seen_before_a_sync_began_says_that_it_began_later():
    idle, good, failed = looked(0, 0, [], asked_ms=100_000), 200_000, 150_000
    after = looked(0, 0, [], asked_ms=300_000, succeeded_ms=good)

    once = seen(Seen(), after)
    assert (once.began_ms, overdue_ms(once, GRACE)) == (None, good - GRACE)
    assert seen(seen(Seen(), idle), after).began_ms == 100_000, "it was idle then"
    failing = looked(0, 0, [], asked_ms=300_000, succeeded_ms=good, failed_ms=failed)
    assert seen(Seen(), failing).began_ms == failed, "one sync at a time"
    later = seen(once, looked(0, 0, [], asked_ms=500_000, sync_state="syncing", succeeded_ms=400_000))
    assert later.began_ms == 300_000, "it was idle at the look before"
    assert overdue_ms(later, GRACE) == 300_000 - QUEUED_MS


@pytest.mark.fault("F491")
def test_a_connection_that_is_paused_may_have_a_sync_that_is_running():
    paused = looked(0, 0, [], asked_ms=100_000, sync_state="paused")

    assert seen(seen(Seen(), paused), looked(0, 0, [], asked_ms=300_000, succeeded_ms=200_000)).began_ms is None


def test_a_sync_that_fails_moves_nothing_and_none_that_succeeded_makes_nothing_overdue():
    good = seen(Seen(), looked(0, 0, [], asked_ms=1, succeeded_ms=200_000, failed_ms=100_000))
    failing = seen(good, looked(0, 0, [], asked_ms=2, succeeded_ms=200_000, failed_ms=900_000))

    assert overdue_ms(failing, GRACE) == overdue_ms(good, GRACE)
    assert overdue_ms(seen(Seen(), looked(0, 0, [], asked_ms=1, failed_ms=5)), GRACE) is None


def test_a_note_of_a_later_version_is_read_as_far_as_it_is_known():
    assert Seen.of_text(json.dumps({"began_ms": 3, "new": 1})) == Seen(began_ms=3)
    assert Seen.of_text(None) == Seen()
