"""The databases that the tests run for real, each with its own client: tables by SQL, rows by dicts, and a Source."""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import duckdb
import pandas as pd
import psycopg
from source_databases import source_at
from sqlalchemy import make_url

from statsig_export.source.source import Source
from statsig_export.vocabulary import Category

Row = Mapping[str, object]

SERVER = os.environ.get("STATSIG_EXPORT_TEST_DATABASE", "")
"""The URL of an empty MySQL or MariaDB database, whose tables the tests drop: docs/databases.md."""

DAY = datetime(2026, 11, 1, tzinfo=UTC)
NEXT_DAY = datetime(2026, 11, 2, tzinfo=UTC)

# A column's kind in the tests -> its type in each database.
_TYPES: Mapping[str, Mapping[str, str]] = {
    "sqlite": {"key": "INTEGER PRIMARY KEY", "moment": "TIMESTAMP", "zoned": "TIMESTAMP", "double": "DOUBLE PRECISION"},
    "postgresql": {"key": "BIGINT PRIMARY KEY", "moment": "TIMESTAMP", "zoned": "TIMESTAMPTZ", "double": "FLOAT8"},
    "duckdb": {"key": "BIGINT PRIMARY KEY", "moment": "TIMESTAMP", "zoned": "TIMESTAMPTZ", "double": "DOUBLE"},
    "mysql": {
        "key": "BIGINT PRIMARY KEY",
        "moment": "DATETIME(6)",
        "zoned": "TIMESTAMP(6) NULL",
        "double": "DOUBLE",
        "text": "VARCHAR(190)",
    },
}


class RealDatabase:
    """One empty database. Closed between statements, so that a reader of a DuckDB file finds nobody writing."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url
        self.mark = "?" if kind in {"sqlite", "duckdb"} else "%s"
        self.quote = "`" if kind == "mysql" else '"'

    def run(self, statement: str, rows: Iterable[Sequence[object]] = ()) -> None:
        """Run a statement, once a row where there are rows."""
        rows = [tuple(row) for row in rows]
        with closing(self._connection()) as connection, closing(connection.cursor()) as cursor:
            transaction = cursor if self.kind == "duckdb" else connection  # whose cursors are connections
            if self.kind == "duckdb":
                transaction.begin()
            if rows:
                cursor.executemany(statement, rows)
            else:
                cursor.execute(statement)
            transaction.commit()

    def create(self, table: str, columns: Mapping[str, str]) -> None:
        """Create a table; a column's type is SQL, or one of the kinds above."""
        types = _TYPES[self.kind]
        body = ", ".join(f"{self.quoted(name)} {types.get(kind, kind)}" for name, kind in columns.items())
        self.run(f"CREATE TABLE {self.quoted(table)} ({body})")

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows of equal columns."""
        names = list(rows[0])
        columns = ", ".join(self.quoted(name) for name in names)
        marks = ", ".join([self.mark] * len(names))
        self.run(
            f"INSERT INTO {self.quoted(table)} ({columns}) VALUES ({marks})",  # noqa: S608
            [[row[name] for name in names] for row in rows],
        )

    def empty(self) -> None:
        """Drop every table and view of a MySQL database."""
        listed = "SELECT table_type, table_name FROM information_schema.tables WHERE table_schema = database()"
        with closing(self._connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(listed)
            for kind, name in cursor.fetchall():
                cursor.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {self.quoted(name)}")

    def source_in_zone(self, zone: str, **source: object) -> Source:
        """A Source whose sessions are in another time zone."""
        if self.kind == "postgresql":
            return source_at(f"{self.url}&options=-c%20timezone%3D{zone.replace('/', '%2F')}", **source)
        if self.kind == "mysql":
            self.run(f"SET GLOBAL time_zone = '{zone}'")
        opened = source_at(self.url, **source)
        if self.kind == "duckdb":
            opened._database._connection().execute(f"SET GLOBAL TimeZone = '{zone}'")
        return opened

    def source(self, **source: object) -> Source:
        return source_at(self.url, **source)

    def quoted(self, name: str) -> str:
        return f"{self.quote}{name}{self.quote}"

    def _connection(self) -> Any:  # noqa: ANN401 - three libraries, one protocol
        path = make_url(self.url).database or ""
        if self.kind == "sqlite":
            return sqlite3.connect(path)
        if self.kind == "duckdb":
            return duckdb.connect(path)
        url = make_url(self.url)
        if self.kind == "mysql":
            import pymysql  # noqa: PLC0415 - only for whoever names a server

            place = {"unix_socket": url.query["unix_socket"]} if "unix_socket" in url.query else {"host": url.host}
            return pymysql.connect(user=url.username, password=url.password or "", database=url.database, **place)
        return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


def read(
    source: Source,
    role: str,
    start: datetime = DAY,
    end: datetime = NEXT_DAY,
    categories: Sequence[Category] | None = None,
) -> pd.DataFrame:
    """The whole window in one frame, by its keys where it has any."""
    table = next(table for table in source.tables if table.role == role)
    frames = list(source.read_window(table, start, end, categories))
    whole = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"row_key": []})
    return whole.sort_values("row_key", ignore_index=True) if "row_key" in whole else whole


def keys(source: Source, role: str, start: datetime, end: datetime) -> list[int]:
    return [int(key) for key in read(source, role, start, end)["row_key"]]
