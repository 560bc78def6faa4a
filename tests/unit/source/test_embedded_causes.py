"""What an error of SQLite's or DuckDB's says: its code, the file and what to do, and no text of a row."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from source_databases import NOON, insert, native_file, read, run_sql, source_at
from sqlalchemy import make_url

from statsig_export.databases.causes import cause_of
from statsig_export.errors import SourceError

SECRET = "text of a row"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = native_file(tmp_path)
    insert(file, "exposures", [{"name": SECRET, "ingested_at": NOON}])
    return file


@pytest.fixture
def locked(file: Path) -> Iterator[Path]:
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        yield file


def refusal(url: str, **source: object) -> str:
    with source_at(url, **source) as opened, pytest.raises(SourceError) as raised:
        read(opened)
    assert SECRET not in str(raised.value)
    return str(raised.value)


@pytest.mark.fault("F206")
def test_a_locked_file_says_that_another_process_writes_and_not_to_mend_it(locked: Path):
    message = refusal(f"sqlite:///{locked}", connect={"timeout": 0.01})

    assert f"SQLITE_BUSY database is locked, at {locked}. another process has been writing to it" in message
    assert "mend" not in message


@pytest.mark.fault("F206")
def test_a_json_path_out_of_a_row_is_not_quoted(file: Path):
    run_sql(
        file,
        "ALTER TABLE exposures RENAME TO kept;"
        " CREATE VIEW exposures AS SELECT *, json_extract('{}', name) AS gate FROM kept",
    )
    message = refusal(f"sqlite:///{file}", exposures={"columns": {"name": "gate"}})

    assert f"SQLITE_ERROR OperationalError, at {file}" in message


@pytest.mark.fault("F206")
def test_a_text_that_the_driver_could_not_decode_is_not_quoted():
    with closing(sqlite3.connect(":memory:")) as database, pytest.raises(sqlite3.OperationalError) as raised:
        database.execute("SELECT CAST(x'ff7365637265' AS TEXT)").fetchall()

    assert "secre" in str(raised.value)
    assert str(cause_of(raised.value)) == "text that is not UTF-8"


@pytest.mark.fault("F206")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_what_to_let_this_user_do(file: Path):
    file.chmod(0)

    assert "SQLITE_CANTOPEN unable to open database file" in refusal(f"sqlite:///{file}")


@pytest.mark.fault("F206")
def test_a_damaged_duckdb_file_says_so(tmp_path: Path):
    import duckdb  # noqa: PLC0415 - one test of it

    file = tmp_path / "events.duckdb"
    duckdb.connect(str(file)).close()
    damaged = bytearray(file.read_bytes())
    damaged[12] ^= 0xFF
    file.write_bytes(damaged)

    message = refusal(make_url(f"duckdb:///{file}").render_as_string())
    assert f"CORRUPT the file is damaged, at {file}. put back a copy of the file" in message
