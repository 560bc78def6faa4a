"""A destination that rejects: whether it is an event's fault, or a set-up's that is told as one."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from home import ExportHome
from rows import custom_event, exposure
from turned_clock import TurnedClock

from statsig_export.ledger import locks
from statsig_export.maintenance.verify import verify
from statsig_export.runs import Timing
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import halted_reason, resume
from statsig_export.testing.webhook.faults import NORMAL, Action, Rule, Stage, answer
from statsig_export.testing.webhook.receiver import Receiver

EVENTS = "custom_event|2026-11-20"
POISON = Rule(event_name="poison", actions=[answer(400, "no such event")])


@pytest.fixture
def clock(home: ExportHome) -> TurnedClock:
    return TurnedClock(home)


def planned(home: ExportHome, count: int, max_events: int = 500, poison: set[int] = frozenset()) -> None:
    home.set("webhook", max_events=max_events)
    home.add([custom_event(key, "poison" if key in poison else "page_view") for key in range(1, count + 1)])
    home.export()


@pytest.mark.fault("F90")
@pytest.mark.parametrize(
    ("status", "max_events", "concurrency"),
    [(400, 1, 1), (400, 1000, 4), (400, 10, 4), (413, 2, 4), (415, 3, 1), (422, 100, 4), (430, 1000, 1)],
)
def test_a_destination_that_rejects_everything_is_halted_after_a_few_requests_and_nothing_fails(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, status: int, max_events: int, concurrency: int
):
    receiver.play([Rule(actions=[answer(status, "bad signature")])])
    home.set("webhook", concurrency=concurrency)
    planned(home, 300, max_events)

    assert "everything" in (clock.halts() or "")
    assert clock.requests <= 30
    assert (clock.account.pending, clock.account.failed) == (300, 0)
    assert f"HTTP {status}: bad signature" in (halted_reason(home.config) or "")
    assert verify(home.config).differences == ()

    receiver.play([])
    resume(home.config)
    clock.now += 60
    clock.ship()
    assert clock.account.forwarded == 300


@pytest.mark.fault("F90")
@pytest.mark.parametrize("worked", [1, 3, 9])
@pytest.mark.parametrize("max_events", [1, 10])
def test_a_set_up_that_breaks_halfway_fails_nothing(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, worked: int, max_events: int
):
    receiver.play([Rule(actions=[*[NORMAL] * worked, answer(400)])])
    home.set("webhook", concurrency=1)
    planned(home, 100, max_events)

    assert clock.halts()
    assert clock.account.forwarded == worked * max_events
    assert clock.account.failed == 0


@pytest.mark.fault("F90")
def test_what_was_accepted_yesterday_proves_nothing_today(clock: TurnedClock, home: ExportHome, receiver: Receiver):
    planned(home, 20)
    clock.ship()
    clock.now += 86_400
    receiver.play([Rule(actions=[answer(400)])])
    home.add([custom_event(21)])
    home.export()

    assert clock.halts()
    assert (clock.account.forwarded, clock.account.pending) == (20, 1)


@pytest.mark.fault("F90")
@pytest.mark.parametrize("between", [answer(503), answer(500), Action(reset=Stage.BODY)])
def test_other_failures_in_between_neither_hide_it_nor_fail_anything(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, between: Action
):
    receiver.play([Rule(actions=[answer(400), answer(400), between], cycle=True)])
    planned(home, 200, 50)
    runs = 0
    while not clock.halts():
        clock.now += 3_600
        runs += 1
        assert runs < 20

    assert clock.requests < 100
    assert (clock.account.pending, clock.account.failed) == (200, 0)


@pytest.mark.fault("F90")
def test_runs_that_end_early_do_not_add_up_to_a_failed_event(clock: TurnedClock, home: ExportHome, receiver: Receiver):
    receiver.play([Rule(actions=[answer(400)])])
    planned(home, 64, 8)
    for _ in range(5):
        assert clock.halts()
        resume_elsewhere(home)
        clock.now += 60

    assert (clock.account.pending, clock.account.failed) == (64, 0)


def resume_elsewhere(home: ExportHome) -> None:
    """The set-up changes, which lifts the halt, and is wrong again."""
    home.set("webhook", auth={"method": "token", "header": "x-token", "secret": "env:SECRET"})
    home.environ["SECRET"] = home.environ.get("SECRET", "") + "x"


@pytest.mark.fault("F90")
@pytest.mark.parametrize(("poison", "concurrency"), [(1, 1), (1, 4), (250, 4), (251, 1), (500, 1), (500, 4)])
def test_one_bad_event_of_many_fails_alone_wherever_it_is(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, poison: int, concurrency: int
):
    receiver.play([POISON])
    home.set("webhook", concurrency=concurrency)
    planned(home, 500, poison={poison})
    clock.ship()

    assert clock.account.forwarded == 499
    assert clock.account.failed_by == {"rejected": 1}
    assert clock.requests <= 2 * 9 + 3
    assert verify(home.config).differences == ()


@pytest.mark.fault("F90")
@pytest.mark.parametrize("poison", [{1, 2, 3}, {98, 99, 100}, set(range(1, 101, 7)), {100}])
@pytest.mark.parametrize("max_events", [1, 30])
def test_several_bad_events_fail_and_no_others(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, poison: set[int], max_events: int
):
    receiver.play([POISON])
    home.set("webhook", concurrency=1)
    planned(home, 100, max_events, poison)
    if clock.halts():  # three at the very end, one a request, are as much as nothing at all accepted
        assert (max_events, poison) == (1, {98, 99, 100})
        resume(home.config)
        clock.ship()

    assert (clock.account.forwarded, clock.account.failed) == (100 - len(poison), len(poison))


@pytest.mark.fault("F90")
@pytest.mark.parametrize(("count", "max_events"), [(1, 500), (7, 500), (40, 3)])
def test_after_resume_the_same_verdict_counts_so_that_what_is_really_bad_fails(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, count: int, max_events: int
):
    receiver.play([POISON])
    planned(home, count, max_events, poison=set(range(1, count + 1)))

    assert clock.halts()
    assert clock.halts()  # still
    assert resume(home.config) == {400}
    clock.ship()
    assert (clock.account.failed, clock.account.pending) == (count, 0)
    assert halted_reason(home.config) is None


@pytest.mark.fault("F90")
@pytest.mark.parametrize("change", ["another status", "something is accepted", "an hour passes"])
def test_what_resume_lets_count_ends_with_the_hour_with_an_acceptance_and_with_that_status(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, change: str
):
    receiver.play([Rule(actions=[answer(400)])])
    planned(home, 1)
    clock.halts()
    resume(home.config)
    if change == "another status":
        receiver.play([Rule(actions=[answer(422)])])
    elif change == "something is accepted":
        receiver.play([])
        clock.ship()
        receiver.play([Rule(actions=[answer(400)])])
        home.add([custom_event(2)])
        home.export()
    else:
        clock.now += 3_700

    assert clock.halts()
    assert (clock.account.failed, clock.account.pending) == (0, 1)


@pytest.mark.fault("F90")
def test_a_halt_for_a_refusal_lets_no_rejection_count(clock: TurnedClock, home: ExportHome, receiver: Receiver):
    receiver.play([Rule(actions=[answer(401), answer(400)])])
    planned(home, 1)

    assert clock.halts()
    assert resume(home.config) == frozenset()
    assert clock.halts()
    assert clock.account.pending == 1


@pytest.mark.fault("F90")
def test_failed_events_that_are_replayed_while_everything_is_rejected_halt_the_destination_too(
    clock: TurnedClock, home: ExportHome, receiver: Receiver
):
    receiver.play([POISON])
    planned(home, 60, poison=set(range(1, 41)))
    while clock.halts():
        resume(home.config)
    home.add([custom_event(61, "page_view")])
    home.export()
    clock.ship()  # it is accepted, so what the last `resume` told is over
    before = clock.requests

    with pytest.raises(Exception, match="everything"):
        replay(home.config, [EVENTS], failed_only=True)
    assert clock.requests - before <= 30
    assert (clock.account.forwarded, clock.account.failed + clock.account.pending) == (21, 40)


@pytest.mark.fault("F90")
def test_an_event_alone_in_its_run_fails_when_another_run_gets_something_through(
    clock: TurnedClock, home: ExportHome, receiver: Receiver
):
    receiver.play([POISON])
    home.add([custom_event(1, "poison")], [exposure(1), exposure(2)])
    home.export()
    others = iter([lambda: clock.ship(["gate_exposure|2026-11-20"])])

    def roll() -> float:
        """Rolled after each answer: here another run ships before this one has drawn its conclusions."""
        clock.now += 1
        next(others, lambda: None)()
        return 0.5

    timing = Timing(clock=lambda: clock.now, sleep=clock.sleep, roll=roll)
    ship(home.config, [EVENTS], timing=timing)

    assert (clock.account.forwarded, clock.account.failed) == (2, 1)


@pytest.mark.fault("F140")
@pytest.mark.parametrize(
    ("events", "poison", "bodies"),
    [
        (60, range(1, 9), {"max_events": 1, "concurrency": 1}),
        (90, range(1, 9), {"max_events": 30, "concurrency": 4}),
        (600, range(1, 31), {"max_events": 10, "concurrency": 16}),  # what began before a rejection proves nothing
        (90, range(31, 61), {"max_events": 5, "concurrency": 1}),
        (90, (1, 90), {"max_events": 10, "concurrency": 4}),
    ],
)
def test_a_run_of_bad_events_does_not_halt_a_destination_that_takes_the_others(
    clock: TurnedClock,
    home: ExportHome,
    receiver: Receiver,
    events: int,
    poison: Sequence[int],
    bodies: dict[str, int],
):
    receiver.play([POISON])
    home.set("webhook", **bodies)
    planned(home, events, bodies["max_events"], set(poison))
    clock.ship()

    assert (clock.account.forwarded, clock.account.failed) == (events - len(poison), len(poison))
    assert verify(home.config).differences == ()


@pytest.mark.fault("F141")
@pytest.mark.parametrize(
    ("locked_at_once", "poison"), [(1, {1}), (2, {3, 4}), (4, {1, 2, 3, 4, 5}), (4, {8}), (2, {1, 8})]
)
def test_bad_events_that_fill_a_group_of_locks_wait_for_what_other_groups_tell(
    clock: TurnedClock,
    home: ExportHome,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    locked_at_once: int,
    poison: set[int],
):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", locked_at_once)
    receiver.play([POISON])
    in_eight_windows(home, poison)
    clock.ship()

    assert (clock.account.forwarded, clock.account.failed) == (8 - len(poison), len(poison))


@pytest.mark.fault("F141")
@pytest.mark.parametrize("locked_at_once", [1, 3])
def test_a_destination_that_rejects_all_groups_of_locks_is_halted_and_nothing_fails(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, locked_at_once: int
):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", locked_at_once)
    receiver.play([Rule(actions=[answer(400)])])
    in_eight_windows(home, set())

    assert "everything" in (clock.halts() or "")
    assert (clock.account.pending, clock.account.failed) == (8, 0)
    assert clock.requests <= 30


def in_eight_windows(home: ExportHome, poison: set[int]) -> None:
    """One event each in eight windows of an hour."""
    home.set("windows", every="hour", start="2026-11-20T00:00:00Z")

    def at(hour: int) -> dict[str, object]:
        moment = datetime(2026, 11, 20, hour, tzinfo=UTC)
        return {"timestamp": moment, "ingested_at": moment}

    home.add([custom_event(hour, "poison" if hour in poison else "page_view", **at(hour)) for hour in range(1, 9)])
    for hour in range(1, 9):
        home.export(f"2026-11-20-{hour:02d}:00")


@pytest.mark.fault("F142")
@pytest.mark.parametrize("last", [2, 4])
def test_what_was_accepted_before_an_events_own_rejection_proves_nothing_against_it(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, last: int
):
    """The first event is really bad, and fails; then the set-up breaks, for the last ones."""
    worked = [NORMAL] * (10 - 1 - last)
    receiver.play([POISON, Rule(actions=[*worked, answer(400)])])
    home.set("webhook", concurrency=1)
    planned(home, 10, 1, {1})

    assert clock.halts()
    assert (clock.account.forwarded, clock.account.failed, clock.account.pending) == (9 - last, 1, last)


@pytest.mark.fault("F143")
@pytest.mark.parametrize("bad", [1, 2, 4])
def test_a_few_bad_events_that_were_under_way_while_others_were_accepted_fail_and_halt_nothing(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, bad: int
):
    """A small day: one batch of nothing but bad events, and one of good ones, at the same moment."""
    later, soon = Action(status=400, delay=0.2), Action(delay=0.1)
    receiver.play([Rule(event_name="poison", actions=[later]), Rule(actions=[soon])])
    home.set("webhook", concurrency=2)
    home.add([custom_event(key, "poison") for key in range(bad)], [exposure(1)])
    home.export()
    clock.ship()

    assert (clock.account.forwarded, clock.account.failed) == (1, bad)
