"""A SQLite file that is said to be immutable, and what a writer has left beside it."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from source_databases import native_file, read, source_at

from statsig_export.errors import SourceError

_KILLED = """
import os, sqlite3, sys
path, mode, pages = sys.argv[1:]
connection = sqlite3.connect(path, isolation_level=None)
for setting in (f"journal_mode={mode}", f"cache_size={pages}"):
    connection.execute(f"PRAGMA {setting}")
connection.execute("BEGIN")
connection.executemany("INSERT INTO exposures (name) VALUES (?)", [("x" * 200,)] * 500)
if mode == "wal":
    connection.execute("COMMIT")
os._exit(9)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return native_file(tmp_path)


def killed(file: Path, mode: str) -> None:
    """A writer ends after a commit (wal), or in the middle of a transaction that is partly in the file (delete)."""
    subprocess.run([sys.executable, "-c", _KILLED, str(file), mode, "1"], check=False)


@pytest.mark.fault("F678")
@pytest.mark.parametrize(("mode", "beside"), [("wal", "-wal"), ("delete", "-journal")])
@pytest.mark.parametrize("written", ["1", "yes", "ON"])
def test_an_immutable_file_is_refused_while_its_log_or_a_journal_counts(
    file: Path, mode: str, beside: str, written: str
):
    killed(file, mode)
    with pytest.raises(SourceError, match=f"{file} is not whole without {file}{beside}") as raised:
        source_at(f"sqlite:///file:{file}?immutable={written}&uri=true")
    assert "wal_checkpoint" in str(raised.value.hint)


@pytest.mark.fault("F678")
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_the_error_says_to_do_makes_it_whole(file: Path, mode: str):
    killed(file, mode)
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("SELECT count(*) FROM exposures").fetchall()
    connection.close()
    with source_at(f"sqlite:///file:{file}?immutable=1&uri=true") as source:
        assert len(read(source)) == 0  # all of them are without a time


@pytest.mark.fault("F678")
@pytest.mark.parametrize("mode", ["persist", "truncate"])
def test_a_journal_that_is_kept_for_the_next_transaction_is_no_hindrance(file: Path, mode: str):
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}").fetchall()
        connection.execute("INSERT INTO exposures (name) VALUES ('x')")
    connection.close()
    assert Path(f"{file}-journal").exists()
    with source_at(f"sqlite:///file:{file}?immutable=1&uri=true") as source:
        assert len(read(source)) == 0


@pytest.mark.fault("F678")
@pytest.mark.parametrize("parameters", ["mode=ro&uri=true", "immutable=0&uri=true"])
def test_a_file_that_is_not_said_to_be_immutable_is_read_with_its_log(file: Path, parameters: str):
    killed(file, "wal")
    with source_at(f"sqlite:///file:{file}?{parameters}") as source:
        assert len(read(source)) == 0
