"""When what waits is sent: after an outage, under a rate limit, by a wrong clock, at once, and under other limits."""

import json
from collections.abc import Callable

import pytest
from home import ExportHome
from rows import custom_event, exposure
from turned_clock import TurnedClock, in_ledger

from statsig_export.ledger import queries
from statsig_export.ledger.records import DestinationRecord
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.replay import replay
from statsig_export.shipping.status import due_partitions, resume, status
from statsig_export.testing.webhook.faults import NORMAL, Rule, answer
from statsig_export.testing.webhook.receiver import Receiver

EVENTS, GATES = "custom_event|2026-11-20", "gate_exposure|2026-11-20"
SICK = Rule(event_name="sick", actions=[answer(500)])
DAYS_400 = 400 * 86_400_000
AHEAD = "UPDATE batches SET due_ms = due_ms + :by, planned_ms = planned_ms + :by"
PAUSED = "INSERT INTO destinations (name, breaker_openings, probe_ms) VALUES ('fivetran', :openings, :until)"


@pytest.fixture
def clock(home: ExportHome) -> TurnedClock:
    home.set("webhook", concurrency=1, max_events=1)
    return TurnedClock(home)


def planned(home: ExportHome, count: int, sick: int = 0) -> None:
    home.add([custom_event(key, "sick" if key <= sick else "page_view") for key in range(1, count + 1)])
    home.export()


def remembered(home: ExportHome) -> DestinationRecord:
    with ledger_of(home.config) as ledger:
        return queries.destination(ledger.database, "fivetran")


@pytest.mark.fault("F91")
@pytest.mark.parametrize(("tries", "concurrency"), [(0, 1), (0, 4), (6, 1)])
def test_batches_that_always_fail_do_not_starve_the_others(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, tries: int, concurrency: int
):
    home.set("webhook", concurrency=concurrency)
    planned(home, 12, sick=5)
    receiver.play([Rule(actions=[answer(500)])])
    for _ in range(tries):  # an outage that all of them have a share of
        clock.ship()
        clock.now += 900
    receiver.play([SICK])
    began = clock.now
    while clock.account.forwarded < 7:
        clock.ship()
        clock.now += 300

    assert clock.now - began < 7_200


@pytest.mark.fault("F91")
def test_each_probe_is_another_batch(clock: TurnedClock, home: ExportHome, receiver: Receiver):
    planned(home, 10)
    receiver.play([Rule(actions=[answer(500)])])
    clock.ship()
    for _ in range(5):
        clock.now += 901
        clock.ship()

    assert [request.attempt for request in receiver.requests] == [1] * 10
    assert len({request.webhook_id for request in receiver.requests}) == 10


@pytest.mark.fault("F91")
def test_the_sensor_is_told_of_the_least_tried_partitions_when_a_probe_is_due(
    clock: TurnedClock, home: ExportHome, receiver: Receiver
):
    home.add([custom_event(key, "sick") for key in range(1, 6)], [exposure(6)])
    home.export()
    receiver.play([SICK])
    clock.ship([EVENTS])
    in_ledger(home, "UPDATE batches SET due_ms = 0")
    in_ledger(home, "UPDATE destinations SET probe_ms = 0")

    assert [due.partition for due in due_partitions(home.config)] == [GATES]
    clock.ship([GATES])
    assert {due.partition for due in due_partitions(home.config)} == {EVENTS}


@pytest.mark.fault("F92")
def test_a_breaker_that_closes_and_opens_again_within_a_run_pauses_anew(
    clock: TurnedClock, home: ExportHome, receiver: Receiver
):
    planned(home, 30)
    receiver.play([Rule(actions=[*[answer(500)] * 5, NORMAL, answer(500)])])
    clock.ship()
    clock.now += 31
    report = clock.ship()
    sent = clock.requests

    assert report.paused_until == pytest.approx(clock.now + 30, abs=0.01)
    assert clock.ship().requests == 0
    assert clock.requests == sent
    assert remembered(home).breaker_openings == 1


