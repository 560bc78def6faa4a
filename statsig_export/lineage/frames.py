"""What was exported and what was delivered, as frames for a notebook."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from statsig_export.arrow.contiguous import contiguous
from statsig_export.config import Config
from statsig_export.delivery.rules import State
from statsig_export.errors import ConfigError
from statsig_export.ledger.pruned import NOT_PRUNED
from statsig_export.ledger.tables import attempts, batches, export_runs, generations, partitions
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.storage.schemas import EVENTS, QUARANTINE
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category
from statsig_export.windows import length_of


def read_events(
    config: Config,
    start: datetime | None = None,
    end: datetime | None = None,
    categories: Sequence[Category] | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The exported events of the windows that start in [start, end), of some categories or of all.

    Columns, Arrow-backed: category and window (string), time_uuid, event_name, timestamp (int64, ms since the epoch),
    user_id, unit_id (null outside exposures), event (large_string; `event` is the JSON text as it is sent). `columns`
    reads these alone, in this order: `event` is most of every file, and counting does not need it.
    Reads the files that the ledger names, so what a run left behind when it was killed does not show. Neither does what
    was pruned: `status(config)` counts it and says so. Raises ConfigError for a column that is none of these.
    """
    schema = _schema_of(columns)
    wanted = _files_of(config, start, end, categories)
    tables = _event_tables(config, wanted, schema, _CHUNK_ROWS)
    return pa.concat_tables([schema.empty_table(), *tables]).to_pandas(types_mapper=pd.ArrowDtype)


def event_chunks(
    config: Config,
    start: datetime | None = None,
    end: datetime | None = None,
    categories: Sequence[Category] | None = None,
    *,
    columns: Sequence[str] | None = None,
    rows: int = 100_000,
) -> Iterator[pd.DataFrame]:
    """What `read_events` reads, in frames of at most `rows` rows of one partition file: memory stays that of a chunk,
    however much was exported.
    """
    schema = _schema_of(columns)
    wanted = _files_of(config, start, end, categories)
    return (table.to_pandas(types_mapper=pd.ArrowDtype) for table in _event_tables(config, wanted, schema, rows))


def partition_files(config: Config, start: datetime | None = None, end: datetime | None = None) -> pd.DataFrame:
    """The partition files of the windows that start in [start, end), oldest first: one a generation, pruned ones not.

    Columns: category, window, start and end of the window (datetime64, UTC), generation, rows (events), bytes, file
    (its URI), digest (sha256), exported (when its export run ended; datetime64, UTC), export_run (the orchestrator's
    id of that run where it has one, else our own).
    """
    run_id = func.coalesce(export_runs.c.orchestrator_run, export_runs.c.id)
    wanted = (
        select(partitions.c.category, partitions.c.window, partitions.c.window_start_ms.label("start"))
        .add_columns(generations.c.generation, generations.c.rows, generations.c.bytes, generations.c.file)
        .add_columns(generations.c.digest, export_runs.c.finished_ms.label("exported"), run_id.label("export_run"))
        .join(generations, generations.c.partition == partitions.c.id)
        .join(export_runs, export_runs.c.id == generations.c.export_run)
        .where(*_windows_between(config, start, end), NOT_PRUNED)
        .order_by(partitions.c.window_start_ms, partitions.c.category, generations.c.generation)
    )
    frame = _frame(config, wanted, moments=("start", "exported")).astype({"generation": int, "rows": int, "bytes": int})
    frame.insert(3, "end", frame["start"] + pd.to_timedelta(frame["window"].map(length_of)))
    with Storage(config.storage_url()) as storage:
        frame["file"] = frame["file"].map(storage.uri)
    return frame


def failed_rows(config: Config, start: datetime | None = None, end: datetime | None = None) -> pd.DataFrame:
    """Every failed row of the windows that start in [start, end), oldest window first: as many as `failed` counts in
    the partitions that were not pruned.

    Columns, Arrow-backed large_string: category, window, row_key, time_uuid, reason, detail; nothing of what a row
    holds. Rows that could not become events come first in their partition, as its latest export saw them; time_uuid is
    null where it is not known. Then the events that failed in delivery: row_key is null, reason the outcome, detail
    the webhook's answer.
    """
    chosen = _windows_between(config, start, end)
    quarantines = select(partitions.c.id, partitions.c.category, partitions.c.window, partitions.c.quarantine)
    undelivered = (
        select(batches.c.partition, generations.c.file, batches.c.first_row, batches.c.rows)
        .add_columns(batches.c.outcome, batches.c.reason)
        .join(partitions, partitions.c.id == batches.c.partition)
        .join(
            generations,
            (generations.c.partition == batches.c.partition) & (generations.c.generation == batches.c.generation),
        )
        .where(*chosen, batches.c.state == State.FAILED.value, batches.c.replay_of.is_(None))
        .order_by(generations.c.file, batches.c.first_row)
    )
    with _view(config) as connection:
        if connection is None:
            return _NO_FAILED.to_pandas(types_mapper=pd.ArrowDtype)
        order = (partitions.c.window_start_ms, partitions.c.category)
        found = connection.execute(quarantines.where(*chosen).order_by(*order)).all()
        failed: dict[int, list[Row[Any]]] = defaultdict(list)
        for batch in connection.execute(undelivered):
            failed[batch.partition].append(batch)
    tables = [_NO_FAILED]
    with Storage(config.storage_url()) as storage:
        for partition, category, window, quarantine in found:
            if quarantine is not None:
                tables.append(_labelled(storage.read_table(quarantine), category, window, _NO_FAILED.schema))
            for file, of_file in groupby(failed[partition], key=lambda batch: str(batch.file)):
                tables.append(_labelled(_undelivered(storage, file, of_file), category, window, _NO_FAILED.schema))
    return pa.concat_tables(tables).to_pandas(types_mapper=pd.ArrowDtype)


