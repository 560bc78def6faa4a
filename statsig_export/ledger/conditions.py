"""Conditions and expressions that several of the ledger's statements share."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from statsig_export.delivery.rules import PENDING, RetryPolicy, State
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.records import Selection
from statsig_export.ledger.tables import batches, export_runs, generations, partitions

PENDING_STATES: Final = [state.value for state in PENDING]
WAITING_STATES: Final = [State.PLANNED.value, State.DEFERRED.value]
FOREVER_MS: Final = 2**62
"""Later than any time on record."""
FURTHEST_MS: Final = round(RetryPolicy().furthest * 1000)
"""A batch that is due later than this from now counts as due: the clock was wrong when it was recorded."""
IN_THE_ACCOUNT: Final = batches.c.replay_of.is_(None)
"""A replay is no part of the account: its events were forwarded and stay so. It is due like any other batch."""
ACCOUNT_ROWS: Final[ColumnElement[int]] = case((IN_THE_ACCOUNT, batches.c.rows), else_=0)
"""The events of a batch that count."""
LIMITED_ROWS: Final[ColumnElement[int]] = case(
    (and_(IN_THE_ACCOUNT, batches.c.throttled, batches.c.state != State.SPLIT.value), batches.c.rows), else_=0
)
"""Those that met a rate limit. A split batch's events are counted in its halves, which did not meet it."""
IS_PENDING: Final = batches.c.state.in_(PENDING_STATES)
ORCHESTRATOR_RUN: Final = func.coalesce(export_runs.c.orchestrator_run, export_runs.c.id)
"""Who asked for an export: the orchestrator's id of its run, else our own."""


def of_selection(selection: Selection) -> list[ColumnElement[bool]]:
    """The conditions on `partitions` that a selection stands for."""
    columns = partitions.c
    chosen = [columns.destination == selection.destination]
    if selection.since_ms is not None:
        chosen.append(columns.window_start_ms >= selection.since_ms)
    if selection.until_ms is not None:
        chosen.append(columns.window_start_ms < selection.until_ms)
    if selection.categories is not None:
        chosen.append(columns.category.in_([category.value for category in selection.categories]))
    return chosen


def export_runs_of(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Partition -> the runs (the orchestrator's ids, else our own) whose events are still pending there."""
    wanted = (
        select(batches.c.partition, ORCHESTRATOR_RUN)
        .join(generations, same_generation())
        .join(export_runs, export_runs.c.id == generations.c.export_run)
        .where(among(batches.c.partition, ids), batches.c.state.in_(PENDING_STATES))
        .distinct()
        .order_by(batches.c.partition, ORCHESTRATOR_RUN)
    )
    found: dict[int, tuple[str, ...]] = defaultdict(tuple)
    for partition, run in connection.execute(wanted):
        found[partition] += (run,)
    return found


def same_generation() -> ColumnElement[bool]:
    """The condition that joins a batch to its generation."""
    return and_(generations.c.partition == batches.c.partition, generations.c.generation == batches.c.generation)


def is_late() -> ColumnElement[bool]:
    """The condition that a generation was added to a partition that was there: by another run than its first one."""
    others = generations.alias("others")
    first = (
        select(others.c.export_run)
        .where(others.c.partition == generations.c.partition)
        .order_by(others.c.generation)
        .limit(1)
        .correlate(generations)
        .scalar_subquery()
    )
    return generations.c.export_run != first


def due_at(now_ms: int) -> ColumnElement[int]:
    """When a batch is due, as seen at `now_ms`."""
    return case((batches.c.due_ms > now_ms + FURTHEST_MS, now_ms), else_=batches.c.due_ms)


def is_due(now_ms: int | ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that a batch waits and may be sent now."""
    due = or_(batches.c.due_ms <= now_ms, batches.c.due_ms > now_ms + FURTHEST_MS)
    return and_(batches.c.state.in_(WAITING_STATES), due)