@pytest.mark.fault("F93")
@pytest.mark.parametrize("status_code", [429, 503])
def test_a_rate_limit_costs_the_time_that_it_asks_for_and_opens_no_breaker(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, status_code: int
):
    planned(home, 42)
    receiver.play([Rule(actions=[*[NORMAL] * 5, answer(status_code, Retry_After="1")], cycle=True)])
    began = clock.now
    report = clock.ship()

    assert clock.account.forwarded == 42
    assert 8 <= clock.now - began <= 9.1
    assert report.paused_until is None


@pytest.mark.fault("F93")
@pytest.mark.parametrize("seconds", ["0", "1", None])
def test_a_rate_limit_without_end_ends_the_run_and_the_next_one_waits(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, seconds: str | None
):
    planned(home, 42)
    told = {} if seconds is None else {"Retry_After": seconds}
    receiver.play([Rule(actions=[answer(429, **told)])])
    began = clock.now
    report = clock.ship()

    assert 3 <= clock.requests <= 8
    assert clock.now - began < 15
    assert report.rate_limited
    assert report.paused_until is not None
    assert remembered(home).breaker_openings == 0
    assert due_partitions(home.config) == []
    sent = clock.requests
    clock.ship()
    assert clock.requests == sent
    receiver.play([])
    clock.now = report.paused_until
    clock.ship()
    assert clock.account.forwarded == 42


@pytest.mark.fault("F93")
def test_a_hold_is_for_all_runs_and_partitions_and_never_longer_than_six_hours(
    clock: TurnedClock, home: ExportHome, receiver: Receiver
):
    home.add([custom_event(1)], [exposure(2)])
    home.export()
    receiver.play([Rule(actions=[answer(429, Retry_After="9" * 400), NORMAL])])
    report = clock.ship([EVENTS])

    assert report.paused_until == pytest.approx(clock.now + 6 * 3_600, abs=0.01)
    assert clock.ship([GATES]).paused_until is not None
    assert clock.requests == 1
    clock.now += 6 * 3_600 - 4
    clock.ship([GATES])
    assert clock.slept == [pytest.approx(4, abs=0.01)]
    assert clock.requests == 2


@pytest.mark.fault("F93")
def test_a_hold_is_not_lifted_by_what_another_run_got_through(clock: TurnedClock, home: ExportHome, receiver: Receiver):
    planned(home, 3)
    receiver.play([Rule(actions=[answer(429, Retry_After="60"), NORMAL])])
    until = clock.ship().paused_until
    clock.ship(now=True)

    assert clock.account.forwarded == 3
    assert remembered(home).probe_ms == round((until or 0) * 1000)


@pytest.mark.fault("F95")
@pytest.mark.parametrize("state", ["planned", "deferred"])
def test_what_is_due_in_a_far_future_is_due_now(clock: TurnedClock, home: ExportHome, receiver: Receiver, state: str):
    planned(home, 3, sick=1)
    if state == "deferred":
        receiver.play([SICK])
        clock.ship()
        receiver.play([])
    in_ledger(home, AHEAD, by=DAYS_400)
    (line,) = [line for line in status(home.config) if line.account.pending]

    assert line.due_in == 0
    waiting = 3 if state == "planned" else 1
    assert [(due.batches, due.overdue) for due in due_partitions(home.config)] == [(waiting, 0)]
    clock.ship()
    assert clock.account.forwarded == 3


@pytest.mark.fault("F95")
@pytest.mark.parametrize("openings", [0, 1])
def test_a_pause_longer_than_any_is_none(clock: TurnedClock, home: ExportHome, openings: int):
    planned(home, 3)
    clock.ship([GATES])
    until = round(clock.now * 1000) + DAYS_400
    in_ledger(home, PAUSED, openings=openings, until=until)

    assert len(due_partitions(home.config)) == 1
    clock.ship()
    assert clock.account.forwarded == 3


@pytest.mark.fault("F95")
def test_a_batch_that_was_planned_in_the_future_is_given_up_too(
    clock: TurnedClock, home: ExportHome, receiver: Receiver
):
    planned(home, 1)
    in_ledger(home, AHEAD, by=DAYS_400)
    receiver.play([Rule(actions=[answer(500)])])
    began = clock.now
    while clock.account.pending and clock.now - began < 20 * 86_400:
        clock.ship()
        clock.now += 5 * 3_600

    assert clock.account.failed_by == {"unavailable": 1}
    assert clock.now - began > 76 * 3_600


