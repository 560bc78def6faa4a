"""What was exported and what was delivered, as frames for a notebook."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa
from sqlalchemy import select

from statsig_export.config import Config
from statsig_export.events import Category
from statsig_export.ledger import ledger_of
from statsig_export.ledger_tables import attempts, batches, generations, partitions
from statsig_export.storage import EVENTS, Storage


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
    chosen = [partitions.c.destination == config.webhook.name]
    if start is not None:
        chosen.append(partitions.c.window_start_ms >= round(start.timestamp() * 1000))
    if end is not None:
        chosen.append(partitions.c.window_start_ms < round(end.timestamp() * 1000))
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
        tables = [_labelled(storage.read_table(file), category, window) for category, window, file in files]
    return pa.concat_tables([_NONE, *tables]).to_pandas(types_mapper=pd.ArrowDtype)


def deliveries(config: Config) -> pd.DataFrame:
    """Every attempt to deliver a batch, oldest first.

    Columns: category, window, batch_id, rows (events), body_bytes, state (of the batch now), attempt (1 for the
    first), started (datetime64, UTC), outcome (null while under way), status (HTTP, nullable), latency_ms, ship_run.
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
        )
        .join(batches, batches.c.id == attempts.c.batch)
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(partitions.c.destination == config.webhook.name)
        .order_by(attempts.c.started_ms, attempts.c.id)
    )
    with ledger_of(config) as ledger, ledger.database.read() as connection:
        result = connection.execute(wanted)
        frame = pd.DataFrame(result.all(), columns=list(result.keys())).astype({"status": "Int64"})
    frame.insert(7, "started", pd.to_datetime(frame.pop("started_ms"), unit="ms", utc=True))
    return frame


_LABELS = pa.schema([("category", pa.large_string()), ("window", pa.large_string())])
_NONE = pa.schema([*_LABELS, *EVENTS]).empty_table()


def _labelled(events: pa.Table, category: str, window: str) -> pa.Table:
    labels = [pa.array([text] * events.num_rows, pa.large_string()) for text in (category, window)]
    return pa.Table.from_arrays([*labels, *events.columns], schema=_NONE.schema)
