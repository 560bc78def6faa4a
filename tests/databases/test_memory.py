"""A window of eight times the rows needs no more memory: each driver streams."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from real_databases import DAY, NEXT_DAY, RealDatabase
from test_every_database import EXPOSURES

from statsig_export.errors import SourceError

pytestmark = pytest.mark.acceptance

FEW, MANY = 20_000, 160_000
TEXT = "x" * 1000

SERIES = {
    "sqlite": "(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {rows}) SELECT n FROM r) r",
    "postgresql": "generate_series(1, {rows}) r(n)",
    "duckdb": "range(1, {rows} + 1) r(n)",
    "mysql": "seq_1_to_{rows} r(n)",
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process needed at most")
@pytest.mark.fault("F22")
def test_memory_does_not_grow_with_the_window(database: RealDatabase):
    database.create("exposures", EXPOSURES)
    for day, rows in (("2026-11-01", FEW), ("2026-11-02", MANY)):
        number = "seq" if database.kind == "mysql" else "n"
        series = SERIES[database.kind].format(rows=rows).replace(" r(n)", " r" if database.kind == "mysql" else " r(n)")
        key = f"{number} + {0 if rows == FEW else FEW}"
        database.run(
            f"INSERT INTO exposures (id, {database.quoted('user')}, ingested_at)"  # noqa: S608
            f" SELECT {key}, '{{\"x\":\"{TEXT}\"}}', '{day} 12:00:00' FROM {series}"
        )
    # DuckDB keeps of the file what it has read, up to this limit.
    url = f"{database.url}?memory_limit=64MB&threads=1" if database.kind == "duckdb" else database.url
    command = [sys.executable, str(Path(__file__).with_name("peak_memory.py")), url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (few, at_few), (many, at_many) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert (few, many) == (FEW, MANY), done.stdout
    assert at_many - at_few < 60, done.stdout  # of 160 MB of text


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process needed at most")
@pytest.mark.fault("F219")
@pytest.mark.parametrize(("size", "rows"), [(1_000, 40_000), (20_000, 4_000), (500_000, 240)])
def test_memory_does_not_grow_with_the_size_of_rows(database: RealDatabase, size: int, rows: int):
    database.create("exposures", EXPOSURES)
    text = {"sqlite": "hex(zeroblob({half}))", "mysql": "repeat('x', {size})"}.get(database.kind, "repeat('x', {size})")
    number = "seq" if database.kind == "mysql" else "n"
    series = SERIES[database.kind].format(rows=rows).replace(" r(n)", " r" if database.kind == "mysql" else " r(n)")
    user = f'{{{{"x":"\'||{text}||\'"}}}}'.format(size=size, half=size // 2)
    value = f"concat('{{\"x\":\"', {text.format(size=size)}, '\"}}')" if database.kind == "mysql" else f"'{user}'"
    value = f"CAST({value} AS JSON)" if database.kind == "postgresql" else value
    database.run(
        f"INSERT INTO exposures (id, {database.quoted('user')}, ingested_at)"  # noqa: S608
        f" SELECT {number}, {value}, '2026-11-01 12:00:00' FROM {series}"
    )
    # DuckDB reads 2,048 rows at once, and twice that is what it asks for.
    big = database.kind == "duckdb" and size > 20_000
    limit = f"?memory_limit={'2GB' if big else '128MB'}&threads=1" if database.kind == "duckdb" else ""
    url = database.url + limit
    command = [sys.executable, str(Path(__file__).with_name("peak_memory.py")), url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (found, peak), _ = (map(int, line.split()) for line in done.stdout.splitlines())
    assert found == rows
    assert peak < (700 if big else 420), done.stdout


@pytest.mark.fault("F219")
def test_duckdb_says_which_memory_its_rows_need(database_of: Callable[[str], RealDatabase]):
    database = database_of("duckdb")
    database.create("exposures", EXPOSURES)
    database.run(
        "INSERT INTO exposures (id, \"user\", ingested_at) SELECT n, '{\"x\":\"' || repeat('x', 500000) || '\"}',"
        " '2026-11-01 12:00:00' FROM range(400) r(n)"
    )
    with database.source() as source, pytest.raises(SourceError, match="memory_limit of 128MB"):
        list(source.read_window(source.tables[0], DAY, NEXT_DAY))
