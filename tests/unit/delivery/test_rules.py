import re
from dataclasses import replace
from pathlib import Path

import pytest

from statsig_export.delivery.evidence import Evidence, Rejected
from statsig_export.delivery.outcomes import STATUSES, Outcome
from statsig_export.delivery.rate_limit import RateLimit
from statsig_export.delivery.rules import (
    TRANSITIONS,
    Attempted,
    Breaker,
    Decision,
    Failure,
    Reply,
    RetryPolicy,
    State,
    Step,
    classify,
    decide,
    fold,
)

POLICY = RetryPolicy()
ONCE = Attempted(rows=100, attempts=1, age=0)


def reply(status: int, retry_after: float | None = None) -> Reply:
    return Reply(status, latency_ms=1, retry_after=retry_after)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        *((reply(status), Outcome.ACCEPTED) for status in (200, 201, 202, 204, 299)),
        *((reply(status), Outcome.REFUSED) for status in (300, 301, 302, 303, 307, 308)),
        *((reply(status), Outcome.REFUSED) for status in (401, 402, 403, 404, 405, 407, 410, 421, 426, 451)),
        *((reply(status), Outcome.REFUSED) for status in (501, 505, 511)),
        *((reply(status), Outcome.REJECTED) for status in (400, 409, 415, 418, 422, 430, 490, 498)),
        *((reply(status), Outcome.UNAVAILABLE) for status in (408, 423, 425, 500, 502, 503, 504, 520, 529, 599)),
        *((reply(status), Outcome.UNKNOWN) for status in (0, 99, 600, 999)),
        (reply(413), Outcome.TOO_LARGE),
        (reply(429), Outcome.THROTTLED),
        (reply(503, retry_after=0), Outcome.THROTTLED),
        (Failure(Outcome.NOT_SENT, 1, "no connection"), Outcome.NOT_SENT),
    ],
)
def test_an_answer_has_one_outcome(answer: Reply | Failure, outcome: Outcome):
    assert classify(answer) is outcome


def test_nothing_leads_out_of_an_absorbing_state():
    assert not {state for state, _ in TRANSITIONS} & {State.SPLIT, State.FORGOTTEN}


def test_only_being_forgotten_leads_out_of_delivered():
    assert [step for state, step in TRANSITIONS if state is State.DELIVERED] == [Step.FORGET]


def test_only_a_replay_or_being_forgotten_leads_out_of_failed():
    assert [step for state, step in TRANSITIONS if state is State.FAILED] == [Step.REPLAY, Step.FORGET]


A, U, T, R = Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.THROTTLED, Outcome.REJECTED


@pytest.mark.parametrize(
    ("outcomes", "rows", "replayed_after", "states"),
    [
        ([], 5, None, {State.PLANNED}),
        ([None], 5, None, {State.SENDING}),
        ([U, None], 5, None, {State.SENDING}),
        ([U, T, A], 5, None, {State.DELIVERED}),
        ([U], 5, None, {State.DEFERRED}),
        ([T] * 30, 5, None, {State.DEFERRED}),
        ([U] * 9, 5, None, {State.DEFERRED}),
        ([U] * 10, 5, None, {State.DEFERRED, State.FAILED}),
        ([R], 5, None, {State.SPLIT}),
        ([R], 1, None, {State.FAILED, State.DEFERRED}),
        ([R, R], 1, None, {State.FAILED, State.DEFERRED}),
        ([R, A], 1, None, {State.DELIVERED}),
        ([R], 1, 1, {State.PLANNED}),
        ([R, None], 1, 1, {State.SENDING}),
        ([R, R], 1, 1, {State.FAILED, State.DEFERRED}),
        ([R, R, A], 1, 2, {State.DELIVERED}),
        ([U] * 10, 5, 10, {State.PLANNED}),
        ([U] * 12, 5, 10, {State.DEFERRED, State.FAILED}),
    ],
)
def test_a_state_is_a_fold_of_the_attempts(
    outcomes: list[Outcome | None], rows: int, replayed_after: int | None, states: set[State]
):
    assert fold(outcomes, rows, replayed_after, POLICY) == states


