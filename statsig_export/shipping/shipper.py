"""The loop that sends: claim, post, decide, finish.

The caller's thread reads the batches in order and submits them to a pool of senders. A sender claims one batch, posts
its body, and records the result before it takes the next. If the ledger cannot be written, everything stops at once: an
attempt that is not recorded must not happen.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.batches import Texts, batch_id, body, halve
from statsig_export.delivery.evidence import Evidence, Rejected
from statsig_export.delivery.outcomes import DOUBTFUL, Outcome
from statsig_export.delivery.rate_limit import RateLimit
from statsig_export.delivery.rules import (
    Attempted,
    Breaker,
    Decision,
    Failure,
    Reply,
    RetryPolicy,
    Step,
    classify,
    decide,
    explain,
)
from statsig_export.errors import PartitionFileError, StorageError
from statsig_export.ledger.evidence import latest_accepted_ms
from statsig_export.ledger.lanes import Held, partition_of
from statsig_export.ledger.queries import Order, count_waiting, next_due_ms, waiting_batches
from statsig_export.ledger.records import PlannedBatch
from statsig_export.ledger.transactions import Ledger
from statsig_export.runs import RunContext, Timing
from statsig_export.shipping.reports import EVERYTHING_REJECTED
from statsig_export.shipping.route import Route
from statsig_export.storage.file_faults import damaged

log = logging.getLogger(__name__)

_PAGE = 256
"""Batches looked up at a time: enough to keep senders busy, few enough to hold in memory."""


@dataclass(slots=True)
class Shipper:
    """One ship run over the partitions whose locks it holds."""

    ledger: Ledger
    route: Route
    context: RunContext
    breaker: Breaker
    partitions: Sequence[Held] = ()
    """The partitions, or lanes of them, whose locks the run holds now. They may change between two calls of `run`."""
    evidence: Evidence = field(default_factory=lambda: Evidence(RetryPolicy()))
    rate_limit: RateLimit = field(default_factory=lambda: RateLimit(RetryPolicy()))
    last_partitions: bool = field(init=False, default=True)
    """Whether `partitions` are the last of the run. Before that a doubt about rejected events stays open: something in
    the other partitions may be accepted."""
    halted: str | None = field(init=False, default=None)
    """Why the destination refuses; None while it does not."""
    unreadable: dict[str, str] = field(init=False, default_factory=dict)
    """Partition file -> what is wrong with it. Its partition is set aside: the rest of it stays pending."""
    _storage_error: StorageError | None = field(init=False, default=None)
    """Why the storage cannot be read at all; None while it can."""
    _set_aside: set[int] = field(init=False, default_factory=set)
    _ready: deque[PlannedBatch] = field(init=False, default_factory=deque)
    _under_way: dict[Future[Decision], tuple[PlannedBatch, int]] = field(init=False, default_factory=dict)
    """Future -> its batch, and the number of rate limit holds when it was submitted."""
    _judging: threading.Lock = field(init=False, default_factory=threading.Lock)
    """Guards the evidence, which the senders share."""
    _doubted: dict[int, tuple[int, int]] = field(init=False, default_factory=dict)
    """Single event whose rejection was not believed -> its partition, and when that was (ms)."""
    _chosen: set[int] = field(init=False, default_factory=set)
    """Batches that were picked because they are unrelated to the rejected ones."""
    _words: str = field(init=False, default="")
    """The text of the latest rejection that was not believed."""

    @property
    def timing(self) -> Timing:
        return self.context.timing

    @property
    def policy(self) -> RetryPolicy:
        return self.breaker.policy

    def run(self) -> None:
        """Send what is due, waiting `policy.patience` at most for what is due again soon.

        Returns when nothing is due, the destination refused or rejects everything, its rate limit holds for longer,
        the breaker opened, the storage fails (`unread`), or the run is to stop. Raises LedgerError when the record
        fails. Whatever ends the run (an interrupt too), what was under way is finished first, as far as it can be.
        """
        self._ready.clear()  # what was looked up among partitions of an earlier call may be somebody else's now
        with ThreadPoolExecutor(self.route.concurrency, "sender") as senders:
            while True:
                self._fill(senders)
                if self._under_way:
                    for sent in wait(self._under_way, return_when=FIRST_COMPLETED).done:
                        batch, began_under = self._under_way.pop(sent)
                        self._take_note(batch, sent, began_under)
                elif not self._await_next():
                    return

    def _fill(self, senders: ThreadPoolExecutor) -> None:
        while not self.stopped and len(self._under_way) < self._room and not self._held:
            batch = self._next()
            if batch is None:
                return
            events = self._events(batch)
            if events is None:
                continue
            request_body = body(events)
            if self._is_over_the_limits(batch):
                self._cut(batch, events, request_body)
            else:
                sent = senders.submit(self._attempt, batch, events, request_body)
                self._under_way[sent] = batch, self.rate_limit.holds

    def _await_next(self) -> bool:
        """Sleep until the next request may go, if that is soon; False when this run is over."""
        if self.stopped or self._held > self.policy.patience:
            return False
        now_ms, waiting = self.timing.now_ms(), self.evidence.waiting
        if self.evidence.suspecting and not self._held:
            return self._judge_the_doubted()
        due_ms = next_due_ms(self.ledger.database, self._sendable, now_ms, waiting)
        seconds = None if due_ms is None else max(0.0, (due_ms - now_ms) / 1000, self._held)
        if seconds is None or seconds > self.policy.patience:
            return bool(waiting) and self._judge_the_doubted()
        self.timing.sleep(seconds)
        return True

    def _judge_the_doubted(self) -> bool:
        """There is nothing left to tell from whether rejected events are at fault: whether the run goes on with them.

        Where nothing speaks against the destination, they are tried once more; else it is halted. An event is held
        against what was accepted after its own rejection: of the time before, what was accepted says nothing.
        """
        if not self.last_partitions:
            return False
        if not self.evidence.suspecting and self.evidence.allow_last_chance():
            return True
        since = {batch: self._doubted[batch][1] for batch in self.evidence.waiting}
        accepted_ms = latest_accepted_ms(
            self.ledger.database, self.route.destination, min(since.values(), default=self.timing.now_ms())
        )
        proven = {batch for batch, doubted_ms in since.items() if doubted_ms < accepted_ms}
        if proven:
            self.evidence.prove(proven)
            return True
        self.halted = rejects_everything(self._words)
        return False

    @property
    def doubted_partitions(self) -> frozenset[int]:
        """Partitions with rejected events of which it is not known yet whether they are at fault."""
        return frozenset(self._doubted[batch][0] for batch in self.evidence.doubted)

    @property
    def stopped(self) -> bool:
        """Whether nothing else is begun: the destination refused, the breaker is open, no file can be read, or the run
        is to end.
        """
        failed = self.halted is not None or self._storage_error is not None
        return failed or self.breaker.open or self.timing.stopping()

    @property
    def unread(self) -> PartitionFileError | StorageError | None:
        """What kept some of the events from being read, if anything did."""
        if self._storage_error is not None:
            return self._storage_error
        return damaged(self.unreadable) if self.unreadable else None

    @property
    def _held(self) -> float:
        """Seconds until the rate limit allows the next request."""
        return self.rate_limit.wait(self.timing.clock())

    @property
    def _room(self) -> int:
        alone = self.breaker.probing or self.rate_limit.in_a_row or self.evidence.doubting
        return 1 if alone else self.route.concurrency

    @property
    def _sendable(self) -> Sequence[Held]:
        return [held for held in self.partitions if partition_of(held) not in self._set_aside]

    def _next(self) -> PlannedBatch | None:
        """The oldest; the least tried while the destination fails; while it rejects everything the smallest, and before
        it is judged some from elsewhere.
        """
        if self.evidence.doubting:
            self._ready.clear()
        if self.evidence.suspecting:
            return self._look_elsewhere()
        if not self._ready:
            taken = {batch.id for batch, _ in self._under_way.values()} | self.evidence.waiting
            found = self._look_up(len(taken))  # of those under way some may not be claimed yet
            self._ready.extend(batch for batch in found if batch.id not in taken)
        if not self._ready:
            return None
        if not self.breaker.doubting:
            return self._ready.popleft()
        least_tried = min(self._ready, key=lambda batch: batch.attempts)
        self._ready.remove(least_tried)
        return least_tried

    def _look_elsewhere(self) -> PlannedBatch | None:
        """A batch that has nothing to do with those that were rejected. First the last one, then from between, as far
        from those that were tried as can be: bad events tend to lie together.
        """
        database, now_ms, mine = self.ledger.database, self.timing.now_ms(), self._sendable
        count = count_waiting(database, mine, now_ms)
        start = max(0, count - 1 - int(count * self.evidence.elsewhere))
        under_way = {batch.id for batch, _ in self._under_way.values()}
        for first in (*range(start, count, _PAGE), *range(0, start, _PAGE)):
            for batch in waiting_batches(database, mine, now_ms, _PAGE, first=first):
                if batch.id not in under_way and not self.evidence.knows(batch.id, batch.parent):
                    self._chosen.add(batch.id)
                    return batch
        return None

    def _look_up(self, taken: int) -> list[PlannedBatch]:
        database, now_ms = self.ledger.database, self.timing.now_ms()
        if self.evidence.doubting:
            return waiting_batches(database, self._sendable, now_ms, taken + 1, Order.SMALLEST)
        if self.breaker.doubting:
            return waiting_batches(database, self._sendable, now_ms, _PAGE, Order.LEAST_TRIED)
        return waiting_batches(database, self._sendable, now_ms, _PAGE)

    def _is_over_the_limits(self, batch: PlannedBatch) -> bool:
        """Whether the batch must be split. Never for a single event: it was within the limits when it was exported, and
        the webhook decides.
        """
        events, size = self.route.max_events, self.route.max_bytes
        over = (events is not None and batch.rows > events) or (size is not None and batch.body_bytes > size)
        return over and batch.rows > 1

    def _cut(self, batch: PlannedBatch, events: Texts, request_body: bytes) -> None:
        try:
            self._check(batch, request_body)
        except PartitionFileError as error:
            self._put_aside(batch, error)
            return
        self.ledger.cut(batch, halve(self.route.destination, batch.first_row, events), self.timing.now_ms())
        log.info("batch %s is over the configured limits: split", batch.batch_id[:12])

    def _events(self, batch: PlannedBatch) -> "Texts | None":
        """The texts of the batch's events; None if they cannot be read. Runs in the caller's thread, so that the files
        are read in order, each row group once.
        """
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

    def _check(self, batch: PlannedBatch, request_body: bytes) -> None:
        """Raises PartitionFileError unless the rows are as planned, LedgerError if the partition's lock is lost."""
        if batch_id(self.route.destination, request_body) != batch.batch_id:
            rows = f"{batch.first_row} to {batch.first_row + batch.rows}"
            raise damaged({batch.file.path: f"was changed or replaced: its rows {rows} are not what was planned"})
        self.route.still_locked()

    def _attempt(self, batch: PlannedBatch, events: Texts, request_body: bytes) -> Decision:
        """Runs in a sender thread. Raises PartitionFileError, and sends nothing, if the body is not as planned."""
        self._check(batch, request_body)
        claim = self.ledger.claim(batch, self.route.ship_run, self.timing.now_ms())
        with self._judging:
            began = self.evidence.begin()
        answer = self.route.post(request_body, batch.batch_id, claim.number)
        reach(CrashPoint.ANSWERED)
        now_ms = self.timing.now_ms()
        believed, damning = self._weigh(batch, answer, began, now_ms)
        age = self.policy.age(batch.planned_ms / 1000, now_ms / 1000, claim.number)
        attempted = Attempted(batch.rows, claim.number, age, believed)
        decision = decide(answer, attempted, self.timing.roll(), self.policy)
        splits = decision.step is Step.SPLIT
        halves = halve(self.route.destination, batch.first_row, events) if splits else ()
        self.ledger.finish(claim, answer, decision, now_ms, halves)
        log.info("batch %s attempt %d: %s", batch.batch_id[:12], claim.number, decision.outcome)
        if decision.step is Step.DELIVER:
            self.context.on_progress(batch.rows)
        return replace(decision, halt=True, reason=rejects_everything(decision.reason)) if damning else decision

    def _weigh(self, batch: PlannedBatch, answer: Reply | Failure, began: int, now_ms: int) -> tuple[bool, bool]:
        """Whether a rejection is believed, and whether the destination has now rejected everything."""
        outcome = classify(answer)
        with self._judging:
            if outcome is Outcome.ACCEPTED:
                self.evidence.accept(began)
            if outcome not in DOUBTFUL or not isinstance(answer, Reply):
                return True, False
            rejected = Rejected(
                batch.id,
                batch.parent,
                batch.rows,
                answer.status,
                began,
                failed_before=batch.replayed_after is not None,
                chosen=batch.id in self._chosen,
            )
            believed = self.evidence.reject(rejected)
            if not believed:
                self._doubted[batch.id] = batch.partition, now_ms
                self._words = explain(answer)
            return believed, self.evidence.damning

    def _take_note(self, batch: PlannedBatch, sent: Future[Decision], began_under: int) -> None:
        """Runs in the caller's thread, in the order of the answers."""
        try:
            decision = sent.result()
        except PartitionFileError as error:
            self._put_aside(batch, error)
            return
        self.route.note(batch.partition)
        self.breaker.record(decision.outcome)
        self.rate_limit.record(decision, began_under, self.timing.clock(), self.timing.roll())
        if decision.step is Step.SPLIT:
            self._ready.clear()  # its halves come first, while there are others left that can speak for the destination
        if decision.halt:
            self.halted = decision.reason


def rejects_everything(words: str) -> str:
    """Why a destination is halted that rejects all it gets."""
    return f"{EVERYTHING_REJECTED}: {words}"
