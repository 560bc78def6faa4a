"""A day with an outage of the webhook, simulated: pure, seeded, discrete events.

What is decided is decided by the delivery rules themselves: `decide` gives a batch its next step and due time,
`TRANSITIONS` its state, `Breaker` says whether a run goes on, `RetryPolicy` for how long it pauses. Here are only the
clock, the webhook, and the loop around them as ship_sensor and the shipper have it: a tick launches runs for what is
due, a run sends the oldest batches (the least tried while the webhook fails), with so many requests under way.
"""

import heapq
import random
from bisect import insort
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count

from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import (
    DEFAULT_POLICY,
    TRANSITIONS,
    Attempted,
    Breaker,
    Failure,
    Reply,
    RetryPolicy,
    State,
    Step,
    decide,
)

HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """Seconds all along. A window's batches are planned together, when it has settled and was exported."""

    batches_a_window: int
    windows: int = 24
    window: float = HOUR
    first: float = 300.0
    """When the first window's batches are planned."""
    outage: tuple[float, float] = (10 * HOUR, 12 * HOUR)
    latency: float = 0.1
    refused_after: float = 0.005
    """How long it takes to find out that nobody answers as they should."""
    overhead: float = 0.01
    """Of a request besides its latency: reading, the body, the record before and after."""
    concurrency: int = 4
    runs_at_once: int = 2
    tick: float = 30.0
    run_start: float = 5.0
    windows_a_run: int = 1
    until: float = 30 * HOUR
    every: float = 60.0
    """Between two looks."""
    seed: int = 1
    policy: RetryPolicy = DEFAULT_POLICY

    def is_out(self, moment: float) -> bool:
        return self.outage[0] <= moment < self.outage[1]


@dataclass(slots=True)
class Waiting:
    """A batch that is not delivered."""

    number: int
    window: int
    planned: float
    due: float
    attempts: int = 0
    state: State = State.PLANNED

    def move(self, step: Step) -> None:
        self.state = TRANSITIONS[self.state, step]


@dataclass(frozen=True, slots=True)
class Look:
    """What a monitor sees at a moment."""

    second: float
    backlog: int
    oldest_due_age: float
    """As the metric: how long the batch that has waited longest could have been sent."""
    lag: float
    """Since the oldest pending batch was planned."""
    paused: bool


@dataclass(slots=True)
class Found:
    scenario: Scenario
    looks: list[Look] = field(default_factory=list)
    delivered: int = 0
    wasted: int = 0
    """Attempts that delivered nothing."""
    failed: int = 0
    runs: int = 0

    @property
    def highest(self) -> int:
        return max(look.backlog for look in self.looks)

    @property
    def drained(self) -> float | None:
        """How long after the outage the backlog was no larger than before it; None: not by the end."""
        normal = max((look.backlog for look in self.looks if look.second < self.scenario.outage[0]), default=0)
        end = self.scenario.outage[1]
        late = [look for look in self.looks if look.second >= end]
        above = [look.second for look in late if look.backlog > normal]
        if above and above[-1] == late[-1].second:
            return None
        return max(0.0, (above[-1] if above else end) + self.scenario.every - end)

    def first_time(self, age: float) -> float | None:
        """When the age of the oldest due batch was first above this, from the beginning of the outage."""
        return next((look.second - self.scenario.outage[0] for look in self.looks if look.oldest_due_age > age), None)


@dataclass(slots=True)
class _Run:
    """One ship run: its windows, and the breaker as the last run left it."""

    windows: frozenset[int]
    breaker: Breaker
    under_way: int = 0
    begun: bool = False


