"""What was planned, failed and sent, listed for notebooks, `trace`, repairs and late rows.

Each function reads one consistent view. Pruned partitions are left out: their files, batches and attempts are gone.
"""

import json
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, not_, select

from statsig_export.delivery.rules import State
from statsig_export.ledger.conditions import of_selection, same_generation
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import SINCE_VERSION
from statsig_export.ledger.history import moment
from statsig_export.ledger.pruned import NOT_PRUNED
from statsig_export.ledger.records import (
    Delivery,
    EventFile,
    ExportedPartition,
    ExportedWindow,
    FailedBatch,
    PartitionFailures,
    QuarantineFile,
    Selection,
)
from statsig_export.ledger.stored_files import STORED, stored_file
from statsig_export.ledger.tables import attempts, batches, export_runs, former_requests, generations, partitions
from statsig_export.storage.files import NamedFile
from statsig_export.vocabulary import Category


def event_files(database: LedgerDatabase, selection: Selection, *, newest_first: bool = False) -> list[EventFile]:
    """The files of these partitions: by window (the oldest first, unless `newest_first`), category and generation."""
    columns, start_ms = generations.c, partitions.c.window_start_ms
    wanted = (
        select(partitions.c.id.label("partition"), partitions.c.category, partitions.c.window, start_ms)
        .add_columns(columns.generation, columns.file.label("path"), columns.digest, columns.rows, columns.bytes)
        .add_columns(columns.export_run, export_runs.c.orchestrator_run, export_runs.c.finished_ms.label("exported_ms"))
        .join(generations, columns.partition == partitions.c.id)
        .join(export_runs, export_runs.c.id == columns.export_run)
        .where(*of_selection(selection), NOT_PRUNED)
        .order_by(start_ms.desc() if newest_first else start_ms, partitions.c.category, columns.generation)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).mappings()
        return [EventFile(**{**row, "category": Category(row["category"])}) for row in rows]


def quarantine_files(database: LedgerDatabase, selection: Selection) -> list[QuarantineFile]:
    """The quarantines of these partitions, newest window first."""
    columns = partitions.c
    wanted = (
        select(columns.category, columns.window, columns.window_start_ms, columns.quarantine.label("path"))
        .where(*of_selection(selection), NOT_PRUNED, columns.quarantine.is_not(None))
        .order_by(columns.window_start_ms.desc(), columns.category)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).mappings()
        return [QuarantineFile(**{**row, "category": Category(row["category"])}) for row in rows]


def failed_partitions(database: LedgerDatabase, selection: Selection) -> list[PartitionFailures]:
    """What failed of each of these partitions, if anything did; oldest window first."""
    chosen = of_selection(selection)
    columns = partitions.c
    wanted = select(columns.id, columns.category, columns.window, columns.quarantine)
    undelivered = (
        select(batches.c.partition, batches.c.first_row, batches.c.rows, *STORED)
        .add_columns(batches.c.outcome, batches.c.reason)
        .join(partitions, columns.id == batches.c.partition)
        .join(generations, same_generation())
        .where(*chosen, batches.c.state == State.FAILED.value, batches.c.replay_of.is_(None))
        .order_by(generations.c.file, batches.c.first_row)
    )
    failed: dict[int, list[FailedBatch]] = defaultdict(list)
    with database.read() as connection:
        rows = connection.execute(wanted.where(*chosen).order_by(columns.window_start_ms, columns.category)).all()
        for row in connection.execute(undelivered):
            failed[row.partition].append(
                FailedBatch(
                    file=stored_file(row),
                    first_row=row.first_row,
                    rows=row.rows,
                    outcome=row.outcome,
                    reason=row.reason,
                )
            )
    return [
        PartitionFailures(
            category=Category(row.category),
            window=row.window,
            quarantine=None if row.quarantine is None else NamedFile(row.quarantine),
            batches=tuple(failed[row.id]),
        )
        for row in rows
        if row.quarantine is not None or row.id in failed
    ]


def deliveries(database: LedgerDatabase, selection: Selection) -> list[Delivery]:
    """Every attempt to deliver a batch of these partitions, oldest first."""
    knows_forgotten = database.version >= SINCE_VERSION
    sent_as: ColumnElement[str] = batches.c.batch_id
    if knows_forgotten:
        sent_as = func.coalesce(former_requests.c.batch_id, batches.c.batch_id)
    facts = {
        "category": partitions.c.category,
        "window": partitions.c.window,
        "batch_id": sent_as,
        "rows": batches.c.rows,
        "body_bytes": batches.c.body_bytes,
        "state": batches.c.state,
        "attempt": attempts.c.number,
        "started_ms": attempts.c.started_ms,
        "finished_ms": attempts.c.finished_ms,
        "outcome": attempts.c.outcome,
        "status": attempts.c.status,
        "latency_ms": attempts.c.latency_ms,
        "ship_run": attempts.c.ship_run,
        "replay": batches.c.replay_of.is_not(None),
    }
    wanted = (
        select(*(facts[name] for name in Delivery._fields))
        .join_from(attempts, batches, batches.c.id == attempts.c.batch)
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(*of_selection(selection))
        .order_by(attempts.c.started_ms, attempts.c.id)
    )
    if knows_forgotten:
        wanted = wanted.outerjoin(former_requests, former_requests.c.attempt == attempts.c.id)
    with database.read() as connection:
        return [Delivery._make(row) for row in connection.execute(wanted)]


def exported_windows(
    database: LedgerDatabase, destination: str, since_ms: int, windows: Sequence[str]
) -> list[ExportedWindow]:
    """The latest export runs of these windows, which start at `since_ms` or later; none of a window of which a
    category was pruned.
    """
    mine = partitions.c.destination == destination
    pruned = select(partitions.c.window).where(mine, not_(NOT_PRUNED))
    wanted = (
        select(partitions.c.window, export_runs.c.rows_read, export_runs.c.account)
        .join(export_runs, export_runs.c.id == partitions.c.export_run)
        .where(mine, partitions.c.window.not_in(pruned), partitions.c.window_start_ms >= since_ms)
        .distinct()
        .order_by(partitions.c.window, export_runs.c.rows_read)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).all()
    asked = set(windows)
    return [
        ExportedWindow(row.window, tuple(Category(name) for name in json.loads(row.account)), row.rows_read)
        for row in rows
        if row.window in asked
    ]


def exported_partitions(database: LedgerDatabase, destination: str) -> list[ExportedPartition]:
    """Every partition that was ever exported, pruned ones too."""
    wanted = (
        select(partitions.c.category, partitions.c.window, partitions.c.window_start_ms, export_runs.c.started_ms)
        .outerjoin(export_runs, export_runs.c.id == partitions.c.export_run)
        .where(partitions.c.destination == destination)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).all()
    return [
        ExportedPartition(
            Category(category), window, moment(start_ms), None if started_ms is None else moment(started_ms)
        )
        for category, window, start_ms, started_ms in rows
    ]
