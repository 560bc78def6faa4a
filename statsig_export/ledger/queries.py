"""What exporting and shipping ask the ledger: what was planned, what is due, what waits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, func, or_, select

from statsig_export.delivery.rules import State
from statsig_export.ledger.conditions import (
    PENDING_STATES,
    WAITING_STATES,
    due_at,
    export_runs_of,
    is_due,
    same_generation,
)
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import SINCE_VERSION, rewritten_ms
from statsig_export.ledger.lanes import Held, Lane, of_batches
from statsig_export.ledger.list_parameters import among, among_given
from statsig_export.ledger.pruned import NOT_PRUNED, refuse_pruned
from statsig_export.ledger.records import DestinationRecord, DuePartition, Planned, PlannedBatch
from statsig_export.ledger.stored_files import STORED, stored_file
from statsig_export.ledger.tables import attempts, batches, destinations, generations, meta, partitions
from statsig_export.storage.files import StoredFile
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key

_LEDGER_ID: Final = select(meta.c.value).where(meta.c.key == "ledger_id")
_DESTINATION: Final = select(destinations).where(destinations.c.name == bindparam("named"))
_OF_DESTINATION: Final = partitions.c.destination == bindparam("named")
_NAMED_FILES: Final = (
    select(generations.c.partition)
    .join(partitions, partitions.c.id == generations.c.partition)
    .where(_OF_DESTINATION, NOT_PRUNED)
    .limit(1)
)
_KEYS: Final = (
    select(partitions.c.id, partitions.c.category, partitions.c.window)
    .where(_OF_DESTINATION)
    .order_by(partitions.c.window_start_ms, partitions.c.category)
)
_KEYS_IN_WINDOWS: Final = _KEYS.where(among_given(partitions.c.window, "windows"))
_PENDING_KEYS: Final = _KEYS.where(
    partitions.c.id.in_(select(batches.c.partition).where(batches.c.state.in_(PENDING_STATES)))
)
"""What runs for every window, run or tick is built once: to build a statement takes longer than to run it."""


def ledger_id(database: LedgerDatabase) -> str:
    """What the ledger was given when it was made."""
    with database.read() as connection:
        return str(connection.execute(_LEDGER_ID).scalar_one())


def destination(database: LedgerDatabase, name: str) -> DestinationRecord:
    """What is remembered of a destination; of an unknown one nothing is."""
    with database.read() as connection:
        row = connection.execute(_DESTINATION, {"named": name}).one_or_none()
    if row is None:
        return DestinationRecord()
    return DestinationRecord(
        halted_reason=row.halted_reason,
        halted_setup=row.halted_setup,
        breaker_openings=row.breaker_openings,
        probe_ms=row.probe_ms,
        halted_ms=row.halted_ms,
    )


def planned_partitions(
    database: LedgerDatabase, destination: str, window: str, categories: Sequence[Category]
) -> dict[Category, Planned]:
    """What earlier exports put into each category's partition of a window. Raises ConfigError if one was pruned."""
    mine = (partitions.c.destination == destination, partitions.c.window == window)
    wanted = (
        select(partitions.c.category, generations.c.partition, generations.c.generation, *STORED)
        .join(partitions, partitions.c.id == generations.c.partition)
        .where(*mine, partitions.c.category.in_(categories))
        .order_by(generations.c.partition, generations.c.generation)
    )
    with database.read() as connection:
        refuse_pruned(connection, *mine, partitions.c.category.in_(categories))
        rows = connection.execute(wanted).all()
        known = {row.partition for row in rows} if database.version >= SINCE_VERSION else set()
        rewritten = rewritten_ms(connection, known) if known else {}
    found = dict.fromkeys(categories, Planned(0, ()))
    for partition, of_it in groupby(rows, lambda row: row.partition):
        its = list(of_it)
        files = tuple(map(stored_file, its))
        found[Category(its[0].category)] = Planned(its[-1].generation, files, rewritten.get(partition))
    return found


def names_files(database: LedgerDatabase, destination: str) -> bool:
    """Whether the ledger names a file of this destination that was not pruned."""
    with database.read() as connection:
        return connection.execute(_NAMED_FILES, {"named": destination}).first() is not None


def planned_elsewhere(
    database: LedgerDatabase, destination: str, window: str, categories: Sequence[Category]
) -> list[StoredFile]:
    """The files of the window's partitions of other categories, except pruned ones."""
    wanted = (
        select(*STORED)
        .join(partitions, partitions.c.id == generations.c.partition)
        .where(partitions.c.destination == destination, partitions.c.window == window)
        .where(partitions.c.category.not_in(categories), NOT_PRUNED)
    )
    with database.read() as connection:
        return [stored_file(row) for row in connection.execute(wanted)]


def due(database: LedgerDatabase, destination: str, now_ms: int) -> list[DuePartition]:
    """Partitions with something to send now, oldest window first.

    A batch in flight counts too: either a shipper holds the partition's lock, or it died and the next ship run has to
    recover the batch.
    """
    # The batches first, by the index on their state: joined to partitions, SQLite would walk every batch there is.
    of_partition = (
        select(batches.c.partition, func.count().label("batches"), func.sum(batches.c.rows).label("events"))
        .add_columns(
            (now_ms - func.min(due_at(now_ms))).label("since_ms"), func.min(batches.c.attempts).label("attempts")
        )
        .where(or_(is_due(now_ms), batches.c.state == State.SENDING.value))
        .group_by(batches.c.partition)
        .subquery()
    )
    wanted = (
        select(partitions.c.id, partitions.c.category, partitions.c.window)
        .add_columns(of_partition.c.batches, of_partition.c.events, of_partition.c.since_ms, of_partition.c.attempts)
        .join(of_partition, partitions.c.id == of_partition.c.partition)
        .where(partitions.c.destination == destination)
        .order_by(partitions.c.window_start_ms, partitions.c.category)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).all()
        runs = export_runs_of(connection, [row.id for row in rows])
    return [
        DuePartition(
            partition=partition_key(Category(row.category), row.window),
            batches=row.batches,
            events=int(row.events),
            export_runs=runs[row.id],
            overdue=row.since_ms / 1000,
            attempts=row.attempts,
        )
        for row in rows
    ]


