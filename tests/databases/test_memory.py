"""A window of eight times the rows needs no more memory: each driver streams."""

import subprocess
import sys
from pathlib import Path

import pytest
from real_databases import RealDatabase
from test_every_database import EXPOSURES

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