def deliveries(config: Config, start: datetime | None = None, end: datetime | None = None) -> pd.DataFrame:
    """Every attempt to deliver a batch of the windows that start in [start, end), oldest first; of partitions that were
    pruned none is left.

    Columns: category, window, batch_id, rows (events), body_bytes, state (of the batch now), attempt (1 for the
    first), started (datetime64, UTC), finished (likewise; null while under way), outcome (null while under way), status
    (HTTP, nullable), latency_ms, ship_run, replay (whether the batch sends again what another one delivered).
    """
    wanted = (
        select(
            partitions.c.category,
            partitions.c.window,
            batches.c.batch_id,
            batches.c.rows,
            batches.c.body_bytes,
            batches.c.state,
            attempts.c.number.label("attempt"),
            attempts.c.started_ms.label("started"),
            attempts.c.finished_ms.label("finished"),
            attempts.c.outcome,
            attempts.c.status,
            attempts.c.latency_ms,
            attempts.c.ship_run,
            batches.c.replay_of.is_not(None).label("replay"),
        )
        .join(batches, batches.c.id == attempts.c.batch)
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(*_windows_between(config, start, end))
        .order_by(attempts.c.started_ms, attempts.c.id)
    )
    frame = _frame(config, wanted, moments=("started", "finished"))
    counts = dict.fromkeys(("rows", "body_bytes", "attempt"), int)
    return frame.astype({**counts, "status": "Int64", "latency_ms": float, "replay": bool})


_LABELS = pa.schema([("category", pa.large_string()), ("window", pa.large_string())])
_EVENTS = pa.schema([*_LABELS, *EVENTS])
_CHUNK_ROWS = 100_000
_NO_FAILED = pa.schema([*_LABELS, *QUARANTINE]).empty_table()


def _windows_between(config: Config, start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    """The partitions of the destination whose window starts in [start, end)."""
    chosen = [partitions.c.destination == config.webhook.name]
    if start is not None:
        chosen.append(partitions.c.window_start_ms >= round(start.timestamp() * 1000))
    if end is not None:
        chosen.append(partitions.c.window_start_ms < round(end.timestamp() * 1000))
    return chosen


def _files_of(
    config: Config, start: datetime | None, end: datetime | None, categories: Sequence[Category] | None
) -> "Select[str, str, str]":
    """Category, window and file of the generations that hold these events, in order."""
    chosen = [*_windows_between(config, start, end), NOT_PRUNED]
    if categories is not None:
        chosen.append(partitions.c.category.in_([category.value for category in categories]))
    return (
        select(partitions.c.category, partitions.c.window, generations.c.file)
        .join(generations, generations.c.partition == partitions.c.id)
        .where(*chosen)
        .order_by(partitions.c.window_start_ms, partitions.c.category, generations.c.generation)
    )


@contextmanager
def _view(config: Config) -> Iterator[Connection | None]:
    """One consistent view of the ledger; None where there is none yet."""
    with ledger_to_read(config) as ledger:
        if ledger is None:
            yield None
        else:
            with ledger.database.read() as connection:
                yield connection


def _schema_of(columns: Sequence[str] | None) -> pa.Schema:
    if unknown := set(columns or ()) - set(_EVENTS.names):
        raise ConfigError(f"events have no column {min(unknown)!r}", hint=f"they have {', '.join(_EVENTS.names)}")
    return _EVENTS if columns is None else pa.schema([_EVENTS.field(name) for name in columns])


def _event_tables(config: Config, wanted: "Select[str, str, str]", schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """The events of these files, chunk by chunk."""
    with _view(config) as connection:
        if connection is None:
            return
        files = connection.execute(wanted).all()
    stored = [name for name in schema.names if name not in _LABELS.names]
    with Storage(config.storage_url()) as storage:
        for category, window, file in files:
            for chunk in storage.read_chunks(file, stored or EVENTS.names[:1], rows):
                yield _labelled(chunk, category, window, schema)


def _labelled(rows: pa.Table, category: str, window: str, schema: pa.Schema) -> pa.Table:
    """The columns of the schema: those that are not the labels are the rows' own."""
    labels = {"category": category, "window": window}
    columns = [
        pa.array([labels[name]] * rows.num_rows, pa.large_string()) if name in labels else rows[name]
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _frame(config: Config, wanted: "Select[*tuple[Any, ...]]", moments: Sequence[str]) -> pd.DataFrame:
    """What the ledger answers, with `moments` (ms) as times in UTC; no row where there is no ledger."""
    found: Sequence[tuple[Any, ...]] = ()
    with _view(config) as connection:
        if connection is not None:
            found = connection.execute(wanted).all()
    frame = pd.DataFrame(found, columns=wanted.selected_columns.keys())
    times = {name: pd.to_datetime(frame[name].astype("Int64"), unit="ms", utc=True) for name in moments}
    return frame.assign(**times)


def _undelivered(storage: Storage, file: str, failed: Iterable[Row[Any]]) -> pa.Table:
    """The events of a partition file whose batches failed, as rows of a quarantine."""
    ids = pa.chunked_array(storage.read_column(file, "time_uuid"), pa.large_string())
    tables = []
    for batch in failed:
        uuids = contiguous(ids.slice(batch.first_row, batch.rows))
        said = [pa.array([text] * batch.rows, pa.large_string()) for text in (batch.outcome, batch.reason)]
        tables.append(pa.Table.from_arrays([pa.nulls(batch.rows, pa.large_string()), uuids, *said], schema=QUARANTINE))
    return pa.concat_tables(tables)
