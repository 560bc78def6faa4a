"""The standing of partitions: their account, and what is pending, since when and until when."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from statsig_export.account import Account
from statsig_export.delivery.rules import State
from statsig_export.ledger.conditions import (
    ACCOUNT_ROWS,
    IN_THE_ACCOUNT,
    IS_PENDING,
    LIMITED_ROWS,
    PENDING_STATES,
    WAITING_STATES,
    due_at,
)
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import rows_forgotten
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.pruned import PrunedPartition, pruned_partitions_of
from statsig_export.ledger.records import PartitionStatus
from statsig_export.ledger.tables import batches, generations, partitions
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key


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
        forgotten = rows_forgotten(connection, database, ids)
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
            (laid_down.get(partition, 0), forgotten.get(partition, 0)),
            (json.loads(filtered_by), json.loads(failed_by)),
            now_ms,
        )
        for partition, category, window, filtered_by, failed_by in rows
    ]


def standings(connection: Connection, ids: object, now_ms: int) -> dict[int, Standing]:
    """Partition -> how its batches stand; due times as seen at `now_ms`. `ids` is a collection or a subquery."""
    columns = batches.c
    kind = case((columns.state == State.FAILED.value, columns.outcome), else_="")
    due_ms = case((columns.state.in_(WAITING_STATES), due_at(now_ms)))
    failed = and_(IN_THE_ACCOUNT, columns.state == State.FAILED.value)
    replay_pending = case((and_(columns.replay_of.is_not(None), IS_PENDING), columns.rows), else_=0)
    error = case((or_(columns.state == State.DEFERRED.value, failed), columns.reason))
    wanted = (
        select(
            columns.partition,
            columns.state,
            kind,
            func.sum(ACCOUNT_ROWS),
            func.sum(LIMITED_ROWS),
            func.min(due_ms),
            func.max(error),
            func.sum(replay_pending),
            func.min(case((IS_PENDING, columns.planned_ms))),
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
    counted: tuple[int, int],
    seen: tuple[dict[str, int], dict[str, int]],
    now_ms: int,
) -> PartitionStatus:
    """`counted` are the rows laid down and the forgotten ones; `seen` the filtered and the failed rows of the latest
    export, by rule and by reason.
    """
    category, window = partition
    filtered_by, failed_by = seen
    laid_down, forgotten = counted
    account = Account(
        events=laid_down + sum(filtered_by.values()) + sum(failed_by.values()) + forgotten,
        forwarded=standing.rows[State.DELIVERED.value],
        pending=sum(standing.rows[state] for state in PENDING_STATES),
        rate_limited=standing.rate_limited,
        filtered_by=filtered_by,
        failed_by=dict(standing.failed_by + Counter(failed_by)),
        forgotten=forgotten,
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
