"""Forgetting in the ledger: one transaction per partition names its new files and changes what stood for the old ones.

The old files are on a list from then on, and are removed after that, by this run or the next. So the ledger never needs
a file that is gone, and no batch names a row that is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.rules import State, Step
from statsig_export.ledger.conditions import IN_THE_ACCOUNT, is_late
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import SINCE_VERSION, add_forgotten, shorten
from statsig_export.ledger.pruned import pruned_partitions_of
from statsig_export.ledger.retention import Candidate, named_elsewhere
from statsig_export.ledger.states import move_all
from statsig_export.ledger.stored_files import STORED, stored_file
from statsig_export.ledger.tables import arrivals, batches, export_runs, generations, partitions, replaced_files
from statsig_export.ledger.taken_out import TakenOut, add_taken_out
from statsig_export.storage.files import StoredFile
from statsig_export.vocabulary import Category


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a batch stands for, and what it is named after."""

    id: int
    generation: int
    first_row: int
    rows: int
    batch_id: str
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What the ledger says of a partition's files and of the rows of its batches, at one moment."""

    files: Mapping[int, StoredFile]
    """Generation -> its file."""
    batches: Sequence[Rows]
    """By id."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file that was written again, and may be there still."""

    of: Candidate
    path: str
    written_ms: int
    """When the export run that wrote it was finished."""
    shared: bool
    """Whether another partition, of another destination, has it too: equal events make equal files."""


def contents(database: LedgerDatabase, partition: int) -> Contents | None:
    """None of a partition that was pruned."""
    with database.read() as connection:
        return _contents(connection, partition)


def replace_files(
    database: LedgerDatabase,
    partition: int,
    before: Contents,
    files: Mapping[int, StoredFile],
    changed: Sequence[Rows],
    now_ms: int,
) -> bool:
    """Name these files (by generation) in place of those `before`, and these batches by what they are now; the caller
    holds the partition's lock, and has recovered it.

    False, and nothing is changed, where the ledger says something else than `before` by now: a replay was planned.
    """
    with database.write() as connection:
        connection.execute(select(partitions.c.id).where(partitions.c.id == partition).with_for_update())
        if _contents(connection, partition) != before:
            return False
        _name(connection, partition, before, files)
        was = {batch.id: batch for batch in before.batches}
        _count_taken_out(connection, partition, before, files, changed)
        for batch in changed:
            old = was[batch.id]
            if batch.rows != old.rows:
                shorten(connection, batch.id, old.batch_id, old.rows - batch.rows)
                _forget_arrivals(connection, old, old.rows - batch.rows)
            values = {"first_row": batch.first_row, "rows": batch.rows}
            names = {"batch_id": batch.batch_id, "body_bytes": batch.body_bytes}
            connection.execute(update(batches).where(batches.c.id == batch.id).values(**values, **names))
        reach(CrashPoint.FORGETTING)
        move_all(connection, Step.FORGET, batches.c.partition == partition, batches.c.rows == 0)
        taken = sum(before.files[generation].rows - file.rows for generation, file in files.items())
        add_forgotten(connection, partition, taken, now_ms)
    reach(CrashPoint.FORGOTTEN)
    return True


def replaced(database: LedgerDatabase, destination: str, known: Sequence[str]) -> list[Replaced]:
    """The files of a destination that are still to be removed; `known` are the ledger's destinations."""
    wanted = (
        select(partitions.c.id, partitions.c.category, partitions.c.window)
        .add_columns(replaced_files.c.path, replaced_files.c.written_ms)
        .join(partitions, partitions.c.id == replaced_files.c.partition)
        .where(partitions.c.destination == destination)
        .order_by(partitions.c.window_start_ms, partitions.c.category, replaced_files.c.path)
    )
    if database.version < SINCE_VERSION:
        return []
    with database.read() as connection:
        rows = connection.execute(wanted).all()
        found = []
        for row in rows:
            of = Candidate(row.id, Category(row.category), row.window)
            shared = row.path in named_elsewhere(connection, of, known, mine_too=True)
            found.append(Replaced(of, row.path, row.written_ms, shared))
    return found


