"""The exported partitions, and what a destination holds in all."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from statsig_export.delivery.rules import State
from statsig_export.ledger.conditions import ORCHESTRATOR_RUN, of_selection
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import Selection
from statsig_export.ledger.tables import batches, export_runs, generations, partitions, pruned_partitions, ship_runs
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key


@dataclass(frozen=True, slots=True)
class ExportedPartition:
    """A partition, and the latest export of it."""

    partition: str
    window: str
    category: Category
    run: str
    """The orchestrator's id of the run, else our own."""
    exported: datetime
    """When the run finished (UTC)."""
    planned: int
    """Events of all its generations."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Events of a destination, pruned partitions included."""

    planned: int
    delivered: int


def exported_partitions(database: LedgerDatabase, selection: Selection) -> list[ExportedPartition]:
    """Oldest window first."""
    columns = partitions.c
    rows = (
        select(generations.c.partition, func.sum(generations.c.rows).label("planned"))
        .group_by(generations.c.partition)
        .subquery()
    )
    wanted = (
        select(columns.category, columns.window, ORCHESTRATOR_RUN.label("run"), export_runs.c.finished_ms)
        .add_columns(func.coalesce(rows.c.planned, 0).label("planned"))
        .join(export_runs, export_runs.c.id == columns.export_run)
        .outerjoin(rows, rows.c.partition == columns.id)
        .where(*of_selection(selection))
        .order_by(columns.window_start_ms, columns.category)
    )
    with database.read() as connection:
        found = connection.execute(wanted).all()
    return [
        ExportedPartition(
            partition=partition_key(Category(row.category), row.window),
            window=row.window,
            category=Category(row.category),
            run=row.run,
            exported=_time(row.finished_ms),
            planned=int(row.planned),
        )
        for row in found
    ]


def totals(database: LedgerDatabase, destination: str) -> Totals:
    mine = partitions.c.destination == destination
    planned = (
        select(func.coalesce(func.sum(generations.c.rows), 0))
        .join(partitions, partitions.c.id == generations.c.partition)
        .where(mine)
    )
    delivered = (
        select(func.coalesce(func.sum(batches.c.rows), 0))
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(mine, batches.c.state == State.DELIVERED.value, batches.c.replay_of.is_(None))
    )
    pruned = (
        select(func.coalesce(func.sum(pruned_partitions.c.forwarded), 0))
        .join(partitions, partitions.c.id == pruned_partitions.c.partition)
        .where(mine)
    )
    with database.read() as connection:
        laid_down, sent, gone = (int(connection.execute(query).scalar_one()) for query in (planned, delivered, pruned))
    return Totals(planned=laid_down, delivered=sent + gone)


def runs_since(database: LedgerDatabase, destination: str, since_ms: int) -> dict[str, int]:
    """Export and ship runs that finished after `since_ms`: the orchestrator's id of each, else our own -> when (ms)."""
    exports = select(ORCHESTRATOR_RUN, func.max(export_runs.c.finished_ms)).where(
        export_runs.c.destination == destination, export_runs.c.finished_ms > since_ms
    )
    shipper = func.coalesce(ship_runs.c.orchestrator_run, ship_runs.c.id)
    ships = select(shipper, func.max(ship_runs.c.finished_ms)).where(
        ship_runs.c.destination == destination, ship_runs.c.finished_ms > since_ms
    )
    with database.read() as connection:
        return {
            run: int(finished_ms)
            for query in (exports.group_by(ORCHESTRATOR_RUN), ships.group_by(shipper))
            for run, finished_ms in connection.execute(query)
        }


def _time(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, UTC)
