"""Pruning in the ledger: which partitions can be pruned, what is kept of them, and which files are to be removed.

One transaction per partition replaces its batches and attempts by their sums and marks its files for removal. The
files are removed after that, by this prune or the next, so the ledger never needs a file that is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, or_, select, update

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.rules import PENDING, State
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.pruned import NOT_PRUNED, PrunedPartition, keep, pruned_partitions_of
from statsig_export.ledger.standings import standings
from statsig_export.ledger.tables import (
    arrivals,
    attempts,
    batches,
    export_runs,
    former_requests,
    generations,
    partitions,
    pruned_partitions,
    shortened_batches,
)
from statsig_export.vocabulary import Category
from statsig_export.windows import length_of, partition_key

_PENDING = [state.value for state in PENDING]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A partition that may be pruned, or was."""

    id: int
    category: Category
    window: str

    @property
    def key(self) -> str:
        return partition_key(self.category, self.window)


@dataclass(frozen=True, slots=True)
class PrunedFile:
    """A file of a partition that was pruned."""

    path: str
    written_ms: int
    """When the export run that last wrote it was finished."""
    shared: bool
    """Whether another partition, of another destination, has it too: equal events make equal files."""


def candidates(database: LedgerDatabase, destination: str, before: datetime) -> list[Candidate]:
    """The partitions whose window ended by then and that have a file, oldest first."""
    columns = partitions.c
    has_files = exists().where(generations.c.partition == columns.id)
    wanted = (
        select(columns.id, columns.category, columns.window, columns.window_start_ms)
        .where(columns.destination == destination, columns.window_start_ms < round(before.timestamp() * 1000))
        .where(NOT_PRUNED, or_(has_files, columns.quarantine.is_not(None)))
        .order_by(columns.window_start_ms, columns.category)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).all()
    return [
        _candidate(row)
        for row in rows
        if datetime.fromtimestamp(row.window_start_ms / 1000, UTC) + length_of(row.window) <= before
    ]


def look(database: LedgerDatabase, partition: int, now_ms: int) -> PrunedPartition | None:
    """What would be left of a partition; None while something of it is pending. Changes nothing."""
    with database.read() as connection:
        return _summed(connection, partition, now_ms)


def prune_partition(database: LedgerDatabase, partition: int, now_ms: int) -> PrunedPartition | None:
    """Replace a partition's batches and attempts by their sums; the caller holds its lock.

    Returns what is kept; None, without a change, while something is pending. A no-op for a pruned partition.
    """
    mine = partitions.c.id == partition
    with database.write() as connection:
        quarantine = connection.execute(select(partitions.c.quarantine).where(mine).with_for_update()).scalar_one()
        before = pruned_partitions_of(connection, mine)
        if before:
            return before[partition]
        left = _summed(connection, partition, now_ms)
        if left is None:
            return None
        keep(connection, partition, left, quarantine)
        of_partition = select(batches.c.id).where(batches.c.partition == partition)
        connection.execute(delete(arrivals).where(arrivals.c.batch.in_(of_partition)))
        made = select(attempts.c.id).where(attempts.c.batch.in_(of_partition))
        connection.execute(delete(former_requests).where(former_requests.c.attempt.in_(made)))
        connection.execute(delete(shortened_batches).where(shortened_batches.c.batch.in_(of_partition)))
        connection.execute(delete(attempts).where(attempts.c.batch.in_(of_partition)))
        reach(CrashPoint.PRUNING)
        connection.execute(delete(batches).where(batches.c.partition == partition))
        connection.execute(update(partitions).where(mine).values(quarantine=None))
    reach(CrashPoint.PRUNED)
    return left


def unfinished(database: LedgerDatabase, destination: str) -> list[Candidate]:
    """The pruned partitions whose files may still exist."""
    wanted = (
        select(partitions.c.id, partitions.c.category, partitions.c.window)
        .join(pruned_partitions, pruned_partitions.c.partition == partitions.c.id)
        .where(partitions.c.destination == destination, pruned_partitions.c.removed_ms.is_(None))
        .order_by(partitions.c.window_start_ms, partitions.c.category)
    )
    with database.read() as connection:
        return [_candidate(row) for row in connection.execute(wanted)]