def removed_replaced(database: LedgerDatabase, file: Replaced) -> None:
    """Record that a file is removed, or another destination's alone."""
    mine = (replaced_files.c.partition == file.of.id, replaced_files.c.path == file.path)
    with database.write() as connection:
        connection.execute(delete(replaced_files).where(*mine))


def _contents(connection: Connection, partition: int) -> Contents | None:
    if pruned_partitions_of(connection, partitions.c.id == partition):
        return None
    files = select(generations.c.generation, *STORED).where(generations.c.partition == partition)
    columns = [batches.c[name] for name in Rows.__slots__]
    rows = select(*columns).where(batches.c.partition == partition).order_by(batches.c.id)
    return Contents(
        {row.generation: stored_file(row) for row in connection.execute(files)},
        [Rows(*row) for row in connection.execute(rows)],
    )


def _name(connection: Connection, partition: int, before: Contents, files: Mapping[int, StoredFile]) -> None:
    runs = (
        select(generations.c.generation, export_runs.c.finished_ms)
        .join(export_runs, export_runs.c.id == generations.c.export_run)
        .where(generations.c.partition == partition)
    )
    written = {row.generation: row.finished_ms for row in connection.execute(runs)}
    for generation, file in files.items():
        mine = (generations.c.partition == partition, generations.c.generation == generation)
        facts = {"file": file.path, "digest": file.digest, "rows": file.rows, "bytes": file.bytes}
        connection.execute(update(generations).where(*mine).values(**facts))
        row = {"partition": partition, "path": before.files[generation].path, "written_ms": written[generation]}
        known = (replaced_files.c.partition == partition, replaced_files.c.path == row["path"])
        connection.execute(delete(replaced_files).where(*known))
        connection.execute(insert(replaced_files), [row])


def _count_taken_out(
    connection: Connection, partition: int, before: Contents, files: Mapping[int, StoredFile], changed: Sequence[Rows]
) -> None:
    """Keep what the counters of monitors lose."""
    taken = {generation: before.files[generation].rows - file.rows for generation, file in files.items()}
    after = {batch.id: batch.rows for batch in changed}
    delivered = select(batches.c.id).where(
        batches.c.partition == partition, batches.c.state == State.DELIVERED.value, IN_THE_ACCOUNT
    )
    ids = set(connection.execute(delivered).scalars())
    forwarded = sum(batch.rows - after.get(batch.id, batch.rows) for batch in before.batches if batch.id in ids)
    added_late = select(generations.c.generation).where(generations.c.partition == partition, is_late())
    late_ones = set(connection.execute(added_late).scalars())
    late = sum(rows for generation, rows in taken.items() if generation in late_ones)
    of = connection.execute(
        select(partitions.c.destination, partitions.c.category).where(partitions.c.id == partition)
    ).one()
    add_taken_out(connection, of.destination, of.category, TakenOut(sum(taken.values()), late, forwarded))


def _forget_arrivals(connection: Connection, batch: Rows, lost: int) -> None:
    """Of a batch of which all had arrived once the rest still has; of any other nobody knows which events those were,
    and the next comparison looks again.
    """
    columns = arrivals.c
    repeated = columns.repeated_replay + columns.repeated_unknown + columns.repeated_other
    whole: ColumnElement[bool] = (columns.arrived == batch.rows) & (repeated == 0)
    mine = columns.batch == batch.id
    if lost < batch.rows:
        connection.execute(update(arrivals).where(mine, whole).values(arrived=columns.arrived - lost))
        whole = (columns.arrived == batch.rows - lost) & (repeated == 0)
        connection.execute(delete(arrivals).where(mine, ~whole))
    else:
        connection.execute(delete(arrivals).where(mine))