class Simulation:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.found = Found(scenario)
        self._random = random.Random(scenario.seed)  # noqa: S311  a simulation
        self._numbers = count()
        self._events: list[tuple[float, int, object]] = []
        self._pending: dict[int, dict[int, Waiting]] = {}
        """Window -> its batches by number."""
        self._fresh: dict[int, deque[Waiting]] = {}
        """Of a window, those that were never tried, oldest first."""
        self._tried: dict[int, list[tuple[float, int, int]]] = {}
        """Of a window, those that wait for another try: due, number, attempts; sorted."""
        self._runs: list[_Run] = []
        self._openings, self._paused_until = 0, 0.0
        self._backlog = 0

    def run(self) -> Found:
        scenario = self.scenario
        for window in range(scenario.windows):
            self._at(scenario.first + window * scenario.window, ("plan", window))
        for what, every in (("tick", scenario.tick), ("look", scenario.every)):
            for number in range(int(scenario.until / every)):
                self._at(number * every, (what,))
        while self._events:
            now, _, event = heapq.heappop(self._events)
            self._happen(now, event)
        return self.found

    def _at(self, moment: float, event: object) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), event))

    def _happen(self, now: float, event: object) -> None:
        match event:
            case ("plan", int(window)):
                self._plan(now, window)
            case ("tick",):
                self._tick(now)
            case ("look",):
                self._look(now)
            case ("begin", _Run() as run):
                self._fill(now, run)
            case ("answer", _Run() as run, Waiting() as batch, bool(was_out)):
                self._answer(now, run, batch, was_out=was_out)

    def _plan(self, now: float, window: int) -> None:
        made = [Waiting(next(self._numbers), window, now, now) for _ in range(self.scenario.batches_a_window)]
        self._pending[window] = {batch.number: batch for batch in made}
        self._fresh[window], self._tried[window] = deque(made), []
        self._backlog += len(made)

    def _tick(self, now: float) -> None:
        """As ship_sensor: what is due and that no run carries; one run a window, the oldest first."""
        if now < self._paused_until:
            return
        carried = {window for run in self._runs for window in run.windows}
        due = [window for window in self._pending if window not in carried and self._next_due(window) <= now]
        if self._openings:  # the probe: only where the least tried batches are
            least = {window: self._least(window, now) for window in due}
            due = [window for window in due if least[window] == min(least.values())]
        size = self.scenario.windows_a_run
        while due and len(self._runs) < self.scenario.runs_at_once:
            windows, due = due[:size], due[size:]
            run = _Run(frozenset(windows), Breaker(self.scenario.policy))
            self._runs.append(run)
            self.found.runs += 1
            self._at(now + self.scenario.run_start, ("begin", run))

    def _fill(self, now: float, run: _Run) -> None:
        """Submit as many requests as there is room for; end the run where nothing is left to send soon."""
        if not run.begun:  # it has the breaker as the last run left it
            run.begun, run.breaker.openings = True, self._openings
            run.breaker.open = bool(self._openings and now < self._paused_until)
        while not run.breaker.open and run.under_way < (1 if run.breaker.probing else self.scenario.concurrency):
            batch = self._take(now, run)
            if batch is None:
                break
            batch.move(Step.CLAIM)
            batch.attempts += 1
            run.under_way += 1
            out = self.scenario.is_out(now)
            takes = self.scenario.refused_after if out else self.scenario.latency
            self._at(now + takes + self.scenario.overhead, ("answer", run, batch, out))
        if run.under_way:
            return
        soon = min((self._next_due(window) for window in run.windows), default=float("inf"))
        if not run.breaker.open and soon <= now + self.scenario.policy.patience:
            self._at(max(now, soon), ("begin", run))
        else:
            self._end(now, run)

    def _end(self, now: float, run: _Run) -> None:
        """What a run leaves to the next: see shipping/standing.py."""
        self._runs.remove(run)
        if run.breaker.opened:
            self._openings = run.breaker.openings
            self._paused_until = now + self.scenario.policy.pause(self._openings)
        elif run.breaker.opened is False:
            self._openings = 0

    def _answer(self, now: float, run: _Run, batch: Waiting, *, was_out: bool) -> None:
        run.under_way -= 1
        answer: Reply | Failure = Reply(200, 1.0)
        if was_out:
            answer = Failure(Outcome.UNAVAILABLE, 1.0, "the outage")
        attempted = Attempted(1_000, batch.attempts, now - batch.planned)
        decision = decide(answer, attempted, self._random.random(), self.scenario.policy)
        batch.move(decision.step)
        run.breaker.record(decision.outcome)
        if decision.step is Step.DEFER:
            batch.due = now + decision.delay
            insort(self._tried[batch.window], (batch.due, batch.number, batch.attempts))
            self.found.wasted += 1
        else:
            del self._pending[batch.window][batch.number]
            self._backlog -= 1
            self.found.delivered += decision.step is Step.DELIVER
            self.found.failed += decision.step is Step.FAIL
            if not self._pending[batch.window]:
                del self._pending[batch.window]
        self._fill(now, run)

    def _take(self, now: float, run: _Run) -> Waiting | None:
        """The oldest that is due; while the webhook fails the least tried."""
        for window in sorted(run.windows):
            fresh, tried = self._fresh[window], self._tried[window]
            due = [one for one in tried if one[0] <= now]
            if due and not (fresh and run.breaker.doubting):
                chosen = (
                    min(due, key=lambda one: (one[2], one[1]))
                    if run.breaker.doubting
                    else min(due, key=lambda one: one[1])
                )
                tried.remove(chosen)
                return self._pending[window][chosen[1]]
            if fresh:
                return fresh.popleft()
        return None

    def _next_due(self, window: int) -> float:
        fresh, tried = self._fresh[window], self._tried[window]
        return min(fresh[0].due if fresh else float("inf"), tried[0][0] if tried else float("inf"))

    def _least(self, window: int, now: float) -> int:
        if self._fresh[window]:
            return 0
        return min((attempts for due, _, attempts in self._tried[window] if due <= now), default=0)

    def _look(self, now: float) -> None:
        due = min((self._oldest_due(window) for window in self._pending), default=now)
        planned = min((self.scenario.first + window * self.scenario.window for window in self._pending), default=now)
        self.found.looks.append(
            Look(now, self._backlog, max(0.0, now - due), max(0.0, now - planned), now < self._paused_until)
        )

    def _oldest_due(self, window: int) -> float:
        return self._next_due(window)


def simulate(scenario: Scenario) -> Found:
    return Simulation(scenario).run()


def with_capacity(times: float, batches_a_window: int = 400) -> Scenario:
    """A day in which the webhook takes so many times the inflow: one run, one request at a time, as slow as that."""
    scenario = Scenario(batches_a_window, concurrency=1, runs_at_once=1)
    each = scenario.window / batches_a_window / times
    return replace(scenario, latency=each - scenario.overhead)
