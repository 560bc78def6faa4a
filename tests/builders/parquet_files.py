"""Parquet files for the tests: the tables of a DuckDB file, and custom events in the native layout."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import make_url

from statsig_export.layouts.model import SourceTable

NOON = datetime(2026, 11, 1, 12)


def write_layout(database: Any, tables: Sequence[SourceTable], folder: Path) -> dict[str, str]:  # noqa: ANN401
    """A folder of files for each table of a DuckDB file; its pattern, by the table's role."""
    with duckdb.connect(make_url(database.url).database or "") as connection:
        for table in tables:
            (folder / table.table).mkdir()
            connection.execute(f"""COPY "{table.table}" TO '{folder}/{table.table}/1.parquet' (FORMAT parquet)""")
    return {table.role.value: f"{table.table}/*.parquet" for table in tables}


def EVENTS(keys: Sequence[int], moments: Sequence[datetime] = (), **columns: object) -> dict[str, Any]:  # noqa: N802
    """Columns of custom events, in the native layout."""
    times = pa.array(list(moments) or [NOON] * len(keys), pa.timestamp("us"))
    texts = {"event_name": "purchase", "user_id": "u", "user": "{}", "value": "1", "metadata": "{}", **columns}
    same = {name: [value] * len(keys) for name, value in {**texts, "time_uuid": None, "statsig_metadata": "{}"}.items()}
    same["time_uuid"] = pa.array(same["time_uuid"], pa.string())
    return {"id": list(keys), **same, "timestamp": times, "ingested_at": times}


def write_events(
    file: Path,
    keys: Sequence[int],
    *,
    without: Sequence[str] = (),
    moments: Sequence[datetime] = (),
    row_group_size: int | None = None,
    **columns: object,
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(EVENTS(keys, moments, **columns)).drop_columns(list(without))
    pq.write_table(table, file, row_group_size=row_group_size)
