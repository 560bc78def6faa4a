"""Rows that nobody wants, through a real table to the partition files: each is forwarded whole or fails with a reason.

`STATSIG_EXPORT_FUZZ_ROWS=2000000 pytest tests/property/test_hostile_rows.py` goes on for as long as it is told to.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest
from home import ExportHome
from hostile_rows import INGESTED, Generator, Hostile, huge_rows
from naive_events import Expected, check, expected, naive_id
from psycopg import sql
from sqlalchemy import make_url

from statsig_export.config import Config
from statsig_export.export.export import export_window
from statsig_export.export.outside import count_outside
from statsig_export.layouts.reasons import Reason
from statsig_export.lineage.frames import failed_rows, read_events
from statsig_export.windows import window_from_key

ROWS = int(os.environ.get("STATSIG_EXPORT_FUZZ_ROWS", "10000"))
ON_POSTGRESQL = max(1_000, ROWS // 20)
A_TIME = 25_000
"""Rows held in memory at once, each lot in a database of its own."""
SEED = int(os.environ.get("STATSIG_EXPORT_FUZZ_SEED", "1"))


def inserted_in_sqlite(file: Path, rows: Iterable[Hostile]) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row.columns)
            # Bytes go in as text: that is how text that is not UTF-8 gets into a database.
            as_text = {name for name, value in row.columns.items() if isinstance(value, bytes)} - {"ingested_at"}
            marks = ", ".join("CAST(? AS TEXT)" if name in as_text else "?" for name in row.columns)
            connection.execute(f"INSERT INTO {row.table} ({names}) VALUES ({marks})", list(row.columns.values()))  # noqa: S608


def stored_in_sqlite(file: Path, table: str) -> Iterator[dict[str, Any]]:
    """The rows as they stand, text as its bytes."""
    with closing(sqlite3.connect(file)) as connection:
        connection.text_factory = bytes
        cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))


def inserted_in_postgresql(url: str, rows: Iterable[Hostile]) -> list[Hostile]:
    """The rows that the database let in."""
    let_in = []
    with psycopg.connect(url) as connection:
        for row in rows:
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(row.table),
                sql.SQL(", ").join(map(sql.Identifier, row.columns)),
                sql.SQL(", ").join(sql.Placeholder() * len(row.columns)),
            )
            # As text without a type: each column takes it for one of its own.
            values = [value if value is None else str(value) for value in row.columns.values()]
            try:
                with connection.transaction():
                    connection.execute(statement, values)
            except psycopg.Error:
                continue
            let_in.append(row)
    return let_in


def stored_in_postgresql(url: str, table: str) -> Iterator[dict[str, Any]]:
    with psycopg.connect(url) as connection:
        statement = f"SELECT * FROM {table} LIMIT 0"  # noqa: S608
        names = [column[0] for column in connection.execute(statement).description or ()]
        texts = [f'"{name}"' if name in {"id", "gate_value"} else f'"{name}"::text' for name in names]
        for row in connection.execute(f"SELECT {', '.join(texts)} FROM {table}"):  # noqa: S608
            values = (value.encode() if isinstance(value, str) else value for value in row)
            yield dict(zip(names, values, strict=True))


def outcomes_of(config: Config) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Event by timeUUID, and reason by table and key, of everything that one export made."""
    window = window_from_key("2026-11-20", config.windows)
    report = export_window(config, window)
    assert report.account.balances
    events = read_events(config)
    failed = failed_rows(config)
    assert len(events) == len(set(events["time_uuid"]))
    assert len(failed) == report.account.failed
    tables = ["custom_events" if "exposure" not in name else "exposures" for name in failed["category"]]
    keyed = dict(zip(zip(tables, failed["row_key"], strict=True), failed["reason"], strict=True))
    assert len(keyed) == len(failed)
    return dict(zip(events["time_uuid"], events["event"], strict=True)), keyed


def assert_each_row_has_its_outcome(
    config: Config, rows: Iterable[Hostile], stored: Iterable[tuple[str, dict[str, Any]]]
) -> Counter[str]:
    """Holds every stored row against the naive reading of it; how many became what."""
    hostile = {(row.table, row.columns["id"]): row for row in rows}
    events, failed = outcomes_of(config)
    became: Counter[str] = Counter()
    for table, row in stored:
        made = hostile.pop((table, row["id"]))
        key = (table, str(row["id"]))
        columns = {name: value for name, value in row.items() if name != "ingested_at"}
        if made.columns["ingested_at"] != INGESTED:
            assert key not in failed
            became["unplaced"] += 1
            continue
        wanted = expected(columns, table, made.moment_ms)
        became[_assert_outcome(wanted, columns, table, events, failed.pop(key, None))] += 1
    assert not hostile
    assert not failed
    assert not events
    assert count_outside(config).to_dict()["unplaced"] == became["unplaced"]
    return became


def _assert_outcome(
    wanted: Expected, row: dict[str, Any], table: str, events: dict[str, str], reason: str | None
) -> str:
    if reason is not None:
        assert reason in wanted.failed, (row["id"], reason, wanted)
        return reason
    assert not wanted.failed, (row["id"], wanted.failed)
    if wanted.filtered:
        return "filtered"
    time_uuid = row["time_uuid"] and row["time_uuid"].decode()
    check(events.pop(time_uuid or naive_id(row["id"], table)), wanted)
    return "forwarded"


@pytest.mark.fault("F08", "F09", "F10", "F11", "F12", "F13", "F14", "F15", "F16", "F17", "F18", "F23")
def test_every_hostile_row_of_a_sqlite_table_is_forwarded_whole_or_fails_with_a_reason(tmp_path: Path):
    became: Counter[str] = Counter()
    generated = Generator(SEED, loose=True).rows(ROWS)
    for lot in range(-(-ROWS // A_TIME)):
        folder = tmp_path / str(lot)
        folder.mkdir()
        config = ExportHome(folder).config
        rows = [*islice(generated, A_TIME), *(huge_rows(ROWS + 1) if lot == 0 else [])]
        inserted_in_sqlite(folder / "source.db", rows)
        tables = ("exposures", "custom_events")
        stored = ((table, row) for table in tables for row in stored_in_sqlite(folder / "source.db", table))
        became += assert_each_row_has_its_outcome(config, rows, stored)

    assert became.total() == ROWS + len(huge_rows(1))
    assert set(Reason) - set(became) == {Reason.MISSING_KEY}  # SQLite numbers such rows itself
    assert became["forwarded"] > ROWS // 4


@pytest.mark.fault("F11", "F13", "F16", "F17", "F18")
def test_every_hostile_row_that_postgresql_lets_in_is_forwarded_whole_or_fails_with_a_reason(
    tmp_path: Path, postgres_url: str
):
    config = ExportHome(tmp_path, source_url=postgres_url).config
    url = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    rows = inserted_in_postgresql(url, Generator(SEED, loose=False).rows(ON_POSTGRESQL))
    stored = ((table, row) for table in ("exposures", "custom_events") for row in stored_in_postgresql(url, table))
    became = assert_each_row_has_its_outcome(config, rows, stored)

    assert became.total() > ON_POSTGRESQL * 3 // 4
    assert {"not_unicode", "wrong_type", "bad_timestamp", "forwarded", "filtered", "unplaced"} <= set(became)
