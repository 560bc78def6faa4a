"""The ledger's reading side: what is due, what is planned, and the account of every partition."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from statsig_export.account import Account
from statsig_export.delivery import PENDING, RetryPolicy, State
from statsig_export.events import Category
from statsig_export.ledger import PlannedBatch
from statsig_export.ledger_database import LedgerDatabase
from statsig_export.ledger_lists import among
from statsig_export.ledger_tables import attempts, batches, destinations, export_runs, generations, partitions
from statsig_export.partitions import StoredFile, partition_key
from statsig_export.pruned import NOT_PRUNED, PrunedPartition, pruned_partitions_of
from statsig_export.reports import DuePartition, PartitionStatus

_PENDING = [state.value for state in PENDING]
_WAITING = [State.PLANNED.value, State.DEFERRED.value]
FOREVER_MS: Final = 2**62
FURTHEST_MS: Final = round(RetryPolicy().furthest * 1000)
"""What is on record as due later than this from now is due at once: a clock was wrong when it was written."""
_RUN = func.coalesce(export_runs.c.orchestrator_run, export_runs.c.id)


@dataclass(frozen=True, slots=True)
class Planned:
    """What earlier exports put into a partition."""

    generation: int
    """The newest; 0 for a partition that has none."""
    stored: tuple[StoredFile, ...]
    """Oldest first."""

    @property
    def files(self) -> tuple[str, ...]:
        """Their paths."""
        return tuple(file.path for file in self.stored)


@dataclass(frozen=True, slots=True)
class Destination:
    """What the ledger remembers of a destination."""

    halted_reason: str | None = None
    halted_setup: str | None = None
    breaker_openings: int = 0
    probe_ms: int | None = None
    halted_ms: int | None = None


def destination(database: LedgerDatabase, name: str) -> Destination:
    columns = destinations.c
    wanted = select(columns.halted_reason, columns.halted_setup, columns.breaker_openings, columns.probe_ms)
    wanted = wanted.add_columns(columns.halted_ms)
    with database.read() as connection:
        row = connection.execute(wanted.where(columns.name == name)).one_or_none()
    return Destination(*row) if row else Destination()


def planned(database: LedgerDatabase, destination: str, window: str, category: Category) -> Planned:
    """The generations of one partition."""
    wanted = (
        select(generations.c.generation, generations.c.file, generations.c.digest, generations.c.bytes)
        .add_columns(generations.c.rows)
        .join(partitions, partitions.c.id == generations.c.partition)
        .where(*_partition_is(destination, window, category))
        .order_by(generations.c.generation)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).all()
    return Planned(rows[-1].generation if rows else 0, tuple(StoredFile(*row[1:]) for row in rows))


def names_files(database: LedgerDatabase, destination: str) -> bool:
    """Whether some file of a destination has to be there."""
    wanted = (
        select(generations.c.partition)
        .join(partitions, partitions.c.id == generations.c.partition)
        .where(partitions.c.destination == destination, NOT_PRUNED)
    )
    with database.read() as connection:
        return connection.execute(wanted.limit(1)).first() is not None


def planned_elsewhere(
    database: LedgerDatabase, destination: str, window: str, categories: Sequence[Category]
) -> list[StoredFile]:
    """The files of the window's partitions of other categories, but for pruned ones: theirs are gone."""
    wanted = (
        select(generations.c.file, generations.c.digest, generations.c.bytes, generations.c.rows)
        .join(partitions, partitions.c.id == generations.c.partition)
        .where(partitions.c.destination == destination, partitions.c.window == window)
        .where(partitions.c.category.not_in(categories), NOT_PRUNED)
    )
    with database.read() as connection:
        return [StoredFile(*row) for row in connection.execute(wanted)]


