"""A Source over a SQLite file, its rows by SQL, and what its windows read."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from sqlalchemy import create_engine

from statsig_export.config import parse_config
from statsig_export.layouts.native_tables import create_tables
from statsig_export.source.source import Source, open_source
from statsig_export.vocabulary import Category

DAY = datetime(2026, 11, 1, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)
NOON = "2026-11-01 12:00:00.000000"


def native_file(folder: Path) -> Path:
    """A SQLite file with the native tables, made as `init --tables` makes them."""
    file = folder / "events.db"
    engine = create_engine(f"sqlite:///{file}")
    create_tables(engine, "native")
    engine.dispose()
    return file


def source_at(url: str, **source: object) -> Source:
    """A Source whose URL is in the environment; `source` has the other keys of [source]."""
    document = {"source": {"url": "env:SOURCE", **source}}
    return open_source(parse_config(document, folder=Path.cwd(), environ={"SOURCE": url}))


def run_sql(file: Path, script: str, rows: Iterable[Sequence[object]] = ()) -> None:
    """Run a script, or one statement per row; text stays the bytes that SQLite was given."""
    with closing(sqlite3.connect(file)) as connection, connection:
        rows = list(rows)
        if rows:
            connection.executemany(script, rows)
        else:
            connection.executescript(script)


def insert(file: Path, table: str, rows: Iterable[dict[str, object]]) -> None:
    """Insert rows that may have different columns."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608


def read(
    source: Source,
    role: str = "exposures",
    start: datetime = DAY,
    end: datetime = NEXT_DAY,
    categories: Sequence[Category] | None = None,
) -> pd.DataFrame:
    """The whole window in one frame."""
    table = next(table for table in source.tables if table.role == role)
    frames = list(source.read_window(table, start, end, categories))
    if not frames:
        return pd.DataFrame({"row_key": []})
    return pd.concat(frames, ignore_index=True)


def places(source: Source, start: datetime = DAY, now: datetime = NEXT_DAY) -> dict[str, int]:
    """Where the rows of the first table are that are in no window from `start` until `now`."""
    return {place.value: rows for place, rows in source.count_outside(source.tables[0], start, now).rows.items()}


def unplaced(source: Source) -> int:
    """The rows of the first table that no window holds, whenever it is."""
    return places(source).get("unplaced", 0)


def keys(source: Source, role: str = "exposures", start: datetime = DAY, end: datetime = NEXT_DAY) -> list[object]:
    """The keys of the window's rows, in order of the keys."""
    return sorted(read(source, role, start, end)["row_key"].tolist())
