"""What the ledger knows of one row of a partition file: its export run, its batches, their attempts and ship runs.

Every statement uses an index, so a trace stays fast in a ledger of millions of batches.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from statsig_export.delivery.rules import PENDING, State
from statsig_export.ledger.conditions import of_selection
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import SINCE_VERSION, sent_as
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.privacy import rules_of
from statsig_export.ledger.pruned import NOT_PRUNED, pruned_partitions_of
from statsig_export.ledger.records import EventFile, PrivacyRecord, Selection
from statsig_export.ledger.tables import attempts, batches, export_runs, partitions, ship_runs
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key


@dataclass(frozen=True, slots=True)
class TracedExport:
    """The export run that planned an event."""

    run_id: str
    orchestrator_run_id: str | None
    started: datetime
    finished: datetime
    rows_read: int
    queries: Mapping[str, str]
    """Source table -> the statement that read it."""
    config_fingerprint: str
    filter_fingerprint: str
    library_version: str
    privacy: PrivacyRecord | None = None
    """Under which [privacy]; None where nothing was dropped or hashed."""


@dataclass(frozen=True, slots=True)
class TracedBatch:
    """A batch that held an event: consecutive rows of its file, [first_row, first_row + rows)."""

    number: int
    """What `parent` and `replay_of` name: a replay of a whole batch has its batch_id."""
    batch_id: str
    """The `webhook-id` of its requests."""
    first_row: int
    rows: int
    body_bytes: int
    state: State
    planned: datetime
    due: datetime | None
    """When it is to be sent; None unless it is pending."""
    parent: int | None
    """The batch that it was split from."""
    replay_of: int | None
    """The delivered batch that it sends again, whole or in part."""


@dataclass(frozen=True, slots=True)
class TracedAttempt:
    """One request that held an event, and what came back."""

    batch: int
    number: int
    """1 for the batch's first attempt."""
    started: datetime
    finished: datetime | None
    """None while it is under way."""
    outcome: str | None
    status: int | None
    """HTTP, where there was an answer."""
    latency_ms: float | None
    answer: str | None
    """The beginning of the answer, or what went wrong."""
    ship_run: str
    sent_as: str | None = None
    """The `webhook-id` of the request, where its batch has another one by now, since it has lost rows of people who
    are forgotten.
    """


@dataclass(frozen=True, slots=True)
class TracedShipRun:
    """A ship run that made some of the attempts."""

    run_id: str
    orchestrator_run_id: str | None
    started: datetime
    finished: datetime | None
    config_fingerprint: str
    library_version: str


@dataclass(frozen=True, slots=True)
class PrunedFiles:
    """A partition whose files cannot be searched, since they were pruned."""

    partition: str
    pruned: datetime


@dataclass(frozen=True, slots=True)
class History:
    """Everything that happened to one row of a file."""

    export: TracedExport
    batches: tuple[TracedBatch, ...]
    attempts: tuple[TracedAttempt, ...]
    ship_runs: tuple[TracedShipRun, ...]


def pruned_files(database: LedgerDatabase, selection: Selection) -> tuple[PrunedFiles, ...]:
    """The pruned ones of these partitions, newest window first."""
    columns = partitions.c
    chosen = of_selection(selection)
    with database.read() as connection:
        pruned = pruned_partitions_of(connection, *chosen)
        wanted = select(columns.id, columns.category, columns.window).where(*chosen, ~NOT_PRUNED)
        rows = connection.execute(wanted.order_by(columns.window_start_ms.desc(), columns.category)).all()
    return tuple(
        PrunedFiles(partition=partition_key(Category(row.category), row.window), pruned=pruned[row.id].pruned)
        for row in rows
    )


def history(database: LedgerDatabase, file: EventFile, row: int) -> History:
    """What happened to one row of a file."""
    with database.read() as connection:
        held = _batches(connection, file, row)
        made = _attempts(connection, [batch.number for batch in held], database)
        return History(
            export=_export(connection, database.version, file.export_run),
            batches=held,
            attempts=made,
            ship_runs=_ship_runs(connection, [attempt.ship_run for attempt in made]),
        )


def moment(ms: int) -> datetime:
    """A time of the ledger (ms since the epoch) in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def _batches(connection: Connection, file: EventFile, row: int) -> tuple[TracedBatch, ...]:
    """The batches that hold the row, in the order they were planned.

    As planned, the batches of a file follow each other: the last that begins at or before the row holds it. Its halves
    and its replays begin inside it, so they are looked for there and nowhere else.
    """
    columns = batches.c
    of_file = (columns.partition == file.partition, columns.generation == file.generation)
    first = (
        select(columns.first_row)
        .where(*of_file, columns.first_row <= row, columns.parent.is_(None), columns.replay_of.is_(None))
        .order_by(columns.first_row.desc())
        .limit(1)
    )
    begin = connection.execute(first).scalar() or 0
    inside = (columns.first_row >= begin, columns.first_row <= row, columns.first_row + columns.rows > row)
    found = connection.execute(select(batches).where(*of_file, *inside).order_by(columns.id)).all()
    return tuple(
        TracedBatch(
            number=batch.id,
            batch_id=batch.batch_id,
            first_row=batch.first_row,
            rows=batch.rows,
            body_bytes=batch.body_bytes,
            state=State(batch.state),
            planned=moment(batch.planned_ms),
            due=moment(batch.due_ms) if State(batch.state) in PENDING else None,
            parent=batch.parent,
            replay_of=batch.replay_of,
        )
        for batch in found
    )


def _attempts(connection: Connection, numbers: Sequence[int], database: LedgerDatabase) -> tuple[TracedAttempt, ...]:
    columns = attempts.c
    wanted = select(attempts).where(among(columns.batch, numbers)).order_by(columns.started_ms, columns.id)
    rows = connection.execute(wanted).all()
    former = sent_as(connection, [row.id for row in rows]) if database.version >= SINCE_VERSION else {}
    return tuple(
        TracedAttempt(
            batch=made.batch,
            number=made.number,
            started=moment(made.started_ms),
            finished=None if made.finished_ms is None else moment(made.finished_ms),
            outcome=made.outcome,
            status=made.status,
            latency_ms=made.latency_ms,
            answer=made.reason,
            ship_run=made.ship_run,
            sent_as=former.get(made.id),
        )
        for made in rows
    )


def _ship_runs(connection: Connection, ids: Sequence[str]) -> tuple[TracedShipRun, ...]:
    columns = ship_runs.c
    wanted = select(ship_runs).where(among(columns.id, set(ids))).order_by(columns.started_ms, columns.id)
    return tuple(
        TracedShipRun(
            run_id=run.id,
            orchestrator_run_id=run.orchestrator_run,
            started=moment(run.started_ms),
            finished=None if run.finished_ms is None else moment(run.finished_ms),
            config_fingerprint=run.config_fingerprint,
            library_version=run.library_version,
        )
        for run in connection.execute(wanted)
    )


def _export(connection: Connection, version: int, run_id: str) -> TracedExport:
    run = connection.execute(select(export_runs).where(export_runs.c.id == run_id)).one()
    return TracedExport(
        run_id=run.id,
        orchestrator_run_id=run.orchestrator_run,
        started=moment(run.started_ms),
        finished=moment(run.finished_ms),
        rows_read=run.rows_read,
        queries=json.loads(run.queries),
        config_fingerprint=run.config_fingerprint,
        filter_fingerprint=run.filter_fingerprint,
        library_version=run.library_version,
        privacy=rules_of(connection, version, [run.id]).get(run.id),
    )
