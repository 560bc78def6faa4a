import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from source_databases import DAY, NEXT_DAY, NOON, insert, native_file, read, run_sql, source_at

from statsig_export.errors import ConfigError, SourceError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = native_file(tmp_path)
    insert(file, "exposures", [{"name": "a secret gate", "ingested_at": NOON}])
    return file


def altered(file: Path, old: str, new: str) -> None:
    """Make the exposures anew with a changed declaration."""
    with closing(sqlite3.connect(file)) as connection, connection:
        (ddl,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'exposures'").fetchone()
        changed = ddl.replace(old, new)
        assert changed != ddl
        connection.execute("DROP TABLE exposures")
        connection.execute(changed)


def refusal(file: Path, **source: object) -> str:
    """What check_schema says about the exposures; the read says the same before its first row."""
    with source_at(f"sqlite:///{file}", **source) as opened:
        with pytest.raises(SourceError) as checked:
            opened.check_schema(opened.tables[0])
        with pytest.raises(SourceError) as at_read:
            next(opened.read_window(opened.tables[0], DAY, NEXT_DAY))
    assert str(at_read.value) == str(checked.value)
    return str(checked.value)


def test_the_native_tables_pass(file: Path):
    with source_at(f"sqlite:///{file}") as source:
        for table in source.tables:
            source.check_schema(table)


def test_a_missing_table_is_named_with_the_near_miss_and_the_way_out(file: Path):
    run_sql(file, "ALTER TABLE exposures RENAME TO exposure")
    message = refusal(file)
    assert "no table exposures (did you mean exposure?)" in message
    assert '[source.exposures] table = "..."' in message


@pytest.mark.fault("F20")
def test_a_missing_column_is_named_with_what_was_expected(file: Path):
    altered(file, "rule_id TEXT", "ruleid TEXT")
    message = refusal(file)
    assert 'table exposures: column "rule_id" is missing' in message
    assert "expected text, a UUID or a number" in message
    assert 'the nearest is "ruleid"' in message
    assert '[source.exposures] columns = { canonical = "yours" }' in message


@pytest.mark.fault("F20")
@pytest.mark.parametrize(
    ("column", "was", "becomes", "expected"),
    [
        ("user", "JSON", "INTEGER", "JSON, or text that holds JSON"),
        ("name", "TEXT", "BOOLEAN", "text"),
        ("gate_value", "BOOLEAN", "FLOAT", "a boolean"),
        ("timestamp", "DATETIME", "BOOLEAN", "a timestamp"),
        ("ingested_at", "DATETIME", "JSON", "a timestamp"),
        ("metadata", "JSON", "BLOB", "JSON, or text that holds JSON"),
        ("id", "INTEGER", "DATETIME", "an integer or text"),
    ],
)
def test_a_mistyped_column_is_named_with_what_was_expected_and_found(
    file: Path, column: str, was: str, becomes: str, expected: str
):
    quoted = f'"{column}"' if column in {"user", "timestamp"} else column
    with closing(sqlite3.connect(file)) as connection:
        (ddl,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'exposures'").fetchone()
    altered(file, f"{quoted if quoted in ddl else column} {was}", f'"{column}" {becomes}')
    message = refusal(file)
    assert f'table exposures: column "{column}" has the wrong type' in message
    assert f"expected {expected}" in message
    assert f"found {becomes})" in message


def test_every_problem_of_a_table_is_told_at_once(file: Path):
    altered(file, "rule_id TEXT", "x TEXT")
    altered(file, "gate_value BOOLEAN", "gate_value FLOAT")
    message = refusal(file)
    assert 'column "rule_id" is missing' in message
    assert 'column "gate_value" has the wrong type' in message


def test_a_column_mapped_to_nowhere_is_missing_under_the_users_name(file: Path):
    message = refusal(file, exposures={"columns": {"name": "gate_name"}})
    assert 'column "gate_name" is missing' in message


def test_a_window_column_that_is_not_there_is_named(file: Path):
    message = refusal(file, exposures={"window_column": "loaded_at"})
    assert 'column "loaded_at" is missing (expected a timestamp' in message
    assert '[source.exposures] window_column = "..."' in message


@pytest.mark.fault("F20")
def test_extra_columns_of_whatever_type_are_ignored(file: Path):
    run_sql(file, "ALTER TABLE exposures ADD COLUMN extra BLOB; ALTER TABLE exposures ADD COLUMN odd GEOMETRY(1,2)")
    with source_at(f"sqlite:///{file}") as source:
        assert len(read(source)) == 1


def test_a_table_without_declared_types_and_a_view_are_read(file: Path):
    run_sql(
        file,
        """ALTER TABLE exposures RENAME TO kept;
        CREATE TABLE untyped (id, time_uuid, exposure_type, name, rule_id, gate_value, group_name, reason, unit_type,
            user_id, "user", metadata, statsig_metadata, "timestamp", ingested_at);
        INSERT INTO untyped SELECT * FROM kept;
        CREATE VIEW exposures AS SELECT *, upper(name) AS loud FROM kept""",
    )
    for table in ("untyped", "exposures"):
        with source_at(f"sqlite:///{file}", exposures={"table": table}) as source:
            assert read(source)["name"].tolist() == ["a secret gate"]


def test_a_missing_database_file_is_an_error_and_is_not_created(tmp_path: Path):
    file = tmp_path / "nowhere.db"
    with pytest.raises(SourceError, match=r"there is no SQLite database at .*nowhere\.db"):
        source_at(f"sqlite:///{file}")
    assert not file.exists()


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path):
    file = tmp_path / "events.db"
    file.write_bytes(b"id,name\n" * 1000)
    assert "SQLITE_NOTADB file is not a database" in refusal(file)


@pytest.mark.parametrize("url", ["nosuchdb://host/name", "mysql+nosuchdriver://host/name"])
def test_a_driver_that_is_not_there_is_an_error_that_says_what_to_install(url: str):
    with pytest.raises(SourceError, match=r"no driver for \S+ can be loaded.*install"):
        source_at(url)


def test_a_driver_that_no_extra_brings_is_named_itself():
    with pytest.raises(SourceError, match="install the package of nosuchdriver") as raised:
        source_at("mssql+nosuchdriver://host/name")
    assert "did you mean" not in f"{raised.value}"


def test_an_unset_variable_is_the_configurations_fault():
    with pytest.raises(ConfigError, match="SOURCE"):
        source_at("")


@pytest.mark.parametrize("break_it", ["DROP TABLE exposures", "ALTER TABLE exposures DROP COLUMN name"])
def test_a_statement_that_fails_is_told_by_its_code_without_the_statement(file: Path, break_it: str):
    with source_at(f"sqlite:///{file}") as source:
        source.check_schema(source.tables[0])
        run_sql(file, break_it)
        with pytest.raises(SourceError) as raised:
            read(source)
    assert raised.value.message.startswith("reading table exposures failed: SQLITE_ERROR no such ")
    assert raised.value.message.endswith(f", at {file}")
    assert raised.value.__suppress_context__
    for part in ("SELECT", "2026"):
        assert part not in str(raised.value)


def test_a_damaged_database_fails_halfway_as_a_source_error(file: Path):
    run_sql(file, "INSERT INTO exposures (name, ingested_at) VALUES (?, ?)", [("x" * 500, NOON)] * 4000)
    size = file.stat().st_size
    with file.open("r+b") as pages:
        pages.seek(size // 2)
        pages.write(b"\xff" * 4096 * 8)
    with (
        source_at(f"sqlite:///{file}") as source,
        pytest.raises(SourceError, match="SQLITE_CORRUPT database disk image is malformed"),
    ):
        list(source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=100))
