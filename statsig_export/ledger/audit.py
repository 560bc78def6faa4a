"""All that the ledger says of one partition at one moment, for `verify` to recompute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, select

from statsig_export.delivery.outcomes import Outcome
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import SINCE_VERSION, shortened
from statsig_export.ledger.pruned import pruned_partitions_of
from statsig_export.ledger.stored_files import STORED, stored_file
from statsig_export.ledger.tables import attempts, batches, generations, partitions
from statsig_export.storage.files import StoredFile


@dataclass(frozen=True, slots=True)
class RecordedGeneration:
    """A generation as the ledger has it."""

    number: int
    file: StoredFile

    @property
    def rows(self) -> int:
        return self.file.rows


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """A batch as the ledger has it, with its attempts."""

    id: int
    batch_id: str
    generation: int
    first_row: int
    rows: int
    body_bytes: int
    state: str
    attempts: int
    throttled: bool
    outcome: str | None
    parent: int | None
    replay_of: int | None
    replayed_after: int | None
    forgotten: int
    """Rows of people who are forgotten that it had besides."""
    made: tuple[tuple[int, Outcome | None], ...]
    """Number and outcome of each attempt on record; None while it is open."""

    @property
    def end(self) -> int:
        return self.first_row + self.rows

    @property
    def range(self) -> tuple[int, int, int]:
        return self.generation, self.first_row, self.end


@dataclass(frozen=True, slots=True)
class PartitionRecord:
    """What the ledger says of one partition at one moment."""

    generations: Sequence[RecordedGeneration]
    """None of a partition that was pruned: their files are gone."""
    batches: Sequence[RecordedBatch]
    """By generation and first row; of those that begin together the longest first."""
    pruned: bool
    """Then there is nothing but its account to verify."""


def partition_record(database: LedgerDatabase, partition: int) -> PartitionRecord:
    """Everything on record of the partition with this id."""
    columns = generations.c
    planned = select(columns.generation, *STORED)
    planned = planned.where(columns.partition == partition).order_by(columns.generation)
    # One statement for batches and attempts, so that a shipper at work cannot make them differ.
    sent = (
        select(batches)
        .add_columns(attempts.c.number.label("attempt_number"), attempts.c.outcome.label("attempt_outcome"))
        .add_columns(attempts.c.finished_ms.label("attempt_finished_ms"))
        .outerjoin(attempts, attempts.c.batch == batches.c.id)
        .where(batches.c.partition == partition)
        .order_by(batches.c.generation, batches.c.first_row, batches.c.rows.desc(), batches.c.id, attempts.c.number)
    )
    with database.read() as connection:
        pruned = bool(pruned_partitions_of(connection, partitions.c.id == partition))
        files = [] if pruned else connection.execute(planned).all()
        rows = connection.execute(sent).all()
        lost = shortened(connection, partition) if database.version >= SINCE_VERSION else {}
    return PartitionRecord(
        generations=[RecordedGeneration(number=file.generation, file=stored_file(file)) for file in files],
        batches=[_batch(list(of_batch), lost) for _, of_batch in groupby(rows, key=attrgetter("id"))],
        pruned=pruned,
    )


def _batch(rows: "Sequence[Row[*tuple[Any, ...]]]", lost: Mapping[int, int]) -> RecordedBatch:
    """A batch from its rows: one per attempt, or one without an attempt. `lost` are the rows that batches have lost."""
    batch = rows[0]
    return RecordedBatch(
        id=batch.id,
        batch_id=batch.batch_id,
        generation=batch.generation,
        first_row=batch.first_row,
        rows=batch.rows,
        body_bytes=batch.body_bytes,
        state=batch.state,
        attempts=batch.attempts,
        throttled=batch.throttled,
        outcome=batch.outcome,
        parent=batch.parent,
        replay_of=batch.replay_of,
        replayed_after=batch.replayed_after,
        forgotten=lost.get(batch.id, 0),
        made=tuple(
            (row.attempt_number, _outcome(row.attempt_outcome, row.attempt_finished_ms))
            for row in rows
            if row.attempt_number is not None
        ),
    )


def _outcome(name: str | None, finished_ms: int | None) -> Outcome | None:
    return Outcome(name) if finished_ms is not None and name in set(Outcome) else None