@pytest.mark.parametrize(
    ("outcomes", "rows", "replayed_after"),
    [
        ([A, U], 5, None),
        ([A, A], 1, None),
        ([R, A], 5, None),
        ([None, A], 5, None),
        ([A], 1, 1),
        ([U], 1, 1),
        ([R], 1, 2),
        ([R], 1, 0),
    ],
)
def test_attempts_that_cannot_have_followed_each_other_fold_to_no_state(
    outcomes: list[Outcome | None], rows: int, replayed_after: int | None
):
    assert fold(outcomes, rows, replayed_after, POLICY) == frozenset()


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_rejected_batch_is_split_and_a_single_event_fails(status: int):
    assert decide(reply(status), ONCE, 0, POLICY).step is Step.SPLIT
    assert decide(reply(status), Attempted(1, 1, 0), 0, POLICY).step is Step.FAIL


def test_a_refused_set_up_halts_the_destination_and_fails_nothing():
    for old in (ONCE, Attempted(1, 50, 10**9)):
        decision = decide(reply(401), old, 0, POLICY)
        assert decision.step is Step.DEFER
        assert decision.halt


@pytest.mark.fault("F40", "F41")
def test_retry_after_is_a_lower_bound_and_holds_six_hours_at_most():
    assert decide(reply(429, retry_after=120), ONCE, 1, POLICY).delay == 120
    assert decide(reply(429, retry_after=10 * 365 * 86_400), ONCE, 1, POLICY).delay == 6 * 3_600
    assert decide(reply(429, retry_after=0), ONCE, 0.5, POLICY).delay == POLICY.delay(1, 0.5)


@pytest.mark.fault("F45")
def test_a_batch_is_given_up_only_when_it_is_both_old_and_often_tried():
    old, often = 77 * 3_600, 10

    assert decide(reply(500), Attempted(5, often, 60), 0, POLICY).step is Step.DEFER
    assert decide(reply(500), Attempted(5, 1, old), 0, POLICY).step is Step.DEFER
    assert decide(reply(500), Attempted(5, often, old), 0, POLICY).step is Step.FAIL


def test_what_never_arrived_is_never_given_up():
    hopeless = Attempted(5, 1_000, 10**9)

    assert decide(Failure(Outcome.NOT_SENT, 1, "no connection"), hopeless, 0, POLICY).step is Step.DEFER
    assert decide(reply(429), hopeless, 0, POLICY).step is Step.DEFER


def test_delays_grow_and_spread():
    quick, later = POLICY.delay(1, 0.99), POLICY.delay(3, 0.5)

    assert POLICY.delay(1, 0) == 0 < quick < POLICY.patience
    assert later == 30
    assert POLICY.delay(3, 0) == pytest.approx(24)
    assert POLICY.delay(3, 1) == pytest.approx(36)
    assert [POLICY.delay(n, 0.5) for n in range(3, 12)] == list(POLICY.schedule)
    assert POLICY.delay(500, 0.5) == POLICY.schedule[-1]


def test_the_breaker_opens_after_five_failures_in_a_row():
    breaker = Breaker(POLICY)
    for outcome in [Outcome.UNKNOWN] * 4 + [Outcome.ACCEPTED] + [Outcome.UNAVAILABLE] * 4:
        breaker.record(outcome)
        assert not breaker.open
    breaker.record(Outcome.NOT_SENT)

    assert breaker.open
    assert breaker.openings == 1


def test_a_probe_closes_the_breaker_or_opens_it_again_for_longer():
    failed = Breaker(POLICY, openings=1)
    failed.record(Outcome.UNAVAILABLE)
    succeeded = Breaker(POLICY, openings=3)
    succeeded.record(Outcome.ACCEPTED)

    assert (failed.open, failed.openings) == (True, 2)
    assert (succeeded.open, succeeded.openings, succeeded.probing) == (False, 0, False)
    assert POLICY.pause(1) < POLICY.pause(2) <= POLICY.pause(99)


def test_a_rejected_batch_says_nothing_about_the_destinations_health():
    breaker = Breaker(POLICY, failures=4)
    breaker.record(Outcome.REJECTED)

    assert breaker.failures == 0


