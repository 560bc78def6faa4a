"""The limit of reading SQLite: a plain cursor over the same rows and columns, thrown away."""

import os
import sqlite3
from contextlib import closing

from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES

_ROWS = 10_000


def run() -> int:
    rows = 0
    window = (os.environ["BENCH_START"], os.environ["BENCH_END"])
    with closing(sqlite3.connect(os.environ["BENCH_DATABASE"])) as connection:
        for table in (EXPOSURES, CUSTOM_EVENTS):
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "ingested_at")
            statement = f"SELECT {names} FROM {table.name} WHERE ingested_at >= ? AND ingested_at < ?"  # noqa: S608 - own names
            cursor = connection.execute(statement, window)
            while chunk := cursor.fetchmany(_ROWS):
                rows += len(chunk)
    return rows