def due(database: LedgerDatabase, destination: str, now_ms: int) -> list[DuePartition]:
    """Partitions with something to send now, oldest window first.

    A batch that is under way counts too: either a shipper is at it and holds the lock, or one died and it is lost
    until the next ship run recovers it.
    """
    # The batches first, by the index on their state: joined to partitions, SQLite would walk every batch there is.
    of_partition = (
        select(batches.c.partition, func.count().label("count"), func.sum(batches.c.rows).label("events"))
        .add_columns(
            (now_ms - func.min(_due_ms(now_ms))).label("since_ms"), func.min(batches.c.attempts).label("attempts")
        )
        .where(or_(_waits(now_ms), batches.c.state == State.SENDING.value))
        .group_by(batches.c.partition)
        .subquery()
    )
    wanted = (
        select(partitions.c.category, partitions.c.window, of_partition.c.count, of_partition.c.events, partitions.c.id)
        .add_columns(of_partition.c.since_ms, of_partition.c.attempts)
        .join(of_partition, partitions.c.id == of_partition.c.partition)
        .where(partitions.c.destination == destination)
        .order_by(partitions.c.window_start_ms, partitions.c.category)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).all()
        runs = _export_runs(connection, [row.id for row in rows])
    return [
        DuePartition(
            partition_key(Category(category), window), count, int(events), runs[partition], since_ms / 1000, tried
        )
        for category, window, count, events, partition, since_ms, tried in rows
    ]


def partition_ids(database: LedgerDatabase, destination: str, wanted: Iterable[tuple[Category, str]]) -> dict[str, int]:
    """Partition key -> its id in the ledger, for those it knows."""
    keys = set(wanted)
    query = select(partitions.c.id, partitions.c.category, partitions.c.window).where(
        partitions.c.destination == destination, among(partitions.c.window, {window for _, window in keys})
    )
    with database.read() as connection:
        rows = connection.execute(query.order_by(partitions.c.window_start_ms, partitions.c.category)).all()
    return {
        partition_key(Category(category), window): partition
        for partition, category, window in rows
        if (Category(category), window) in keys
    }


def pending_partition_ids(database: LedgerDatabase, destination: str) -> dict[str, int]:
    """Partition key -> its id, for those of which something is still to be sent, due or not; oldest window first."""
    unsent = select(batches.c.partition).where(batches.c.state.in_(_PENDING))
    wanted = select(partitions.c.id, partitions.c.category, partitions.c.window).where(
        partitions.c.destination == destination, partitions.c.id.in_(unsent)
    )
    with database.read() as connection:
        rows = connection.execute(wanted.order_by(partitions.c.window_start_ms, partitions.c.category)).all()
    return {partition_key(Category(category), window): partition for partition, category, window in rows}


class Order(Enum):
    """Which batches come first. Among equals it is the order of window, category and row."""

    OLDEST = ()
    LEAST_TRIED = (batches.c.attempts,)
    SMALLEST = (batches.c.rows, batches.c.attempts)


def waiting_batches(
    database: LedgerDatabase, ids: Sequence[int], now_ms: int, limit: int, order: Order = Order.OLDEST, first: int = 0
) -> list[PlannedBatch]:
    """The next batches to send, from the `first` of them on."""
    by_row = (partitions.c.window_start_ms, partitions.c.category, batches.c.generation, batches.c.first_row)
    names = ("id", "batch_id", "partition", "generation", "first_row", "rows", "body_bytes", "attempts", "planned_ms")
    wanted = (
        select(*(batches.c[name] for name in (*names, "replay_of", "parent", "replayed_after")), generations.c.file)
        .join(partitions, partitions.c.id == batches.c.partition)
        .join(generations, _same_generation())
        .where(among(batches.c.partition, ids), _waits(now_ms))
        .order_by(*order.value, *by_row)
        .limit(limit)
        .offset(first)
    )
    with database.read() as connection:
        return [PlannedBatch(**row) for row in connection.execute(wanted).mappings()]


def count_waiting(database: LedgerDatabase, ids: Sequence[int], now_ms: int) -> int:
    """How many batches could be sent now."""
    wanted = select(func.count()).select_from(batches).where(batches.c.partition.in_(ids), _waits(now_ms))
    with database.read() as connection:
        return int(connection.execute(wanted).scalar_one())


