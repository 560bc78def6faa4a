"""Conditions and expressions that several queries on the ledger share."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from statsig_export.delivery.rules import PENDING, RetryPolicy, State
from statsig_export.ledger.lists import among
from statsig_export.ledger.tables import batches, export_runs, generations

PENDING_STATES = [state.value for state in PENDING]


WAITING_STATES = [State.PLANNED.value, State.DEFERRED.value]


FOREVER_MS: Final = 2**62


FURTHEST_MS: Final = round(RetryPolicy().furthest * 1000)
"""What is on record as due later than this from now is due at once: a clock was wrong when it was written."""


ORCHESTRATOR_RUN = func.coalesce(export_runs.c.orchestrator_run, export_runs.c.id)


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
    return and_(generations.c.partition == batches.c.partition, generations.c.generation == batches.c.generation)


def due_at(now_ms: int) -> ColumnElement[int]:
    return case((batches.c.due_ms > now_ms + FURTHEST_MS, now_ms), else_=batches.c.due_ms)


def is_due(now_ms: int) -> ColumnElement[bool]:
    due = or_(batches.c.due_ms <= now_ms, batches.c.due_ms > now_ms + FURTHEST_MS)
    return and_(batches.c.state.in_(WAITING_STATES), due)