def test_the_diagram_in_the_documentation_is_the_table():
    text = (Path(__file__).parents[3] / "docs" / "delivery.md").read_text()
    drawn = set(re.findall(r"^ +(\w+) --> (\w+): (\w+)$", text, re.MULTILINE))

    assert drawn == {(start.value, end.value, step.value) for (start, step), end in TRANSITIONS.items()}


@pytest.mark.fault("F98")
def test_the_statuses_in_the_documentation_are_the_table():
    text = (Path(__file__).parents[3] / "docs" / "delivery.md").read_text()
    rows = dict(re.findall(r"^\| (\w+) \| ([\d, ]+) \|$", text, re.MULTILINE))

    assert {name: [int(status) for status in told.split(", ")] for name, told in rows.items()} == {
        outcome.value: list(statuses) for outcome, statuses in STATUSES.items()
    }


@pytest.mark.fault("F98")
@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_of_an_error_has_an_outcome_that_loses_nothing(status: int):
    outcome = classify(reply(status))

    assert outcome not in {Outcome.ACCEPTED, Outcome.NOT_SENT, Outcome.UNKNOWN}
    assert status < 500 or outcome in {Outcome.UNAVAILABLE, Outcome.REFUSED}


@pytest.mark.fault("F93")
def test_a_rate_limit_grows_until_something_is_accepted_and_stragglers_do_not_count():
    limit, fast = RateLimit(POLICY), Decision(Step.DEFER, Outcome.THROTTLED, "HTTP 429")
    for _ in range(4):  # all under way when the limit was met
        limit.record(fast, 0, 100, 0.5)
    assert (limit.in_a_row, limit.wait(100)) == (1, 1)
    limit.record(Decision(Step.DELIVER, Outcome.ACCEPTED, "HTTP 200"), 0, 100, 0.5)
    limit.record(fast, 1, 101, 0.5)
    assert (limit.in_a_row, limit.wait(101)) == (2, 2)
    limit.record(Decision(Step.DELIVER, Outcome.ACCEPTED, "HTTP 200"), 2, 103, 0.5)
    limit.record(replace(fast, retry_after=7), 2, 103, 0.5)
    assert (limit.in_a_row, limit.wait(103)) == (1, 7)
    assert limit.wait(-(10**9)) == 0


@pytest.mark.fault("F92", "F93")
def test_a_rate_limit_is_no_ill_health():
    breaker = Breaker(POLICY, failures=4)
    for _ in range(50):
        breaker.record(Outcome.THROTTLED)
    assert (breaker.open, breaker.failures) == (False, 4)
    breaker.record(Outcome.UNAVAILABLE)
    assert breaker.open


@pytest.mark.fault("F90")
def test_an_acceptance_that_began_before_the_rejection_proves_nothing():
    evidence = Evidence(POLICY)
    began = evidence.begin()
    assert evidence.reject(Rejected(1, None, 2, 400))
    evidence.accept(began)
    assert not evidence.reject(Rejected(2, 1, 1, 400))
    evidence.accept(evidence.begin())
    assert evidence.waiting == frozenset()
    assert evidence.reject(Rejected(2, 1, 1, 400))


def test_the_retry_schedule_in_the_documentation_is_the_policy():
    text = (Path(__file__).parents[3] / "docs" / "delivery.md").read_text()

    assert "30 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h" in text
    assert POLICY.schedule == (30, 300, 1_800, *(hours * 3_600 for hours in (2, 5, 10, 14, 20, 24)))


@pytest.mark.fault("F446")
def test_a_batch_was_decided_on_with_the_rows_that_it_had_before_somebody_was_forgotten():
    assert State.SPLIT in fold([R], 1, None, POLICY, forgotten=1)
    assert State.SPLIT in fold([R], 0, None, POLICY, forgotten=2)
    assert State.SPLIT not in fold([R], 1, None, POLICY)
    assert State.FORGOTTEN in fold([A], 0, None, POLICY, forgotten=1)
    assert State.FORGOTTEN not in fold([A], 1, None, POLICY, forgotten=1)
