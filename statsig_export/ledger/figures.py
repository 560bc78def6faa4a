"""What a destination's ledger comes to, in sums: a few statements whatever the number of partitions, in one view.

What was pruned counts as it was kept (pruned.py). So the sums that are called totals never fall.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Connection, case, func, select

from statsig_export.delivery.rules import State
from statsig_export.ledger.arrival_figures import ArrivalFigures, category_arrivals
from statsig_export.ledger.arrivals import SINCE_VERSION
from statsig_export.ledger.conditions import (
    ACCOUNT_ROWS,
    IS_PENDING,
    LIMITED_ROWS,
    due_at,
    is_due,
    is_late,
)
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import categories_forgotten
from statsig_export.ledger.request_figures import RequestFigures, request_figures
from statsig_export.ledger.tables import batches, export_runs, generations, partitions, pruned_partitions
from statsig_export.ledger.taken_out import TakenOut, taken_out

PRUNED: Final = "pruned"
"""The state of batches that are gone."""


@dataclass(slots=True)
class CategoryFigures:
    """Events of one category."""

    planned: int = 0
    """Of all generations, pruned ones too: never falls, as do the next two."""
    late: int = 0
    """Of those that were added to a partition that was there: late rows, or a filter that lets more through."""
    forwarded: int = 0
    pruned: int = 0
    """Of the forwarded ones, those of pruned partitions."""
    filtered: int = 0
    failed: int = 0
    pending: int = 0
    forgotten: int = 0
    rate_limited: int = 0
    replay_pending: int = 0
    taken_out: TakenOut = field(default_factory=TakenOut)
    """By `forget`, of the planned, the late and the forwarded ones."""


@dataclass(slots=True)
class Figures:
    """Times are milliseconds since the epoch; None: never, or nothing."""

    categories: defaultdict[str, CategoryFigures] = field(default_factory=lambda: defaultdict(CategoryFigures))
    batches: Counter[str] = field(default_factory=Counter)
    """State -> batches."""
    pending_batches: Counter[str] = field(default_factory=Counter)
    """Outcome of the last attempt -> batches that were tried and are pending."""
    pending_bytes: int = 0
    """Of their bodies, before compression."""
    due_since_ms: int | None = None
    pending_since_ms: int | None = None
    requests: RequestFigures = field(default_factory=RequestFigures)
    exported_ms: int | None = None
    """When the latest export run ended, of those that a partition names."""
    newest_window_ms: int | None = None
    arrivals: Mapping[str, ArrivalFigures] = field(default_factory=dict)


def figures(database: LedgerDatabase, destination: str, now_ms: int, recent_ms: int) -> Figures:
    """`recent_ms`: requests that began since then are those of the histogram."""
    found = Figures()
    mine = partitions.c.destination == destination
    with database.read() as connection:
        _add_partitions(connection, found, mine)
        _add_generations(connection, found, mine)
        _add_batches(connection, found, mine)
        _add_pending(connection, found, mine, now_ms)
        found.requests = request_figures(connection, destination, recent_ms)
        _add_pruned(connection, found, mine)
        _add_forgotten(connection, found, destination, database)
        if database.version >= SINCE_VERSION:
            found.arrivals = category_arrivals(connection, destination)
    return found


def newest_windows_since(database: LedgerDatabase, destination: str, count: int) -> int | None:
    """When the first of the newest `count` windows that were exported starts; None where nothing was."""
    start_ms = partitions.c.window_start_ms
    wanted = select(start_ms).where(partitions.c.destination == destination).distinct().order_by(start_ms.desc())
    with database.read() as connection:
        return min(connection.execute(wanted.limit(count)).scalars(), default=None)


def _add_partitions(connection: Connection, found: Figures, mine: ColumnElement[bool]) -> None:
    columns = partitions.c
    seen = (
        select(columns.category, columns.filtered_by, columns.failed_by, func.count().label("times"))
        .add_columns(func.max(columns.window_start_ms).label("newest_ms"))
        .add_columns(func.max(export_runs.c.finished_ms).label("exported_ms"))
        .outerjoin(export_runs, export_runs.c.id == columns.export_run)
        .where(mine)
        .group_by(columns.category, columns.filtered_by, columns.failed_by)
    )
    for row in connection.execute(seen):
        category = found.categories[row.category]
        category.filtered += row.times * sum(json.loads(row.filtered_by).values())
        category.failed += row.times * sum(json.loads(row.failed_by).values())
        found.newest_window_ms = _later(found.newest_window_ms, row.newest_ms)
        found.exported_ms = _later(found.exported_ms, row.exported_ms)


def _add_generations(connection: Connection, found: Figures, mine: ColumnElement[bool]) -> None:
    columns = generations.c
    added = case((is_late(), columns.rows), else_=0)
    laid_down = (
        select(partitions.c.category, func.sum(columns.rows), func.sum(added))
        .join(partitions, partitions.c.id == columns.partition)
        .where(mine)
        .group_by(partitions.c.category)
    )
    for name, planned, late in connection.execute(laid_down):
        found.categories[name].planned += int(planned)
        found.categories[name].late += int(late)


def _add_batches(connection: Connection, found: Figures, mine: ColumnElement[bool]) -> None:
    """Conditional sums, since a database would sort all batches to group them by state. Few of them, since of most
    batches no more is asked than that they are delivered.
    """
    columns = batches.c
    settled = (State.DELIVERED, State.FAILED, State.SPLIT, State.FORGOTTEN)
    sums = {
        "limited": func.sum(LIMITED_ROWS),
        **{
            f"events_{state}": func.sum(case((columns.state == state.value, ACCOUNT_ROWS), else_=0))
            for state in settled
        },
        **{f"batches_{state}": func.sum(case((columns.state == state.value, 1), else_=0)) for state in settled},
    }
    standing = (
        select(partitions.c.category, *(column.label(name) for name, column in sums.items()))
        .join(partitions, partitions.c.id == columns.partition)
        .where(mine)
        .group_by(partitions.c.category)
    )
    for row in connection.execute(standing).mappings():
        category = found.categories[row["category"]]
        category.rate_limited += int(row["limited"])
        category.forwarded += int(row[f"events_{State.DELIVERED}"])
        category.failed += int(row[f"events_{State.FAILED}"])
        found.batches.update({state.value: int(row[f"batches_{state}"]) for state in settled})


def _add_pending(connection: Connection, found: Figures, mine: ColumnElement[bool], now_ms: int) -> None:
    columns = batches.c
    # The batches first, by the index on their state: joined to partitions, SQLite would walk every batch there is.
    of_partition = (
        select(columns.partition, columns.state, columns.outcome, func.count().label("batches"))
        .add_columns(func.sum(ACCOUNT_ROWS).label("events"), func.sum(columns.rows).label("rows"))
        .add_columns(func.sum(columns.body_bytes).label("bytes"), func.min(columns.planned_ms).label("planned_ms"))
        .add_columns(func.min(case((is_due(now_ms), due_at(now_ms)))).label("due_ms"))
        .where(IS_PENDING)
        .group_by(columns.partition, columns.state, columns.outcome)
        .subquery()
    )
    by = (partitions.c.category, of_partition.c.state, of_partition.c.outcome)
    waiting = (
        select(*by, *(func.sum(of_partition.c[name]).label(name) for name in ("batches", "events", "rows", "bytes")))
        .add_columns(*(func.min(of_partition.c[name]).label(name) for name in ("due_ms", "planned_ms")))
        .join(partitions, partitions.c.id == of_partition.c.partition)
        .where(mine)
        .group_by(*by)
    )
    for row in connection.execute(waiting):
        category, events = found.categories[row.category], int(row.events)
        category.pending += events
        category.replay_pending += int(row.rows) - events
        found.batches[row.state] += int(row.batches)
        if row.outcome is not None:
            found.pending_batches[row.outcome] += int(row.batches)
        found.pending_bytes += int(row.bytes)
        found.due_since_ms = _earlier(found.due_since_ms, row.due_ms)
        found.pending_since_ms = _earlier(found.pending_since_ms, row.planned_ms)


def _add_pruned(connection: Connection, found: Figures, mine: ColumnElement[bool]) -> None:
    columns = pruned_partitions.c
    last_ms = func.max(case((columns.forwarded > 0, columns.last_attempt_ms)))
    by = (partitions.c.category, columns.failed_by, columns.outcomes)
    kept = (
        select(*by, func.count().label("times"), func.sum(columns.forwarded).label("forwarded"))
        .add_columns(func.sum(columns.rate_limited).label("limited"), func.sum(columns.batches).label("batches"))
        .add_columns(last_ms.label("last_ms"))
        .join(partitions, partitions.c.id == columns.partition)
        .where(mine)
        .group_by(*by)
    )
    for row in connection.execute(kept):
        category, forwarded = found.categories[row.category], int(row.forwarded)
        category.forwarded += forwarded
        category.pruned += forwarded
        category.failed += row.times * sum(json.loads(row.failed_by).values())
        category.rate_limited += int(row.limited)
        found.batches[PRUNED] += int(row.batches)
        for outcome, attempts in json.loads(row.outcomes).items():
            found.requests.by_outcome[outcome] += row.times * attempts
        found.requests.accepted_ms = _later(found.requests.accepted_ms, row.last_ms)


def _add_forgotten(connection: Connection, found: Figures, destination: str, database: LedgerDatabase) -> None:
    for category, taken in taken_out(connection, destination).items():
        found.categories[category].taken_out = taken
    for category, rows in categories_forgotten(connection, database, destination).items():
        found.categories[category].forgotten = rows


def _later(one: int | None, other: int | None) -> int | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
