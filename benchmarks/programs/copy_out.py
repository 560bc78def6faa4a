"""The limit of reading PostgreSQL: COPY of the same rows and columns to this process, thrown away."""

import os

import psycopg

from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES


def run() -> int:
    rows = 0
    window = [os.environ["BENCH_START"], os.environ["BENCH_END"]]
    with psycopg.connect(os.environ["BENCH_DATABASE"]) as connection, connection.cursor() as cursor:
        for table in (EXPOSURES, CUSTOM_EVENTS):
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "ingested_at")
            select = f"SELECT {names} FROM {table.name} WHERE ingested_at >= %s AND ingested_at < %s"  # noqa: S608 - own names
            with cursor.copy(f"COPY ({select}) TO STDOUT".encode(), window) as lines:
                for _ in lines:
                    pass
            rows += cursor.rowcount
    return rows
