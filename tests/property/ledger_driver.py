"""The real ledger, driven as an export and a ship run drive it, with events a few bytes long and a clock to turn."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from ledger_model import BAD, GIVE_UP_AFTER_MS, GIVE_UP_ATTEMPTS, MAX_EVENTS, Row
from sqlalchemy import event, make_url, select

from statsig_export.delivery.batch import Batch
from statsig_export.delivery.batches import Batcher, halve
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Attempted, Decision, Failure, Reply, RetryPolicy, Step, decide
from statsig_export.forgetting.rewriting import changed_batches
from statsig_export.ledger import forgetting, queries
from statsig_export.ledger.database import LedgerDatabase, open_to_write
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan
from statsig_export.ledger.records import Claim, ExportRun, PlannedBatch, ShipRun
from statsig_export.ledger.tables import attempts, batches, partitions
from statsig_export.ledger.transactions import Ledger
from statsig_export.settings import WindowSettings
from statsig_export.storage.files import StoredFile
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key, window_from_key

WINDOW = window_from_key("2026-11-20", WindowSettings())
CATEGORIES = (Category.CUSTOM_EVENT, Category.GATE_EXPOSURE)
POLICY = RetryPolicy(
    quick=(2,), schedule=(30, 60), give_up_age=GIVE_UP_AFTER_MS / 1000, give_up_attempts=GIVE_UP_ATTEMPTS
)
ANSWERS: dict[str, Reply | Failure] = {
    "accepted": Reply(200, 1),
    "not_sent": Failure(Outcome.NOT_SENT, 1, "no connection"),
    "throttled": Reply(429, 1),
    "unavailable": Reply(500, 1),
    "unknown": Failure(Outcome.UNKNOWN, 1, "the connection broke"),
    "too_large": Reply(413, 1),
    "rejected": Reply(400, 1),
    "refused": Reply(401, 1),
}
_DESTINATIONS = itertools.count(1)


@contextmanager
def open_ledger(url: str) -> Iterator[LedgerDatabase]:
    """One for all examples: what was compiled for one is of use to the next."""
    database = open_to_write(make_url(url))
    if database.engine.dialect.name == "sqlite":  # no step cuts the power, so none needs to wait for the disk
        event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
    try:
        yield database
    finally:
        database.close()


class LedgerDriver:
    """A destination of its own in the ledger."""

    def __init__(self, database: LedgerDatabase) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.destination = f"d{next(_DESTINATIONS)}"
        self.now = 1_000_000
        self.source: dict[Category, list[Row]] = {category: [] for category in CATEGORIES}
        self.allowed = {"a", "b"}
        self.forgotten: set[str] = set()
        self._files: dict[str, list[bytes]] = {}
        self._numbers = itertools.count(1)
        self._ids: dict[Category, int] = {}
        self.restart()

    def restart(self) -> None:
        """A new process: new connections, a new ship run."""
        self.database.close()
        self._ship_run = self._new_key()
        self.ledger.start_ship_run(ShipRun(self._ship_run, None, self.destination, "c", "0", self.now))

    def add_rows(self, category: Category, kinds: Sequence[str]) -> None:
        self.source[category] += [(f"{category[:1]}{next(self._numbers)}", kind) for kind in kinds]

    def export(self, categories: Iterable[Category], stale: int = 0) -> None:
        """`stale` makes it one that read a generation older or newer than the ledger's."""
        run = ExportRun(self._new_key(), None, self.destination, WINDOW, self.now, self.now, 1, {}, "c", "f", "0", {})
        self.ledger.plan(run, [self._plan(category, stale) for category in sorted(categories)])

    def waiting(self) -> list[PlannedBatch]:
        return queries.waiting_batches(self.database, self.ids(), self.now, limit=1_000)

    def claim(self, batch: PlannedBatch) -> Claim:
        return self.ledger.claim(batch, self._ship_run, self.now)

    def finish(self, claim: Claim, outcome: str, *, believed: bool = True) -> Decision:
        batch = claim.batch
        age = POLICY.age(batch.planned_ms / 1000, self.now / 1000, claim.number)
        attempted = Attempted(batch.rows, claim.number, age, believed)
        decision = decide(ANSWERS[outcome], attempted, 0.5, POLICY)
        halves: Sequence[Batch] = ()
        if decision.step is Step.SPLIT:
            halves = self._halves(batch)
        self.ledger.finish(claim, ANSWERS[outcome], decision, self.now, halves)
        return decision

    def cut(self, batch: PlannedBatch) -> None:
        self.ledger.cut(batch, self._halves(batch), self.now)

    def forget(self, category: Category, keys: set[str]) -> None:
        """Take these rows out, as whoever holds the partition's lock does, and leave them out from now on."""
        self.forgotten |= keys
        partition = self.id_of(category)
        before = forgetting.contents(self.database, partition)
        assert before is not None
        texts = {generation: self._files[file.path] for generation, file in before.files.items()}
        taken = {at: np.array([text.decode() in keys for text in rows], np.bool_) for at, rows in texts.items()}
        files = {}
        for generation, mask in taken.items():
            if mask.any():
                path = self._new_key()
                self._files[path] = [text for text, gone in zip(texts[generation], mask, strict=True) if not gone]
                files[generation] = StoredFile(path, path, 1, len(self._files[path]))
        changed = changed_batches(self, self.destination, before, taken, files)  # type: ignore[arg-type]  # it reads events
        other = replace(before, batches=before.batches[1:])
        assert not forgetting.replace_files(self.database, partition, other, files, changed, self.now)
        assert forgetting.replace_files(self.database, partition, before, files, changed, self.now)

    def read_events(self, file: StoredFile, first_row: int, rows: int) -> "pa.Array[Any]":
        return pa.array(self._files[file.path][first_row : first_row + rows], pa.binary())

    def _halves(self, batch: PlannedBatch) -> tuple[Batch, Batch]:
        texts = self._files[batch.file.path][batch.first_row : batch.first_row + batch.rows]
        return halve(self.destination, batch.first_row, pa.array(texts))

    def ids(self) -> list[int]:
        return [self.id_of(category) for category in CATEGORIES]

    def id_of(self, category: Category) -> int:
        """The partition's id in the ledger; every category was exported once."""
        if not self._ids:
            wanted = [(each, WINDOW.key) for each in CATEGORIES]
            found = queries.partition_ids(self.database, self.destination, wanted)
            self._ids = {each: found[partition_key(each, WINDOW.key)] for each in CATEGORIES}
        return self._ids[category]

    def batches(self):
        """Every row of the table, with its category."""
        wanted = select(batches, partitions.c.category).join(partitions, partitions.c.id == batches.c.partition)
        with self.database.read() as connection:
            return connection.execute(wanted.where(partitions.c.destination == self.destination)).all()

    def attempts(self):
        """Every row of the table, by number."""
        wanted = select(attempts).join(batches, batches.c.id == attempts.c.batch).order_by(attempts.c.number)
        with self.database.read() as connection:
            return connection.execute(wanted.where(batches.c.partition.in_(self.ids()))).all()

    def _plan(self, category: Category, stale: int) -> PartitionPlan:
        found = queries.planned_partitions(self.database, self.destination, WINDOW.key, [category])[category]
        known = {text.decode() for file in found.files for text in self._files[file]}
        unknown = [(key, kind) for key, kind in self.source[category] if key not in known]
        rows = [(key, kind) for key, kind in unknown if key not in self.forgotten]
        new = [key.encode() for key, kind in rows if kind in self.allowed]
        left_out = Counter(kind for _, kind in rows if kind not in self.allowed)
        batcher = Batcher(self.destination, MAX_EVENTS, 1_000)
        path = self._new_key()
        self._files[path] = new
        cut = [*batcher.add(pa.array(new, pa.binary())), *batcher.close()]
        return PartitionPlan(
            category=category,
            after_generation=found.generation + stale,
            generations=[GenerationPlan(found.generation + 1, StoredFile(path, "d", 1, len(new)), cut)] if new else [],
            filtered_by={kind: count for kind, count in left_out.items() if kind != BAD},
            failed_by={kind: count for kind, count in left_out.items() if kind == BAD},
            quarantine=None,
            forgotten=len(unknown) - len(rows),
            after_rewritten_ms=found.rewritten_ms,
        )

    def _new_key(self) -> str:
        return f"{self.destination}-{next(self._numbers)}"
