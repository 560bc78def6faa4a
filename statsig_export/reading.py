"""What was exported and what was delivered, as frames for a notebook."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Row, select

from statsig_export.config import Config
from statsig_export.delivery import State
from statsig_export.events import Category
from statsig_export.ledger import ledger_of
from statsig_export.ledger_database import exists
from statsig_export.ledger_tables import attempts, batches, generations, partitions
from statsig_export.storage import EVENTS, QUARANTINE, Storage


def read_events(
    config: Config,
    start: datetime | None = None,
    end: datetime | None = None,
    categories: Sequence[Category] | None = None,
) -> pd.DataFrame:
    """The exported events of the windows that start in [start, end), of some categories or of all.

    Columns, Arrow-backed: category and window (string), time_uuid, event_name, user_id, unit_id (null outside
    exposures), event (large_string; `event` is the JSON text as it is sent) and timestamp (int64, ms since the epoch).
    Reads the files that the ledger names, so what a run left behind when it was killed does not show.
    """
    chosen = _windows_between(config, start, end)
    if categories is not None:
        chosen.append(partitions.c.category.in_([category.value for category in categories]))
    wanted = (
        select(partitions.c.category, partitions.c.window, generations.c.file)
        .join(generations, generations.c.partition == partitions.c.id)
        .where(*chosen)
        .order_by(partitions.c.window_start_ms, partitions.c.category, generations.c.generation)
    )
    with ledger_of(config) as ledger, ledger.database.read() as connection:
        files = connection.execute(wanted).all()
    with Storage(config.storage_url()) as storage:
        tables = [
            _labelled(storage.read_table(file), category, window, _NONE.schema) for category, window, file in files
        ]
    return pa.concat_tables([_NONE, *tables]).to_pandas(types_mapper=pd.ArrowDtype)


def failed_rows(config: Config, start: datetime | None = None, end: datetime | None = None) -> pd.DataFrame:
    """Every failed row of the windows that start in [start, end), oldest window first: as many as `failed` counts.

    Columns, Arrow-backed large_string: category, window, row_key, time_uuid, reason, detail; nothing of what a row
    holds. Rows that could not become events come first in their partition, as its latest export saw them; time_uuid is
    null where it is not known. Then the events that failed in delivery: row_key is null, reason the outcome, detail
    the webhook's answer.
    """
    if not exists(config.ledger_url()):
        return _NO_FAILED.to_pandas(types_mapper=pd.ArrowDtype)
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
    with ledger_of(config) as ledger, ledger.database.read() as connection:
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


def deliveries(config: Config) -> pd.DataFrame:
    """Every attempt to deliver a batch, oldest first.

    Columns: category, window, batch_id, rows (events), body_bytes, state (of the batch now), attempt (1 for the
    first), started (datetime64, UTC), outcome (null while under way), status (HTTP, nullable), latency_ms, ship_run,
    replay (whether the batch sends again what another one delivered).
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
            attempts.c.started_ms,
            attempts.c.outcome,
            attempts.c.status,
            attempts.c.latency_ms,
            attempts.c.ship_run,
            batches.c.replay_of.is_not(None).label("replay"),
        )
        .join(batches, batches.c.id == attempts.c.batch)
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(partitions.c.destination == config.webhook.name)
        .order_by(attempts.c.started_ms, attempts.c.id)
    )
    with ledger_of(config) as ledger, ledger.database.read() as connection:
        result = connection.execute(wanted)
        frame = pd.DataFrame(result.all(), columns=list(result.keys())).astype({"status": "Int64", "replay": bool})
    frame.insert(7, "started", pd.to_datetime(frame.pop("started_ms"), unit="ms", utc=True))
    return frame


_LABELS = pa.schema([("category", pa.large_string()), ("window", pa.large_string())])
_NONE = pa.schema([*_LABELS, *EVENTS]).empty_table()
_NO_FAILED = pa.schema([*_LABELS, *QUARANTINE]).empty_table()


def _windows_between(config: Config, start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    """The partitions of the destination whose window starts in [start, end)."""
    chosen = [partitions.c.destination == config.webhook.name]
    if start is not None:
        chosen.append(partitions.c.window_start_ms >= round(start.timestamp() * 1000))
    if end is not None:
        chosen.append(partitions.c.window_start_ms < round(end.timestamp() * 1000))
    return chosen


def _labelled(rows: pa.Table, category: str, window: str, schema: pa.Schema) -> pa.Table:
    labels = [pa.array([text] * rows.num_rows, pa.large_string()) for text in (category, window)]
    return pa.Table.from_arrays([*labels, *rows.columns], schema=schema)


def _undelivered(storage: Storage, file: str, failed: Iterable[Row[Any]]) -> pa.Table:
    """The events of a partition file whose batches failed, as rows of a quarantine."""
    ids = pa.chunked_array(storage.read_column(file, "time_uuid"), pa.large_string())
    tables = []
    for batch in failed:
        uuids = ids.slice(batch.first_row, batch.rows).combine_chunks()
        said = [pa.array([text] * batch.rows, pa.large_string()) for text in (batch.outcome, batch.reason)]
        tables.append(pa.Table.from_arrays([pa.nulls(batch.rows, pa.large_string()), uuids, *said], schema=QUARANTINE))
    return pa.concat_tables(tables)