def destinations(database: LedgerDatabase) -> list[str]:
    """Every destination that has a partition."""
    with database.read() as connection:
        return list(connection.execute(select(partitions.c.destination).distinct()).scalars())


def files_of(database: LedgerDatabase, partition: Candidate, known: Sequence[str]) -> list[PrunedFile]:
    """Every file of a partition, whether it was pruned or is to be; `known` are the ledger's destinations."""
    events = (
        select(generations.c.file, export_runs.c.finished_ms)
        .join(export_runs, export_runs.c.id == generations.c.export_run)
        .where(generations.c.partition == partition.id)
        .order_by(generations.c.generation)
    )
    quarantine = (
        select(func.coalesce(partitions.c.quarantine, pruned_partitions.c.quarantine), export_runs.c.finished_ms)
        .join(export_runs, export_runs.c.id == partitions.c.export_run)
        .outerjoin(pruned_partitions, pruned_partitions.c.partition == partitions.c.id)
        .where(partitions.c.id == partition.id)
    )
    with database.read() as connection:
        named = [*connection.execute(events), *connection.execute(quarantine)]
        elsewhere = named_elsewhere(connection, partition, known)
    return [PrunedFile(path, written_ms, path in elsewhere) for path, written_ms in named if path is not None]


def removed(database: LedgerDatabase, partition: int, now_ms: int) -> None:
    """Record that all files of a pruned partition are removed."""
    mine = pruned_partitions.c.partition == partition
    with database.write() as connection:
        connection.execute(update(pruned_partitions).where(mine).values(removed_ms=now_ms))


def needed_files(database: LedgerDatabase) -> set[str]:
    """Every file that a partition of any destination names and that was not pruned."""
    events = select(generations.c.file).join(partitions, partitions.c.id == generations.c.partition).where(NOT_PRUNED)
    quarantines = select(partitions.c.quarantine).where(partitions.c.quarantine.is_not(None))
    with database.read() as connection:
        return {*connection.execute(events).scalars(), *connection.execute(quarantines).scalars()}


def _candidate(row: "Row[*tuple[Any, ...]]") -> Candidate:
    return Candidate(id=row.id, category=Category(row.category), window=row.window)


def _summed(connection: Connection, partition: int, now_ms: int) -> PrunedPartition | None:
    mine = batches.c.partition == partition
    pending = select(func.count()).where(mine, batches.c.state.in_(_PENDING))
    if connection.execute(pending).scalar_one():
        return None
    standing = standings(connection, [partition], now_ms)[partition]
    made = (
        select(attempts.c.outcome, func.count(), func.min(attempts.c.started_ms), func.max(attempts.c.started_ms))
        .join(batches, batches.c.id == attempts.c.batch)
        .where(mine)
        .group_by(attempts.c.outcome)
    )
    by_outcome = connection.execute(made).all()
    outcomes = {str(outcome): int(count) for outcome, count, _, _ in by_outcome}
    return PrunedPartition(
        pruned_ms=now_ms,
        forwarded=standing.rows[State.DELIVERED.value],
        failed_by={outcome: events for outcome, events in standing.failed_by.items() if events},
        rate_limited=standing.rate_limited,
        last_error=standing.last_error,
        batches=connection.execute(select(func.count()).where(mine)).scalar_one(),
        attempts=sum(outcomes.values()),
        outcomes=outcomes,
        first_attempt_ms=min((first for _, _, first, _ in by_outcome), default=None),
        last_attempt_ms=max((last for _, _, _, last in by_outcome), default=None),
    )


def named_elsewhere(
    connection: Connection, partition: Candidate, known: Sequence[str], *, mine_too: bool = False
) -> set[str]:
    """The files of the same window and category that other destinations name: a file's path holds both."""
    columns = partitions.c
    others = (
        columns.destination.in_(known),  # all there are: so that the index on (destination, category, window) is used
        columns.category == partition.category.value,
        columns.window == partition.window,
        NOT_PRUNED,
        *(() if mine_too else (columns.id != partition.id,)),
    )
    events = select(generations.c.file).join(partitions, columns.id == generations.c.partition).where(*others)
    quarantines = select(columns.quarantine).where(*others)
    named = [*connection.execute(events).scalars(), *connection.execute(quarantines).scalars()]
    return {path for path in named if path is not None}