@pytest.mark.fault("F96")
@pytest.mark.parametrize("why", ["a retry", "an open breaker", "a rate limit"])
def test_ship_now_sends_what_waits(clock: TurnedClock, home: ExportHome, receiver: Receiver, why: str):
    planned(home, 9)
    receiver.play([Rule(actions=[answer(429, Retry_After="900") if why == "a rate limit" else answer(500)])])
    for _ in range(1 if why == "a rate limit" else 5):
        clock.ship()
        clock.now += 0 if why == "an open breaker" else 400
    receiver.play([])
    if why != "a retry":
        assert clock.ship().requests == 0
    clock.ship(now=True)

    assert clock.account.forwarded == 9


@pytest.mark.fault("F96")
def test_ship_now_is_no_way_round_a_halt_and_no_loop(clock: TurnedClock, home: ExportHome, receiver: Receiver):
    planned(home, 2)
    receiver.play([SICK, Rule(actions=[answer(500)])])
    clock.ship(now=True)
    assert clock.requests <= 5
    receiver.play([Rule(actions=[answer(401)])])
    with pytest.raises(Exception, match="401"):
        clock.ship(now=True)
    receiver.play([])
    with pytest.raises(Exception, match="401"):
        clock.ship(now=True)
    resume(home.config)
    clock.ship(now=True)
    assert clock.account.forwarded == 2


@pytest.mark.fault("F96")
def test_the_verb_says_until_when_it_waits_and_now_does_not_wait(home: ExportHome, receiver: Receiver):
    home.add([custom_event(1)])
    home.export()
    receiver.play([Rule(actions=[answer(429, Retry_After="90"), NORMAL])])
    home.write()
    waits, sent = home.verb("ship"), home.verb("ship", "--now", "--json")

    assert "rate limit" in waits.output
    assert "UTC" in waits.output
    assert json.loads(sent.stdout)["sent"] == 1


def shrunk(home: ExportHome, limit: str) -> None:
    home.set("webhook", **({"max_events": 3} if limit == "max_events" else {"max_bytes": 1_100}))


@pytest.mark.fault("F97")
@pytest.mark.parametrize("limit", ["max_events", "max_bytes"])
@pytest.mark.parametrize("before", ["never sent", "its fate unknown", "replayed"])
def test_what_was_planned_over_limits_that_were_lowered_is_split_before_it_is_sent(
    clock: TurnedClock, home: ExportHome, receiver: Receiver, limit: str, before: str
):
    home.set("webhook", max_events=20, max_bytes=1_000_000, concurrency=4)
    planned(home, 20)
    ship: Callable[[], object] = clock.ship
    if before == "its fate unknown":
        receiver.play([Rule(actions=[*[answer(500)] * 3, NORMAL])])
        clock.ship()
    if before == "replayed":
        clock.ship()
        ship = lambda: replay(home.config, [EVENTS])  # noqa: E731
    shrunk(home, limit)
    first = clock.requests
    clock.now += 60
    ship()

    sent = receiver.requests[first:]
    assert sum(len(request.events) for request in sent) == (20 if clock.account.forwarded == 20 else 0)
    assert clock.account.forwarded == 20
    assert all(len(request.events) <= 3 for request in sent) or limit == "max_bytes"
    assert verify(home.config).differences == ()


@pytest.mark.fault("F97")
def test_limits_that_were_raised_and_an_event_that_is_larger_alone_change_nothing(clock: TurnedClock, home: ExportHome):
    planned(home, 4)
    home.set("webhook", max_events=1_000)
    clock.ship()
    assert clock.requests == 4
    home.add([custom_event(9, "page_view", metadata={"text": "x" * 2_000})])
    home.export()
    home.set("webhook", max_bytes=1_024)
    clock.now += 60
    clock.ship()
    assert clock.account.forwarded == 5
