"""The delivery rules: the states of a batch, the outcomes of an attempt, and what each outcome leads to.

Everything that decides about a batch's state lives here, and TRANSITIONS is the only place that says which step may
follow which state. Nothing here uses a clock, a socket or a database: shipping/ carries out what is decided here,
ledger/ records it, and docs/delivery.md draws its diagram from the same table.

The distinction everything rests on is whether the other side may have got the events. `not_sent`, `throttled`,
`too_large`, `rejected` and `refused` say no; `unavailable` and `unknown` say maybe, and only they can lead to an event
being delivered twice. A rejection is believed of a single event only while the destination accepts others: evidence.py.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from statsig_export.delivery.outcomes import BREAKING, BY_STATUS, DOUBTFUL
from statsig_export.delivery.outcomes import Outcome as Outcome  # noqa: PLC0414  whoever decides asks here for the outcomes too


class State(StrEnum):
    """Where a batch stands."""

    PLANNED = "planned"
    SENDING = "sending"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    SPLIT = "split"
    FAILED = "failed"
    FORGOTTEN = "forgotten"
    """All of its events were of people who are forgotten: it has no row any more."""


class Step(StrEnum):
    """What can happen to a batch."""

    CLAIM = "claim"
    DELIVER = "deliver"
    DEFER = "defer"
    SPLIT = "split"
    FAIL = "fail"
    CUT = "cut"
    """Split before it is sent, since the limits were lowered after it was planned: there is no attempt of it."""
    REPLAY = "replay"
    FORGET = "forget"
    """Its last row was taken out of the partition file."""


TRANSITIONS: Final[dict[tuple[State, Step], State]] = {
    (State.PLANNED, Step.CLAIM): State.SENDING,
    (State.DEFERRED, Step.CLAIM): State.SENDING,
    (State.SENDING, Step.DELIVER): State.DELIVERED,
    (State.SENDING, Step.DEFER): State.DEFERRED,
    (State.SENDING, Step.SPLIT): State.SPLIT,
    (State.SENDING, Step.FAIL): State.FAILED,
    (State.PLANNED, Step.CUT): State.SPLIT,
    (State.DEFERRED, Step.CUT): State.SPLIT,
    (State.FAILED, Step.REPLAY): State.PLANNED,
    (State.PLANNED, Step.FORGET): State.FORGOTTEN,
    (State.DEFERRED, Step.FORGET): State.FORGOTTEN,
    (State.DELIVERED, Step.FORGET): State.FORGOTTEN,
    (State.FAILED, Step.FORGET): State.FORGOTTEN,
}

PENDING: Final = frozenset({State.PLANNED, State.SENDING, State.DEFERRED})
"""The states whose events are still to be delivered."""


_BY_CLASS: Final = {2: Outcome.ACCEPTED, 3: Outcome.REFUSED, 4: Outcome.REJECTED, 5: Outcome.UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of the webhook."""

    status: int
    latency_ms: float
    retry_after: float | None = None
    """Seconds to wait at least, as Retry-After said; None where it said nothing readable."""
    excerpt: str = ""
    """The beginning of the answer's body, free of secrets and of anything the request held."""


@dataclass(frozen=True, slots=True)
class Failure:
    """No whole answer: what is known of how far the request got."""

    outcome: Outcome
    """not_sent, unknown, or refused (a certificate that does not hold)."""
    latency_ms: float
    detail: str
    """What went wrong, in words without URL or payload."""