def unfinished_replays(database: LedgerDatabase, ids: Sequence[int], ship_run: str) -> tuple[int, int]:
    """The events of these partitions' replays that are still to be delivered; and the events that failed in a ship run,
    of whichever batch: one that had failed and was taken up again bears no mark of a replay once it was split.
    """
    columns = batches.c
    replayed = and_(among(columns.partition, ids), columns.replay_of.is_not(None))
    pending = select(func.sum(columns.rows)).where(replayed, columns.state.in_(_PENDING))
    failed = (
        select(func.sum(columns.rows))
        .join(attempts, and_(attempts.c.batch == columns.id, attempts.c.number == columns.attempts))
        .where(among(columns.partition, ids), columns.state == State.FAILED.value, attempts.c.ship_run == ship_run)
    )
    with database.read() as connection:
        return int(connection.execute(pending).scalar() or 0), int(connection.execute(failed).scalar() or 0)


def next_due_ms(
    database: LedgerDatabase, ids: Sequence[int], now_ms: int | None = None, without: Collection[int] = ()
) -> int | None:
    """When the next waiting batch of these partitions is due, but for some. Without a now, as it is on record."""
    due_ms = func.min(batches.c.due_ms if now_ms is None else _due_ms(now_ms))
    wanted = select(due_ms).where(among(batches.c.partition, ids), batches.c.state.in_(_WAITING))
    with database.read() as connection:
        return connection.execute(wanted.where(~among(batches.c.id, without))).scalar()


def statuses(
    database: LedgerDatabase,
    destination: str,
    now_ms: int,
    *,
    between: tuple[int, int] | None = None,
    only: Sequence[int] | None = None,
) -> list[PartitionStatus]:
    """The account of every partition, oldest first; of those whose window starts in `between` (ms, half-open), or
    of `only` those ids.
    """
    columns = partitions.c
    chosen: list[ColumnElement[bool]] = [columns.destination == destination]
    if between is not None:
        chosen += [columns.window_start_ms >= between[0], columns.window_start_ms < between[1]]
    if only is not None:
        chosen.append(among(columns.id, only))
    wanted = select(columns.id, columns.category, columns.window, columns.filtered_by, columns.failed_by)
    with database.read() as connection:
        rows = connection.execute(wanted.where(*chosen).order_by(columns.window_start_ms, columns.category)).all()
        ids = select(columns.id).where(*chosen)
        standing = standings(connection, ids, now_ms)
        pruned = pruned_partitions_of(connection, *chosen)
        standing.update({partition: _standing_of(left) for partition, left in pruned.items()})
        laid_down = {
            partition: int(rows)
            for partition, rows in connection.execute(
                select(generations.c.partition, func.sum(generations.c.rows))
                .where(generations.c.partition.in_(ids))
                .group_by(generations.c.partition)
            )
        }
    return [
        _status(
            (Category(category), window),
            standing[partition],
            laid_down.get(partition, 0),
            (json.loads(filtered_by), json.loads(failed_by)),
            now_ms,
        )
        for partition, category, window, filtered_by, failed_by in rows
    ]


@dataclass(slots=True)
class Standing:
    """The batches of one partition, summed up."""

    rows: Counter[str]
    """State -> events."""
    failed_by: Counter[str]
    """Outcome -> events."""
    rate_limited: int = 0
    due_ms: int | None = None
    last_error: str | None = None
    pruned: datetime | None = None
    replay_pending: int = 0
    pending_since_ms: int | None = None


