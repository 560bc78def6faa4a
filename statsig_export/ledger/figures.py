"""What a destination's ledger comes to, in sums: a few statements whatever the number of partitions, in one view.

What was pruned counts as it was kept (pruned.py). So the sums that are called totals never fall.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from statsig_export.delivery.rules import Outcome, State
from statsig_export.ledger.arrivals import SINCE_VERSION, CategoryArrivals, category_arrivals
from statsig_export.ledger.conditions import (
    ACCOUNT_ROWS,
    IS_PENDING,
    LIMITED_ROWS,
    PENDING_STATES,
    due_at,
    is_due,
)
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.request_figures import RequestFigures, request_figures
from statsig_export.ledger.tables import batches, export_runs, generations, partitions, pruned_partitions

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
    rate_limited: int = 0
    replay_pending: int = 0


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
    arrivals: Mapping[str, CategoryArrivals] = field(default_factory=dict)


def figures(database: LedgerDatabase, destination: str, now_ms: int, recent_ms: int) -> Figures:
    """`recent_ms`: requests that began since then are those of the histogram."""
    found = Figures()
    mine = partitions.c.destination == destination
    with database.read() as connection:
        _add_partitions(connection, found, mine)
        _add_generations(connection, found, mine)
        _add_batches(connection, found, mine, now_ms)
        found.requests = request_figures(connection, destination, recent_ms)
        _add_pruned(connection, found, mine)
        if database.version >= SINCE_VERSION:
            found.arrivals = {one.category: one for one in category_arrivals(connection, destination)}
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
    added = case((columns.generation > 1, columns.rows), else_=0)
    laid_down = (
        select(partitions.c.category, func.sum(columns.rows), func.sum(added))
        .join(partitions, partitions.c.id == columns.partition)
        .where(mine)
        .group_by(partitions.c.category)
    )
    for name, planned, late in connection.execute(laid_down):
        found.categories[name].planned += int(planned)
        found.categories[name].late += int(late)


def _add_batches(connection: Connection, found: Figures, mine: ColumnElement[bool], now_ms: int) -> None:
    """Conditional sums, since a database would sort all batches to group them by what they sum here."""
    columns = batches.c
    pending = [State(state) for state in PENDING_STATES]
    counts = {state: _number(columns.state == state.value) for state in State}
    tried = {outcome: _number(and_(IS_PENDING, columns.outcome == outcome.value)) for outcome in Outcome}
    sums = {
        "limited": func.sum(LIMITED_ROWS),
        "replays": func.sum(case((and_(IS_PENDING, columns.replay_of.is_not(None)), columns.rows), else_=0)),
        "bytes": func.sum(case((IS_PENDING, columns.body_bytes), else_=0)),
        "due_ms": func.min(case((is_due(now_ms), due_at(now_ms)))),
        "pending_ms": func.min(case((IS_PENDING, columns.planned_ms))),
        **{f"events_{state}": func.sum(case((columns.state == state.value, ACCOUNT_ROWS), else_=0)) for state in State},
        **{f"batches_{state}": number for state, number in counts.items()},
        **{f"tried_{outcome}": number for outcome, number in tried.items()},
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
        category.replay_pending += int(row["replays"])
        category.forwarded += int(row[f"events_{State.DELIVERED}"])
        category.failed += int(row[f"events_{State.FAILED}"])
        category.pending += sum(int(row[f"events_{state}"]) for state in pending)
        found.pending_bytes += int(row["bytes"])
        found.batches.update({state.value: int(row[f"batches_{state}"]) for state in State})
        found.pending_batches.update({outcome.value: int(row[f"tried_{outcome}"]) for outcome in Outcome})
        found.due_since_ms = _earlier(found.due_since_ms, row["due_ms"])
        found.pending_since_ms = _earlier(found.pending_since_ms, row["pending_ms"])


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


def _number(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((which, 1), else_=0))


def _later(one: int | None, other: int | None) -> int | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
