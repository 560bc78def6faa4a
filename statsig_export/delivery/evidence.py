"""Whether a rejection is the event's fault or the destination's, judged by what else was accepted.

A wrong set-up may be answered with the status of a bad payload (nginx answers 400 to a missing client certificate,
others to a wrong signature). One request alone does not show which it is. So a rejected event fails only if the
destination accepts others: something must be accepted in a request that began after the event's batch was first
rejected. If nothing is accepted, from whole batches down to single events, nothing fails and the destination is halted.
An acceptance counts from the start of its request: one in flight while the set-up broke proves nothing about later.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from statsig_export.delivery.rules import RetryPolicy


@dataclass(frozen=True, slots=True)
class Rejected:
    """A batch that was rejected, and what judging it needs to know."""

    batch: int
    parent: int | None
    rows: int
    status: int
    began: int = 0
    """When its request began: see `Evidence.begin`."""
    failed_before: bool = False
    """The event failed, on evidence, and was taken up again."""
    chosen: bool = False
    """It was sent for having nothing to do with those that were rejected."""


@dataclass(slots=True)
class Evidence:
    """What one run has seen. `believed` are the statuses that a `resume` said to believe."""

    policy: RetryPolicy
    believed: frozenset[int] = frozenset()
    accepted_any: bool = False
    _time: int = 0
    """Counts what happens: a request begins, an answer comes."""
    _latest: int = 0
    """When the request began that was accepted and began last."""
    _answered: int = 0
    """When the latest acceptance came."""
    _in_a_row: int = 0
    """Rejections since something was accepted."""
    _since: int = 0
    """When the first of them came."""
    _single: dict[int, bool] = field(default_factory=dict)
    """The single events among them -> whether a part of the batch they come from was accepted."""
    _first: dict[int, int] = field(default_factory=dict)
    """Batch -> when it, or what it was split from, was first rejected."""
    _begun: dict[int, int] = field(default_factory=dict)
    """Batch -> when that request began."""
    _doubted: dict[int, int] = field(default_factory=dict)
    """Single event that was rejected and not believed -> when."""
    _others: int = 0
    """Batches among them that were chosen for having nothing to do with those that were rejected."""
    _failed_before: set[int] = field(default_factory=set)
    _last_chance: frozenset[int] = frozenset()

    def begin(self) -> int:
        """A request is about to be made; the moment, for `accept`."""
        self._time += 1
        return self._time

    def accept(self, began: int) -> None:
        """A request that began at that moment was accepted."""
        self._latest = max(self._latest, began)
        self._answered = self.begin()
        self.accepted_any, self.believed = True, frozenset()
        if began > self._since:
            self._forget_the_row()

    def reject(self, rejected: Rejected) -> bool:
        """Record a rejection; returns whether it is believed. One of several events always is: it is split."""
        now, batch, parent = self.begin(), rejected.batch, rejected.parent
        if rejected.status in self.believed:
            return True
        self._others += rejected.chosen
        first = self._first.setdefault(batch, self._first.get(parent, now) if parent is not None else now)
        began = rejected.began
        self._begun.setdefault(batch, self._begun.get(parent, began) if parent is not None else began)
        self._since = now if not self._in_a_row else self._since
        self._in_a_row += 1
        if rejected.rows > 1:
            return True
        doubted = self._doubted.pop(batch, None)
        if batch in self._last_chance or (not self.suspecting and self._proves(first, doubted)):
            self._in_a_row -= doubted is not None  # what was held against it came before, and says nothing of now
            return True
        if rejected.failed_before:
            self._failed_before.add(batch)
        self._doubted[batch] = now
        self._single[batch] = self._latest > first
        return False

    @property
    def doubting(self) -> bool:
        """Whether so many rejections came in a row that the next requests look for something that is accepted."""
        return self._in_a_row >= self.policy.doubt_after

    @property
    def suspecting(self) -> bool:
        """Whether so many single events were rejected that only other batches can still clear the destination."""
        unproven = sum(not proven for proven in self._single.values())
        return unproven >= self.policy.halt_after or len(self._single) >= self.policy.halt_after_all

    @property
    def elsewhere(self) -> float:
        """Where to look for one of them, as a share of all that waits: 0, 1/2, 1/4, 3/4, 1/8 ..., each as far as can be
        from those before it.
        """
        point, share, turn = 0.0, 0.5, self._others
        while turn:
            turn, bit = divmod(turn, 2)
            point += bit * share
            share /= 2
        return point

    @property
    def damning(self) -> bool:
        """Whether so many events and other batches were rejected that the destination is at fault."""
        return self.suspecting and self._others >= self.policy.halt_after_others

    def knows(self, batch: int, parent: int | None) -> bool:
        """Whether the batch, or what it was split from, was rejected before."""
        return batch in self._first or parent in self._first

    @property
    def doubted(self) -> frozenset[int]:
        """The single events that were rejected, are not believed to be at fault, and are not accepted either."""
        return frozenset(self._doubted)

    @property
    def waiting(self) -> frozenset[int]:
        """The doubted events that are not to be tried again before something was accepted."""
        return frozenset(batch for batch, when in self._doubted.items() if when > self._latest) - self._last_chance

    def allow_last_chance(self) -> bool:
        """When there is nothing left to look for evidence in: whether some of the doubted events may be tried once
        more, and are then believed. Those of a batch of which parts were accepted; those that failed before; a few that
        were under way while others were accepted; and a single one that came alone, at the end of a run that had
        accepted what it sent.
        """
        waiting = self.waiting
        mine = (
            frozenset(batch for batch in waiting if self._latest > self._first[batch]) | waiting & self._failed_before
        )
        if not mine and len(waiting) < self.policy.halt_after:
            mine = frozenset(batch for batch in waiting if self._answered > self._begun[batch])
        if not mine and len(waiting) == 1 and self._in_a_row == 1 and self.accepted_any:
            mine = waiting
        self._last_chance |= mine
        return bool(mine)

    def prove(self, batches: AbstractSet[int]) -> None:
        """Another run had something accepted after these were rejected: they are tried once more, and then believed."""
        self._last_chance |= batches
        self._forget_the_row()

    def _forget_the_row(self) -> None:
        self._in_a_row = self._others = 0
        self._single.clear()

    def _proves(self, first: int, doubted: int | None) -> bool:
        if doubted is not None:
            return self._latest > doubted
        return self._latest > first and self._in_a_row <= self.policy.doubt_after