def classify(answer: Reply | Failure) -> Outcome:
    """The outcome of an answer (the table in docs/delivery.md)."""
    if isinstance(answer, Failure):
        return answer.outcome
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.retry_after is not None:
        return Outcome.THROTTLED
    return BY_STATUS.get(answer.status) or _BY_CLASS.get(answer.status // 100, Outcome.UNKNOWN)


def explain(answer: Reply | Failure) -> str:
    """The answer in one line, for the ledger and for people."""
    if isinstance(answer, Failure):
        return answer.detail
    return f"HTTP {answer.status}" + (f": {answer.excerpt}" if answer.excerpt else "")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a deferred batch is retried, and when to give up. Durations in seconds."""

    quick: tuple[float, ...] = (1, 4)
    """The first retries, within the run: full jitter, from nothing up to this long."""
    schedule: tuple[float, ...] = (30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    """The later ones, after the run, give or take `jitter`; the last entry repeats."""
    jitter: float = 0.2
    patience: float = 5
    """A run waits this long for a batch to be due again; what is due later is left to the next run."""
    longest_wait: float = 6 * 3_600
    """No Retry-After holds longer than this."""
    throttled: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 60, 120, 300, 900)
    """How long a rate limit without Retry-After holds the destination, by how often it did with nothing accepted in
    between, give or take `jitter`. With Retry-After that counts, and from the second time on at least the one before.
    """
    give_up_age: float = 76 * 3_600
    give_up_attempts: int = 10
    """A batch is given up only when it is both this old and tried this often."""
    breaker_after: int = 5
    """Failures in a row that end a run's sending."""
    breaker_pauses: tuple[float, ...] = (30, 60, 300, 900)
    """How long the breaker stays open, by how often it opened without a success in between."""
    doubt_after: int = 3
    """Rejections in a row after which the next requests look for something that is accepted."""
    halt_after: int = 5
    """Single events rejected in a row, with nothing accepted since their batches were, that halt the destination."""
    halt_after_all: int = 20
    """Single events rejected in a row that halt it in any case."""
    halt_after_others: int = 5
    """Batches unrelated to the rejected ones that are tried first, if there are any."""
    believed_for: float = 3_600
    """How long after a `resume` rejections with its statuses are believed."""

    @property
    def furthest(self) -> float:
        """No batch is due later than this from now: what is on record as due later was written by a wrong clock."""
        return max(*self.quick, *self.schedule, self.longest_wait) * (1 + self.jitter)

    def age(self, planned: float, now: float, attempts: int) -> float:
        """Seconds since a batch was planned, as its clock and ours tell; where they contradict each other (it was
        planned in the future), the time that its attempts took at least.
        """
        if planned <= now:
            return now - planned
        return sum(self.delay(number, 0) for number in range(1, attempts))

    def delay(self, attempts: int, roll: float) -> float:
        """Seconds until the next attempt after `attempts` of them; `roll` is random in [0, 1)."""
        if attempts <= len(self.quick):
            return self.quick[attempts - 1] * roll
        base = self.schedule[min(attempts - len(self.quick), len(self.schedule)) - 1]
        return base * (1 + self.jitter * (2 * roll - 1))

    def pause(self, openings: int) -> float:
        """Seconds that the breaker stays open at its `openings`-th opening."""
        return self.breaker_pauses[min(openings, len(self.breaker_pauses)) - 1]

    def hold(self, times: int, retry_after: float | None, roll: float) -> float:
        """Seconds that a rate limit holds the destination the `times`-th time in a row."""
        number = times if retry_after is None else times - 1
        own = self.throttled[min(number, len(self.throttled)) - 1] * (1 + self.jitter * (2 * roll - 1)) if number else 0
        return min(max(own, retry_after or 0), self.longest_wait)


@dataclass(frozen=True, slots=True)
class Attempted:
    """What a decision needs to know of a batch besides the answer."""

    rows: int
    attempts: int
    """Including the one just made."""
    age: float
    """Seconds since the batch was planned."""
    believed: bool = True
    """Whether a rejection counts as the event's own fault (evidence.py)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a batch after an attempt, and why."""

    step: Step
    outcome: Outcome
    reason: str
    delay: float = 0
    """Seconds until a deferred batch is due."""
    halt: bool = False
    """The destination itself is at fault: stop sending until its set-up changes."""
    retry_after: float | None = None
    """Seconds that a rate limit asked for."""


def decide(answer: Reply | Failure, batch: Attempted, roll: float, policy: RetryPolicy) -> Decision:
    """The decision for one answer; `roll`, random in [0, 1), only spreads the delay."""
    outcome = classify(answer)
    reason = explain(answer)
    if outcome is Outcome.ACCEPTED:
        return Decision(Step.DELIVER, outcome, reason)
    if outcome is Outcome.REFUSED:
        return Decision(Step.DEFER, outcome, reason, halt=True)
    if outcome in DOUBTFUL:
        if batch.rows == 1 and not batch.believed:
            return Decision(Step.DEFER, outcome, reason)
        return Decision(Step.SPLIT if batch.rows > 1 else Step.FAIL, outcome, reason)
    if (
        outcome in (Outcome.UNAVAILABLE, Outcome.UNKNOWN)
        and batch.age > policy.give_up_age
        and batch.attempts >= policy.give_up_attempts
    ):
        return Decision(Step.FAIL, outcome, reason)
    throttled = outcome is Outcome.THROTTLED  # no fault of the batch, so it waits no longer for having been tried often
    delay = policy.delay(min(batch.attempts, len(policy.quick)) if throttled else batch.attempts, roll)
    asked = answer.retry_after if isinstance(answer, Reply) else None
    if asked is not None:
        delay = max(delay, min(asked, policy.longest_wait))
    return Decision(Step.DEFER, outcome, reason, delay, retry_after=asked)


def fold(
    outcomes: Sequence[Outcome | None],
    rows: int,
    replayed_after: int | None,
    policy: RetryPolicy,
    forgotten: int = 0,
) -> frozenset[State]:
    """The states that a batch of `rows` events may be in after these attempts; None is an attempt that is still open.

    There is more than one only where the batch's age had a say, and none at all when the attempts cannot have followed
    each other. `replayed_after` is the number of the attempt after which the batch, failed, was last taken up again.
    `forgotten` are events that it had besides, at first or for some of the attempts; it may be FORGOTTEN only once it
    has no other.
    """
    states = frozenset({State.PLANNED})
    if replayed_after is not None and not 1 <= replayed_after <= len(outcomes):
        return frozenset()
    for number, outcome in enumerate(outcomes, start=1):
        states = _after(states, {Step.CLAIM})
        if outcome is not None:
            of_rows = _steps(outcome, rows, number, policy) | _steps(outcome, rows + forgotten, number, policy)
            states = _after(states, of_rows)
        if number == replayed_after:
            states = _after(states, {Step.REPLAY})
        elif replayed_after is not None and number < replayed_after:
            states |= _after(states, {Step.REPLAY})
    return states if rows else states | _after(states, {Step.FORGET})


def cut(states: frozenset[State], rows: int) -> frozenset[State]:
    """The states that a batch in one of `states` may be in once it was cut before it was sent; none for one event."""
    return _after(states, {Step.CUT}) if rows > 1 else frozenset()


def _after(states: frozenset[State], steps: AbstractSet[Step]) -> frozenset[State]:
    return frozenset(TRANSITIONS[state, step] for state in states for step in steps if (state, step) in TRANSITIONS)


def _steps(outcome: Outcome, rows: int, attempts: int, policy: RetryPolicy) -> AbstractSet[Step]:
    """What may have been decided on an outcome."""
    if outcome is Outcome.ACCEPTED:
        return {Step.DELIVER}
    if outcome in DOUBTFUL:
        return {Step.SPLIT} if rows > 1 else {Step.FAIL, Step.DEFER}
    if outcome in (Outcome.UNAVAILABLE, Outcome.UNKNOWN) and attempts >= policy.give_up_attempts:
        return {Step.DEFER, Step.FAIL}
    return {Step.DEFER}


@dataclass(slots=True)
class Breaker:
    """Counts failures in a row over all batches of a run, and says when to stop sending.

    It starts from what the ledger remembers: with `openings` above zero, the first request of a run is a probe.
    """

    policy: RetryPolicy
    openings: int = 0
    """How often it opened without a success in between."""
    failures: int = 0
    """Failures in a row."""
    open: bool = False
    """No further request in this run."""
    opened: bool | None = None
    """This run's finding: True: it opened; False: the destination is healthy; None: neither."""

    @property
    def probing(self) -> bool:
        """One request at a time until one succeeds."""
        return self.openings > 0

    @property
    def doubting(self) -> bool:
        """Something failed since the last success: the next request is the least tried batch's, not the oldest's."""
        return self.probing or self.failures > 0

    def record(self, outcome: Outcome) -> None:
        """Record an outcome, in the order the answers came. A rate limit shows a healthy destination, but is no
        success: it lets a probe through and leaves the failures in a row unchanged.
        """
        if outcome not in BREAKING:
            self.openings = 0
            self.failures = self.failures if outcome is Outcome.THROTTLED else 0
            self.open = self.opened = False
            return
        self.failures += 1
        if not self.open and (self.probing or self.failures >= self.policy.breaker_after):
            self.open = self.opened = True
            self.openings += 1


DEFAULT_POLICY = RetryPolicy()
