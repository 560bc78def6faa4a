# ruff: noqa: S608 - the rows of these tests are written as SQL literals
"""What only DuckDB has: its types, its lock on the file, Arrow batches."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from real_databases import DAY, NEXT_DAY, RealDatabase, read, source_at
from test_every_database import CUSTOM_EVENTS, EXPOSURES, custom_event, exposure

from statsig_export.errors import ConfigError, SourceError
from statsig_export.vocabulary import Category

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> RealDatabase:
    return RealDatabase("duckdb", f"duckdb:///{tmp_path}/events.duckdb")


def file_of(database: RealDatabase) -> str:
    return database.url.removeprefix("duckdb:///")


def test_nested_values_become_json_and_labels_become_text(database: RealDatabase):
    """As when the table was made of Parquet or JSON files: what is an object there is a STRUCT or a MAP here."""
    database.create(
        "exposures",
        {
            **EXPOSURES,
            "user": 'STRUCT("userID" VARCHAR, "customIDs" STRUCT("stableID" VARCHAR), tags VARCHAR[])',
            "metadata": "MAP(VARCHAR, VARCHAR)",
            "time_uuid": "UUID",
            "exposure_type": "ENUM('gate', 'config', 'experiment', 'layer')",
        },
    )
    uuid = "0e984725-c51c-4bf4-9960-e1c80e27aba0"
    database.run(
        f"INSERT INTO exposures (id, ingested_at, \"user\", metadata, time_uuid, exposure_type) VALUES (1, '{DAY}', "
        f"{{'userID': 'å', 'customIDs': {{'stableID': null}}, 'tags': ['a']}}, MAP {{'k': 'v'}}, '{uuid}', 'layer'), "
        f"(2, '{DAY}', null, null, null, null)"
    )
    with database.source() as source:
        first, second = read(source, "exposures").to_dict("records")
        layers = read(source, "exposures", categories=[Category.LAYER_EXPOSURE])
    assert first["user"] == '{"userID":"å","customIDs":{"stableID":null},"tags":["a"]}'
    assert (first["metadata"], first["time_uuid"], first["exposure_type"]) == ('{"k":"v"}', uuid, "layer")
    assert all(pd.isna(second[name]) for name in ("user", "metadata", "time_uuid", "exposure_type"))
    assert layers["row_key"].tolist() == [1]


@pytest.mark.parametrize("kind", ["TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMPTZ"])
def test_timestamps_of_every_precision_are_read_and_placed(database: RealDatabase, kind: str):
    database.create("exposures", {**EXPOSURES, "timestamp": kind, "ingested_at": kind})
    zone = "+00" if kind == "TIMESTAMPTZ" else ""
    moments = [f"{day} 00:00:00{zone}" for day in ("2026-11-01", "2026-11-02")]
    database.insert("exposures", [exposure(n, timestamp=m, ingested_at=m) for n, m in enumerate(moments)])
    with database.source_in_zone("Europe/Berlin") as source:
        assert read(source, "exposures")["timestamp"].tolist() == [pd.Timestamp("2026-11-01")]


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE"])
def test_a_number_that_json_does_not_have_fails_its_row(database: RealDatabase, kind: str):
    database.create("custom_events", {**CUSTOM_EVENTS, "value": kind})
    odd = [1.5, float("nan"), float("inf"), float("-inf")]
    database.insert("custom_events", [custom_event(n, value=value) for n, value in enumerate(odd)])
    with database.source() as source:
        frame = read(source, "custom_events")
    assert frame["value"].tolist() == ["1.5", pd.NA, pd.NA, pd.NA]
    assert frame["unreadable_reason"].tolist() == [pd.NA, *["not_json_number"] * 3]


@pytest.mark.parametrize(("kind", "key"), [("HUGEINT", 7), ("UBIGINT", 7), ("INTEGER", 7), ("VARCHAR", "k")])
def test_keys_of_every_width_are_read(database: RealDatabase, kind: str, key: object):
    database.create("exposures", {**EXPOSURES, "id": kind})
    database.insert("exposures", [exposure(1) | {"id": key}])
    with database.source() as source:
        assert read(source, "exposures")["row_key"].tolist() == [key]


@pytest.mark.fault("F215")
@pytest.mark.parametrize(("kind", "key"), [("UBIGINT", 2**63), ("HUGEINT", 2**64), ("HUGEINT", -(2**63) - 1)])
def test_keys_that_64_bits_do_not_hold_are_read_as_their_digits(database: RealDatabase, kind: str, key: int):
    database.create("exposures", {**EXPOSURES, "id": kind})
    database.insert("exposures", [exposure(1) | {"id": each} for each in (key, 1, None)])
    with database.source() as source:
        assert sorted(read(source, "exposures")["row_key"].dropna()) == sorted([str(key), "1"])


@pytest.mark.fault("F337")
@pytest.mark.parametrize("key", [10**29 + 1, 2**127 - 1])
def test_a_key_of_more_digits_than_a_decimal_is_reckoned_with_ends_no_read(database: RealDatabase, key: int):
    database.create("exposures", {**EXPOSURES, "id": "HUGEINT"})
    database.insert("exposures", [exposure(1) | {"id": each} for each in (key, 1)])
    with database.source() as source:
        assert sorted(read(source, "exposures")["row_key"]) == sorted([str(key), "1"])


def test_names_are_found_without_regard_to_case_and_in_another_schema(database: RealDatabase):
    database.run("CREATE SCHEMA Statsig")
    database.run("CREATE TABLE Statsig.Exposures AS SELECT 1 AS ID, 'g' AS Name, null::VARCHAR AS rest")
    others = [f'ALTER TABLE Statsig.Exposures ADD "{n}" {k}' for n, k in EXPOSURES.items() if n not in {"id", "name"}]
    for statement in others:
        database.run(statement.replace("text", "VARCHAR").replace(" moment", " TIMESTAMP"))
    database.run(f"UPDATE Statsig.Exposures SET ingested_at = '{DAY:%Y-%m-%d}'")
    with database.source(exposures={"schema": "statsig"}) as source:
        assert read(source, "exposures")["name"].tolist() == ["g"]


def test_a_file_that_another_process_writes_cannot_be_opened_and_the_error_says_why(database: RealDatabase):
    database.create("exposures", EXPOSURES)
    command = [sys.executable, "-c", HOLD, file_of(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        writer.stdout.readline()
        try:
            with (
                database.source() as source,
                pytest.raises(
                    SourceError,
                    match=r"cannot be opened: IOException another process holds.*let the other process close it",
                ),
            ):
                source.check_schema(source.tables[0])
        finally:
            writer.communicate("")
    with database.source() as source:
        source.check_schema(source.tables[0])


def test_a_read_cannot_write_and_leaves_the_file_as_it_was(database: RealDatabase):
    database.create("exposures", EXPOSURES)
    database.insert("exposures", [exposure(1)])
    before = Path(file_of(database)).read_bytes()
    with database.source() as source:
        read(source, "exposures")
        with pytest.raises(duckdb.Error):
            list(source._database.chunks("DELETE FROM exposures", 10))
    assert Path(file_of(database)).read_bytes() == before


def test_a_row_that_cannot_be_computed_fails_the_read_as_a_source_error(database: RealDatabase):
    database.create("kept", EXPOSURES)
    rows = [exposure(n, name="1" if n < 20_000 else "no number") for n in (1, 2, 20_000)]
    database.insert("kept", rows)
    columns = ", ".join(
        f'"{n}"' if n != "name" else "CAST(CAST(name AS INTEGER) AS VARCHAR) AS name" for n in EXPOSURES
    )
    database.run(f"CREATE VIEW exposures AS SELECT {columns} FROM kept")
    with database.source() as source, pytest.raises(SourceError, match="reading table exposures failed: ") as raised:
        read(source, "exposures")
    assert "no number" not in str(raised.value)


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path):
    file = tmp_path / "events.duckdb"
    file.write_bytes(b"id,name\n" * 1000)
    with source_at(f"duckdb:///{file}") as source, pytest.raises(SourceError, match="cannot be opened: "):
        source.check_schema(source.tables[0])


def test_a_missing_file_is_an_error_and_is_not_created(tmp_path: Path):
    file = tmp_path / "nowhere.duckdb"
    with pytest.raises(SourceError, match=r"there is no DuckDB database at .*nowhere\.duckdb"):
        source_at(f"duckdb:///{file}")
    assert not file.exists()


def test_the_urls_settings_are_duckdbs_own(database: RealDatabase):
    database.create("exposures", EXPOSURES)
    with source_at(f"{database.url}?memory_limit=100MB&threads=1") as source:
        source.check_schema(source.tables[0])
        sql = "SELECT current_setting('memory_limit'), current_setting('threads')"
        (batch,) = source._database.chunks(sql, 1)
    assert [str(column[0]) for column in batch.columns] == ["95.3 MiB", "1"]
    with source_at(f"{database.url}?no_such_setting=1") as source, pytest.raises(ConfigError, match="no_such_setting"):
        source.check_schema(source.tables[0])


def test_batches_are_as_long_as_they_were_asked_for(database: RealDatabase):
    database.create("exposures", EXPOSURES)
    database.run(f"INSERT INTO exposures (id, ingested_at) SELECT n, '{DAY:%Y-%m-%d}' FROM range(25000) r(n)")
    with database.source() as source:
        lengths = [len(frame) for frame in source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=10_000)]
    assert lengths == [10_000, 10_000, 5_000]


@pytest.mark.fault("F472")
def test_an_error_in_the_middle_of_a_result_is_the_sources_and_says_no_value(database: RealDatabase):
    database.create("stored", {**EXPOSURES, "id": "VARCHAR"})
    number = "CASE WHEN n = 49999 THEN 'secret' ELSE n::VARCHAR END"
    database.run(f"INSERT INTO stored (id, ingested_at) SELECT {number}, '{DAY:%Y-%m-%d}' FROM range(50000) r(n)")
    database.run("CREATE VIEW exposures AS SELECT * REPLACE (CAST(id AS BIGINT) AS id) FROM stored")
    with database.source() as source:
        read = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=10_000)
        with pytest.raises(SourceError, match="reading table exposures failed") as raised:
            list(read)
    assert "secret" not in f"{raised.value} {raised.value.hint}"