def standings(connection: Connection, ids: object, now_ms: int) -> dict[int, Standing]:
    """Partition -> how its batches stand; due times as seen at `now_ms`. `ids` is a collection or a subquery."""
    columns = batches.c
    kind = case((columns.state == State.FAILED.value, columns.outcome), else_="")
    # A replay counts nowhere, whatever becomes of it: its events stay forwarded, once. It is due like any other.
    counts = columns.replay_of.is_(None)
    rows = case((counts, columns.rows), else_=0)
    # A split batch's events live on in its halves, and the request that met the limit is theirs no longer.
    limited = case((and_(counts, columns.throttled, columns.state != State.SPLIT.value), columns.rows), else_=0)
    due_ms = case((columns.state.in_(_WAITING), _due_ms(now_ms)))
    failed = and_(counts, columns.state == State.FAILED.value)
    pending = columns.state.in_(_PENDING)
    replay_pending = case((and_(columns.replay_of.is_not(None), pending), columns.rows), else_=0)
    error = case((or_(columns.state == State.DEFERRED.value, failed), columns.reason))
    wanted = (
        select(
            columns.partition,
            columns.state,
            kind,
            func.sum(rows),
            func.sum(limited),
            func.min(due_ms),
            func.max(error),
            func.sum(replay_pending),
            func.min(case((pending, columns.planned_ms))),
        )
        .where(columns.partition.in_(ids))  # type: ignore[arg-type]  # a subquery is a collection to SQLAlchemy
        .group_by(columns.partition, columns.state, kind)
    )
    found: dict[int, Standing] = defaultdict(lambda: Standing(Counter(), Counter()))
    for partition, state, outcome, events, rate_limited, due, reason, again, since in connection.execute(wanted):
        standing = found[partition]
        standing.rows[state] += int(events)
        standing.rate_limited += int(rate_limited)
        if state == State.FAILED.value:
            standing.failed_by[outcome] += int(events)
        standing.due_ms = _earlier(standing.due_ms, due)
        standing.replay_pending += int(again)
        standing.pending_since_ms = _earlier(standing.pending_since_ms, since)
        standing.last_error = reason or standing.last_error
    return found


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _standing_of(pruned: PrunedPartition) -> Standing:
    """How the batches stood when they were removed."""
    return Standing(
        rows=Counter({State.DELIVERED.value: pruned.forwarded}),
        failed_by=Counter(pruned.failed_by),
        rate_limited=pruned.rate_limited,
        last_error=pruned.last_error,
        pruned=pruned.pruned,
    )


def _status(
    partition: tuple[Category, str],
    standing: Standing,
    laid_down: int,
    seen: tuple[dict[str, int], dict[str, int]],
    now_ms: int,
) -> PartitionStatus:
    """`seen` are the filtered and the failed rows of the latest export, by rule and by reason."""
    category, window = partition
    filtered_by, failed_by = seen
    account = Account(
        events=laid_down + sum(filtered_by.values()) + sum(failed_by.values()),
        forwarded=standing.rows[State.DELIVERED.value],
        pending=sum(standing.rows[state] for state in _PENDING),
        rate_limited=standing.rate_limited,
        filtered_by=filtered_by,
        failed_by=dict(standing.failed_by + Counter(failed_by)),
    )
    return PartitionStatus(
        partition=partition_key(category, window),
        window=window,
        category=category,
        account=account,
        last_error=standing.last_error,
        due_in=None if standing.due_ms is None else max(0.0, (standing.due_ms - now_ms) / 1000),
        pruned=standing.pruned,
        replay_pending=standing.replay_pending,
        pending_since=_time(standing.pending_since_ms),
    )


def _time(moment_ms: int | None) -> datetime | None:
    return None if moment_ms is None else datetime.fromtimestamp(moment_ms / 1000, UTC)


def _export_runs(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Partition -> the runs (the orchestrator's ids, else our own) whose events are still pending there."""
    wanted = (
        select(batches.c.partition, _RUN)
        .join(generations, _same_generation())
        .join(export_runs, export_runs.c.id == generations.c.export_run)
        .where(among(batches.c.partition, ids), batches.c.state.in_(_PENDING))
        .distinct()
        .order_by(batches.c.partition, _RUN)
    )
    found: dict[int, tuple[str, ...]] = defaultdict(tuple)
    for partition, run in connection.execute(wanted):
        found[partition] += (run,)
    return found


def _same_generation() -> ColumnElement[bool]:
    return and_(generations.c.partition == batches.c.partition, generations.c.generation == batches.c.generation)


def _partition_is(destination: str, window: str, category: Category) -> tuple[ColumnElement[bool], ...]:
    return (
        partitions.c.destination == destination,
        partitions.c.window == window,
        partitions.c.category == category.value,
    )


def _due_ms(now_ms: int) -> ColumnElement[int]:
    return case((batches.c.due_ms > now_ms + FURTHEST_MS, now_ms), else_=batches.c.due_ms)


def _waits(now_ms: int) -> ColumnElement[bool]:
    due = or_(batches.c.due_ms <= now_ms, batches.c.due_ms > now_ms + FURTHEST_MS)
    return and_(batches.c.state.in_(_WAITING), due)