def partition_ids(database: LedgerDatabase, destination: str, wanted: Iterable[tuple[Category, str]]) -> dict[str, int]:
    """Partition key -> its id in the ledger, for those it knows."""
    keys = set(wanted)
    windows = list({window for _, window in keys})
    with database.read() as connection:
        rows = connection.execute(_KEYS_IN_WINDOWS, {"named": destination, "windows": windows}).all()
    return {
        partition_key(Category(category), window): partition
        for partition, category, window in rows
        if (Category(category), window) in keys
    }


def pending_partition_ids(database: LedgerDatabase, destination: str) -> dict[str, int]:
    """Partition key -> its id, for those with pending batches, due or not; oldest window first."""
    with database.read() as connection:
        rows = connection.execute(_PENDING_KEYS, {"named": destination}).all()
    return {partition_key(Category(category), window): partition for partition, category, window in rows}


class Order(StrEnum):
    """Which batches are sent first. Ties are broken by window, category and row."""

    OLDEST = "oldest"
    LEAST_TRIED = "least tried"
    SMALLEST = "smallest"


_COLUMNS_OF: Final[Mapping[Order, tuple[ColumnElement[int], ...]]] = {
    Order.OLDEST: (),
    Order.LEAST_TRIED: (batches.c.attempts,),
    Order.SMALLEST: (batches.c.rows, batches.c.attempts),
}
"""Not the members' values: in Python 3.11.2 a member that is `()` has another value."""


_OF_A_BATCH: Final = [name for name in PlannedBatch.__match_args__ if name != "file"]


def _waiting(order: Order) -> Select[Any]:
    """The batches that are due at `now_ms`: `most` of them, after skipping `first`."""
    by_row = (partitions.c.window_start_ms, partitions.c.category, batches.c.generation, batches.c.first_row)
    return (
        select(*(batches.c[name] for name in _OF_A_BATCH), *STORED)
        .join(partitions, partitions.c.id == batches.c.partition)
        .join(generations, same_generation())
        .where(is_due(bindparam("now_ms", type_=BigInteger)))
        .order_by(*_COLUMNS_OF[order], *by_row)
        .limit(bindparam("most"))
        .offset(bindparam("first"))
    )


_WAITING: Final = {order: _waiting(order) for order in Order}
_WAITING_IN: Final = {order: _WAITING[order].where(among_given(batches.c.partition, "of")) for order in Order}


def waiting_batches(
    database: LedgerDatabase, held: Sequence[Held], now_ms: int, limit: int, order: Order = Order.OLDEST, first: int = 0
) -> list[PlannedBatch]:
    """The next batches to send: at most `limit`, after skipping `first`."""
    in_shards = any(isinstance(one, Lane) for one in held)
    wanted = _WAITING[order].where(of_batches(held)) if in_shards else _WAITING_IN[order]
    given = {"now_ms": now_ms, "most": limit, "first": first, **({} if in_shards else {"of": list(held)})}
    with database.read() as connection:
        return [
            PlannedBatch(file=stored_file(row), **dict(zip(_OF_A_BATCH, row, strict=False)))
            for row in connection.execute(wanted, given)
        ]


def count_waiting(database: LedgerDatabase, held: Sequence[Held], now_ms: int) -> int:
    """The number of batches that are due now."""
    wanted = select(func.count()).select_from(batches).where(of_batches(held), is_due(now_ms))
    with database.read() as connection:
        return int(connection.execute(wanted).scalar_one())


def unfinished_replays(database: LedgerDatabase, ids: Sequence[int], ship_run: str) -> tuple[int, int]:
    """Pending events of these partitions' replays, and events that failed in a ship run.

    The second counts every batch: a failed batch that was taken up again is not marked as a replay once it is split.
    """
    columns = batches.c
    replayed = and_(among(columns.partition, ids), columns.replay_of.is_not(None))
    pending = select(func.sum(columns.rows)).where(replayed, columns.state.in_(PENDING_STATES))
    failed = (
        select(func.sum(columns.rows))
        .join(attempts, and_(attempts.c.batch == columns.id, attempts.c.number == columns.attempts))
        .where(among(columns.partition, ids), columns.state == State.FAILED.value, attempts.c.ship_run == ship_run)
    )
    with database.read() as connection:
        return int(connection.execute(pending).scalar() or 0), int(connection.execute(failed).scalar() or 0)


def next_due_ms(
    database: LedgerDatabase, held: Sequence[Held], now_ms: int | None = None, without: Collection[int] = ()
) -> int | None:
    """When the next waiting batch of these is due, except for those in `without`; with no `now_ms`, as it is
    on record.
    """
    due_ms = func.min(batches.c.due_ms if now_ms is None else due_at(now_ms))
    wanted = select(due_ms).where(of_batches(held), batches.c.state.in_(WAITING_STATES))
    with database.read() as connection:
        return connection.execute(wanted.where(~among(batches.c.id, without))).scalar()
