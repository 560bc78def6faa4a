"""dlt: its `sql_table` source with the backend that its documentation calls fast, and a custom destination that posts.

Files are rotated at 100,000 rows, as the page on performance advises, so that several load jobs go at once. dlt keeps
its load packages in a folder and picks up where it was: an event is sent at least once.
"""

import json
import os
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa
import sqlalchemy as sa
from dlt.sources.helpers import requests
from dlt.sources.sql_database import sql_table
from statsig_json import COLUMNS, TELEMETRY, event_of

_JSON = ("user", "metadata", "statsig_metadata")


@dlt.destination(batch_size=int(os.environ["BENCH_BATCH"]), loader_file_format="parquet", name="webhook")
def webhook(items: pa.RecordBatch | pa.Table, table: dict[str, Any]) -> None:  # noqa: ARG001 - dlt calls it so
    events = [event_of(_parsed(row)) for row in items.to_pylist()]
    requests.post(os.environ["BENCH_WEBHOOK_URL"], json=events, timeout=30).raise_for_status()


def run() -> int:
    dlt.config["data_writer.file_max_items"] = 100_000
    pipeline = dlt.pipeline("bench", destination=webhook(), pipelines_dir=os.environ["BENCH_FOLDER"])
    pipeline.run([_resource(name) for name in COLUMNS])
    counts = pipeline.last_trace.last_normalize_info.row_counts
    return sum(counts[name] for name in COLUMNS)


def _resource(name: str) -> Any:  # noqa: ANN401 - a resource of dlt
    return sql_table(
        os.environ["BENCH_DATABASE"].replace("postgresql://", "postgresql+psycopg://"),
        table=name,
        backend="pyarrow",
        excluded_columns=["ingested_at"],
        query_adapter_callback=_window,
    )


def _window(query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
    """JSON as text, as dlt's own warning advises: as Python objects it comes back with the keys of other rows."""
    columns = [sa.cast(column, sa.Text).label(column.name) if column.name in _JSON else column for column in table.c]
    ingested_at = sa.literal_column("ingested_at", sa.DateTime)
    start, end = (datetime.fromisoformat(os.environ[name]) for name in ("BENCH_START", "BENCH_END"))
    query = query.with_only_columns(*columns).where(ingested_at >= start, ingested_at < end)
    return query.where(table.c.event_name.not_in(TELEMETRY)) if "event_name" in table.c else query


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{name: json.loads(row[name]) for name in _JSON if row[name]}}
