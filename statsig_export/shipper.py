"""The one loop that sends: claim, post, decide, finish.

The caller's thread reads batches in order and hands them to a pool of senders; each sender claims one, posts its body,
and writes down what came of it before it takes anything else. Clock, sleep and randomness are arguments. If the ledger
cannot be written, everything stops at once: what is not written down must not go on.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from statsig_export.batching import Texts, batch_id, body, halve
from statsig_export.delivery import Attempted, Breaker, Decision, Failure, Reply, RetryPolicy, Step, decide
from statsig_export.errors import PartitionFileError, StorageError
from statsig_export.file_faults import damaged
from statsig_export.ledger import Ledger, PlannedBatch
from statsig_export.ledger_queries import next_due_ms, waiting_batches
from statsig_export.testing.crash import CrashPoint, reach

log = logging.getLogger(__name__)

_PAGE = 256
"""Batches looked up at a time: enough to keep senders busy, few enough to hold in memory."""


class Post(Protocol):
    """Sends one body and says what came of it; never raises for what the network does."""

    def __call__(self, body: bytes, batch_id: str, attempt: int, /) -> Reply | Failure: ...


class ReadEvents(Protocol):
    """The texts of consecutive rows of a partition file."""

    def __call__(self, path: str, first_row: int, rows: int, /) -> Texts: ...


@dataclass(frozen=True, slots=True)
class Route:
    """Where a run sends, and with what."""

    destination: str
    ship_run: str
    post: Post
    read_events: ReadEvents
    still_locked: Callable[[], None]
    """Raises LedgerError when a partition's lock is lost."""
    concurrency: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Time, chance and the end, so that a test can own them. The clock gives seconds since the epoch."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    roll: Callable[[], float]
    """Random in [0, 1)."""
    stopping: Callable[[], bool] = lambda: False
    """Whether somebody asked the run to end: what is under way is finished, nothing else is begun."""

    def now_ms(self) -> int:
        return round(self.clock() * 1000)


@dataclass(slots=True)
class Shipper:
    """One ship run over the partitions whose locks it holds."""

    ledger: Ledger
    route: Route
    timing: Timing
    breaker: Breaker
    partitions: Sequence[int]
    on_delivered: Callable[[int], None] = lambda _: None
    """Called with a number of events each time that many were accepted."""
    halted: str | None = None
    """Why the destination refused, once it has."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Partition file -> what is wrong with it. Its partition is set aside: what is left of it stays pending."""
    _storage_error: StorageError | None = None
    """Why no file can be read any more, once that is so."""
    _set_aside: set[int] = field(default_factory=set)
    _ready: deque[PlannedBatch] = field(default_factory=deque)
    _under_way: dict[Future[Decision], PlannedBatch] = field(default_factory=dict)

    @property
    def policy(self) -> RetryPolicy:
        return self.breaker.policy

    def run(self) -> None:
        """Send what is due, waiting `policy.patience` at most for what is due again soon.

        Returns when nothing is due, the destination refused, the breaker opened, or the run is to stop. Raises
        PartitionFileError in the end, when all else was sent, for files that cannot be read; StorageError when none
        can; LedgerError when the record fails. Whatever ends the run (an interrupt too), what was under way is
        finished first, as far as it can be.
        """
        self._send_all()
        if self._storage_error is not None:
            raise self._storage_error
        if self.unreadable:
            raise damaged(self.unreadable)

    def _send_all(self) -> None:
        with ThreadPoolExecutor(self.route.concurrency, "sender") as senders:
            while True:
                self._fill(senders)
                if self._under_way:
                    for sent in wait(self._under_way, return_when=FIRST_COMPLETED).done:
                        self._take_note(self._under_way.pop(sent), sent)
                elif not self._await_next():
                    return

    def _fill(self, senders: ThreadPoolExecutor) -> None:
        while not self._stopped and len(self._under_way) < self._room:
            batch = self._next()
            if batch is None:
                return
            events = self._events(batch)
            if events is not None:
                self._under_way[senders.submit(self._attempt, batch, events, body(events))] = batch

    def _await_next(self) -> bool:
        """Sleep until the next batch is due, if that is soon; False when this run is over."""
        due_ms = None if self._stopped else next_due_ms(self.ledger.database, self._sendable)
        if due_ms is None:
            return False
        seconds = max(0.0, (due_ms - self.timing.now_ms()) / 1000)
        if seconds > self.policy.patience:
            return False
        self.timing.sleep(seconds)
        return True

    @property
    def _stopped(self) -> bool:
        failed = self.halted is not None or self._storage_error is not None
        return failed or self.breaker.open or self.timing.stopping()

    @property
    def _room(self) -> int:
        return 1 if self.breaker.probing else self.route.concurrency

    @property
    def _sendable(self) -> Sequence[int]:
        return [partition for partition in self.partitions if partition not in self._set_aside]

    def _next(self) -> PlannedBatch | None:
        if not self._ready:
            database, now_ms = self.ledger.database, self.timing.now_ms()
            taken = {batch.id for batch in self._under_way.values()}  # of which some may not be claimed yet
            waiting = waiting_batches(database, self._sendable, now_ms, _PAGE)
            self._ready.extend(batch for batch in waiting if batch.id not in taken)
        return self._ready.popleft() if self._ready else None

    def _events(self, batch: PlannedBatch) -> "Texts | None":
        """Read in the caller's thread: there the files are read in order, each row group once. None if it cannot be."""
        if batch.partition in self._set_aside:
            return None
        try:
            return self.route.read_events(batch.file, batch.first_row, batch.rows)
        except PartitionFileError as error:
            self._put_aside(batch, error)
        except StorageError as error:
            self._storage_error = error
        return None

    def _put_aside(self, batch: PlannedBatch, error: PartitionFileError) -> None:
        self.unreadable.update(error.files)
        self._set_aside.add(batch.partition)

    def _attempt(self, batch: PlannedBatch, events: Texts, request_body: bytes) -> Decision:
        """Runs in a sender thread. Raises PartitionFileError, and sends nothing, where the body is not as planned."""
        if batch_id(self.route.destination, request_body) != batch.batch_id:
            rows = f"{batch.first_row} to {batch.first_row + batch.rows}"
            raise damaged({batch.file: f"was changed or replaced: its rows {rows} are not what was planned"})
        self.route.still_locked()
        claim = self.ledger.claim(batch, self.route.ship_run, self.timing.now_ms())
        answer = self.route.post(request_body, batch.batch_id, claim.number)
        reach(CrashPoint.ANSWERED)
        now_ms = self.timing.now_ms()
        attempted = Attempted(batch.rows, claim.number, (now_ms - batch.planned_ms) / 1000)
        decision = decide(answer, attempted, self.timing.roll(), self.policy)
        splits = decision.step is Step.SPLIT
        halves = halve(self.route.destination, batch.first_row, events) if splits else ()
        self.ledger.finish(claim, answer, decision, now_ms, halves)
        log.info("batch %s attempt %d: %s", batch.batch_id[:12], claim.number, decision.outcome)
        if decision.step is Step.DELIVER:
            self.on_delivered(batch.rows)
        return decision

    def _take_note(self, batch: PlannedBatch, sent: Future[Decision]) -> None:
        """In the caller's thread, in the order the answers came."""
        try:
            decision = sent.result()
        except PartitionFileError as error:
            self._put_aside(batch, error)
            return
        self.breaker.record(decision.outcome)
        if decision.halt:
            self.halted = decision.reason
