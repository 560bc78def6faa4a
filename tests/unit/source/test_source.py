import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from source_databases import DAY, NEXT_DAY, NOON, insert, keys, native_file, read, run_sql, source_at
from sqlalchemy import create_engine

from statsig_export.layouts.model import CANONICAL_COLUMNS
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables
from statsig_export.source.source import Source
from statsig_export.vocabulary import Category


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with the native tables, made as `init --tables` makes them."""
    return native_file(tmp_path)


@pytest.fixture
def source(file: Path) -> Iterator[Source]:
    with source_at(f"sqlite:///{file}") as source:
        yield source


def custom_events(file: Path, declaration: str, *values: object, column: str = "value") -> pd.Series:
    """What is read of `values` kept in a column declared like this."""
    run_sql(file, "DROP TABLE custom_events")
    run_sql(file, native_custom_events(**{column: declaration}))
    insert(file, "custom_events", [{column: value, "ingested_at": NOON} for value in values])
    with source_at(f"sqlite:///{file}") as source:
        return read(source, "custom_events").sort_values("row_key").reset_index(drop=True)


def native_custom_events(**declared: str) -> str:
    names = ["time_uuid", "event_name", "user_id", "user", "value", "metadata", "statsig_metadata", "timestamp"]
    columns = ", ".join(f'"{name}" {declared.get(name, "TEXT")}' for name in names)
    return f"CREATE TABLE custom_events (id {declared.get('id', 'INTEGER PRIMARY KEY')}, {columns}, ingested_at TEXT)"


def test_a_frame_is_canonical_in_columns_types_and_index(file: Path, source: Source):
    insert(file, "exposures", [{"ingested_at": NOON}])
    insert(file, "custom_events", [{"ingested_at": NOON}])
    for role in ("exposures", "custom_events"):
        frame = read(source, role)
        assert tuple(frame.columns) == (*CANONICAL_COLUMNS, "unreadable", "unreadable_reason")
        kinds = {name: dtype.pyarrow_dtype for name, dtype in frame.dtypes.items()}
        assert kinds.pop("row_key") == pa.int64()
        assert kinds.pop("gate_value") == pa.bool_()
        assert set(kinds.values()) == {pa.large_string()}
        assert isinstance(frame.index, pd.RangeIndex)
        assert frame.drop(columns="row_key").isna().all(axis=None)


def test_what_sqlalchemy_wrote_is_read_back(file: Path, source: Source):
    moment = datetime(2026, 11, 1, 12, 0, 0, 123456)
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(
            EXPOSURES.insert().values(
                id=7, time_uuid="u-7", exposure_type="gate", name="Grüße", rule_id="r", gate_value=True,
                group_name="g", reason="Network", unit_type="userID", user_id="å", user={"userID": "å"},
                metadata={"a": [1, None]}, statsig_metadata={}, timestamp=moment, ingested_at=moment,
            )
        )  # fmt: skip
    engine.dispose()
    (row,) = read(source).to_dict("records")
    texts = {name: row.pop(name) for name in ("user", "metadata", "statsig_metadata")}
    assert {name: json.loads(text) for name, text in texts.items()} == {
        "user": {"userID": "å"},
        "metadata": {"a": [1, None]},
        "statsig_metadata": {},
    }
    assert {name: value for name, value in row.items() if not pd.isna(value)} == {
        "row_key": 7, "time_uuid": "u-7", "exposure_type": "gate", "name": "Grüße", "rule_id": "r", "gate_value": True,
        "group_name": "g", "reason": "Network", "unit_type": "userID", "user_id": "å",
        "timestamp": "2026-11-01 12:00:00.123456",
    }  # fmt: skip


def test_json_is_passed_through_to_the_byte(file: Path, source: Source):
    text = '{"b" : 3.0,\n "a":1e2, "a":"\\u00e9\\ud800", "big":123456789012345678901234567890}'
    insert(file, "exposures", [{"user": text, "ingested_at": NOON}])
    assert read(source)["user"].tolist() == [text]


def test_a_window_comes_in_chunks_and_every_row_once(file: Path, source: Source):
    run_sql(file, "INSERT INTO exposures (ingested_at) VALUES (?)", [(NOON,)] * 25)
    frames = list(source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=10))
    assert [len(frame) for frame in frames] == [10, 10, 5]
    assert sorted(key for frame in frames for key in frame["row_key"]) == list(range(1, 26))
    assert all(isinstance(frame.index, pd.RangeIndex) and frame.index[0] == 0 for frame in frames)


def test_an_empty_window_yields_nothing(source: Source):
    assert list(source.read_window(source.tables[0], DAY, NEXT_DAY)) == []


def test_memory_does_not_grow_with_the_window(file: Path, source: Source):
    def peak(rows: int) -> int:
        run_sql(file, "DELETE FROM exposures")
        run_sql(file, 'INSERT INTO exposures (ingested_at, "user") VALUES (?, ?)', [(NOON, "x" * 1000)] * rows)
        tracemalloc.start()
        try:
            assert sum(len(f) for f in source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=200)) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(400)  # caches fill
    assert peak(8_000) < 1.5 * peak(400)


def test_a_read_that_is_left_halfway_holds_no_connection(file: Path, source: Source):
    run_sql(file, "INSERT INTO exposures (ingested_at) VALUES (?)", [(NOON,)] * 10)
    chunks = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=3)
    next(chunks)
    chunks.close()
    run_sql(file, "PRAGMA locking_mode = EXCLUSIVE; DELETE FROM exposures")


def test_a_category_reads_all_rows_that_may_be_of_it_and_no_row_is_left_over(file: Path, source: Source):
    types = ["gate", "config", "experiment", "layer", None, "", "GATE", "holdout", b"\xff"]
    insert(file, "exposures", [{"exposure_type": value, "ingested_at": NOON} for value in types])
    table = source.tables[0]
    by_category = {category: read(source, categories=[category])["row_key"].tolist() for category in table.categories}
    assert by_category == {
        Category.GATE_EXPOSURE: [1, 5, 6, 7, 8, 9],
        Category.CONFIG_EXPOSURE: [2],
        Category.EXPERIMENT_EXPOSURE: [2, 3],  # a config with a group is one: reshape tells
        Category.LAYER_EXPOSURE: [4],
    }
    pair = [Category.LAYER_EXPOSURE, Category.GATE_EXPOSURE]
    assert read(source, categories=pair)["row_key"].tolist() == [1, 4, 5, 6, 7, 8, 9]
    assert read(source, categories=[pair[0], Category.CONFIG_EXPOSURE])["row_key"].tolist() == [2, 4]
    assert len(read(source, categories=table.categories)) == len(read(source)) == len(types)


def test_a_column_that_is_compared_without_regard_to_case_holds_no_row_back(file: Path):
    run_sql(file, "DROP TABLE custom_events; " + native_custom_events(event_name="TEXT COLLATE NOCASE"))
    names = ["statsig::config_change", "Statsig::Config_Change", "purchase"]
    insert(file, "custom_events", [{"event_name": name, "ingested_at": NOON} for name in names])
    with source_at(f"sqlite:///{file}") as source:
        change, custom = ([category] for category in (Category.CONFIG_CHANGE, Category.CUSTOM_EVENT))
        assert read(source, "custom_events", categories=change)["row_key"].tolist() == [1]
        assert read(source, "custom_events", categories=custom)["row_key"].tolist() == [2, 3]


def test_configuration_changes_are_told_apart_from_custom_events(file: Path, source: Source):
    names = ["statsig::config_change", "purchase", None, "statsig::gate_exposure"]
    insert(file, "custom_events", [{"event_name": name, "ingested_at": NOON} for name in names])
    change, custom = ([category] for category in (Category.CONFIG_CHANGE, Category.CUSTOM_EVENT))
    assert read(source, "custom_events", categories=change)["row_key"].tolist() == [1]
    assert read(source, "custom_events", categories=custom)["row_key"].tolist() == [2, 3, 4]


def test_a_table_without_any_of_the_wanted_categories_is_not_read(source: Source):
    exposures = source.tables[0]
    assert list(source.read_window(exposures, DAY, NEXT_DAY, [Category.CUSTOM_EVENT])) == []
    assert source.read_window(exposures, DAY, NEXT_DAY, [Category.CUSTOM_EVENT]).statement == ""


@pytest.mark.parametrize("column", ["name", "user", "user_id", "time_uuid", "timestamp"])
def test_text_that_is_not_utf_8_costs_its_own_row_only(file: Path, source: Source, column: str):
    rows = [{column: "before"}, {column: b"caf\xe9"}, {column: "naïve"}, {column: None}]
    insert(file, "exposures", [{**row, "ingested_at": NOON} for row in rows])
    # A BLOB would not do: in the wild it is text, written by a program that did not know better.
    run_sql(file, f'UPDATE exposures SET "{column}" = CAST("{column}" AS TEXT)')  # noqa: S608
    frame = read(source)
    assert frame[column].tolist() == ["before", pd.NA, "naïve", pd.NA]
    assert frame["unreadable"].tolist() == [pd.NA, column, pd.NA, pd.NA]
    assert frame["unreadable_reason"].tolist() == [pd.NA, "not_unicode", pd.NA, pd.NA]


def test_of_two_unreadable_columns_one_is_named_and_both_are_null(file: Path, source: Source):
    insert(file, "exposures", [{"name": b"\xff", "reason": b"\xfe", "ingested_at": NOON}])
    (row,) = read(source).to_dict("records")
    assert row["unreadable"] in {"name", "reason"}
    assert pd.isna(row["name"])
    assert pd.isna(row["reason"])


def test_a_zero_character_is_text_like_any_other(file: Path, source: Source):
    insert(file, "exposures", [{"name": "a\0b", "ingested_at": NOON}])
    assert read(source)["name"].tolist() == ["a\0b"]


def test_a_utf_16_database_is_read_all_the_same(tmp_path: Path):
    file = tmp_path / "utf16.db"
    run_sql(file, "PRAGMA encoding = 'UTF-16'; " + native_custom_events())
    insert(file, "custom_events", [{"event_name": "Käse €", "user": '{"a":"ü"}', "ingested_at": NOON}])
    with source_at(f"sqlite:///{file}") as source:
        frame = read(source, "custom_events")
    assert frame[["event_name", "user"]].to_numpy().tolist() == [["Käse €", '{"a":"ü"}']]


def test_text_in_a_text_column_stands_as_it_is(file: Path):
    values = ["7", "7.0", "1e21", "NaN", "", " 7 ", "seven", None]
    frame = custom_events(file, "TEXT", *values)
    assert [None if pd.isna(value) else value for value in frame["value"]] == values
    assert frame["unreadable"].isna().all()


@pytest.mark.parametrize("declaration", ["REAL", "NUMERIC", "", "DOUBLE PRECISION"])
@pytest.mark.parametrize("mixed_with_text", [False, True])
def test_a_number_is_its_shortest_positional_text(file: Path, declaration: str, mixed_with_text: bool):  # noqa: FBT001
    numbers = [7, 7.0, 19.99, 1e21, -1e-7, 0.1 + 0.2, 2.5e-5, -0.0, 1e15, 5e-324, 100.0, None]
    frame = custom_events(file, declaration, *numbers, *(["n/a"] if mixed_with_text else []))
    texts = ["7", "7", "19.99", "1000000000000000000000", "-0.0000001", "0.30000000000000004", "0.000025", "0"]
    texts += ["1000000000000000", "0." + "0" * 323 + "5", "100", pd.NA]
    assert frame["value"].tolist() == texts + (["n/a"] if mixed_with_text else [])


@pytest.mark.parametrize("declaration", ["INTEGER", "NUMERIC"])
def test_an_integer_keeps_every_digit(file: Path, declaration: str):
    frame = custom_events(file, declaration, 2**63 - 1, -5, 2**53 + 1, 1.5)
    assert frame["value"].tolist() == ["9223372036854775807", "-5", "9007199254740993", "1.5"]


def test_an_infinite_number_fails_its_row(file: Path):
    frame = custom_events(file, "REAL", 1.5, float("inf"), float("-inf"))
    assert frame["value"].tolist() == ["1.5", pd.NA, pd.NA]
    assert frame["unreadable"].tolist() == [pd.NA, "value", "value"]
    assert frame["unreadable_reason"].tolist() == [pd.NA, "not_json_number", "not_json_number"]


@pytest.mark.parametrize("declaration", ["TIMESTAMP", "TEXT", "BIGINT", "REAL", ""])
def test_times_come_as_the_text_of_what_is_stored(file: Path, declaration: str):
    stored = ["2026-11-01T12:00:00.5Z", 1793534400, 1793534400123456789]
    frame = custom_events(file, declaration, *stored, column="timestamp")
    expected = [str(value) for value in stored]
    if declaration == "REAL":
        expected[2] = "1793534400123456800"  # what a double keeps of it
    assert frame["timestamp"].tolist() == expected


def test_a_fractional_epoch_keeps_its_fraction_and_an_infinite_one_is_null(file: Path):
    frame = custom_events(file, "REAL", 1793534400.123, 1793534400123456.0, float("inf"), column="timestamp")
    assert frame["timestamp"].tolist() == ["1793534400.123", "1793534400123456", pd.NA]
    assert frame["unreadable"].isna().all()


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([1, 0, None], [True, False, None]),
        (["true", "false", None], [True, False, None]),
        ([1, "f", "TRUE"], [True, False, True]),
        ([None, None], [None, None]),
    ],
)
def test_a_gate_value_may_be_kept_in_several_ways(
    file: Path, source: Source, stored: list[Any], expected: list[bool | None]
):
    insert(file, "exposures", [{"gate_value": value, "ingested_at": NOON} for value in stored])
    frame = read(source)
    assert [None if pd.isna(value) else value for value in frame["gate_value"]] == expected
    assert frame["unreadable"].isna().all()


@pytest.mark.parametrize("odd", [2, 0.5, -1, "maybe", "", b"\xff"])
def test_a_gate_value_that_is_neither_true_nor_false_fails_its_row(file: Path, source: Source, odd: object):
    insert(file, "exposures", [{"gate_value": value, "ingested_at": NOON} for value in (1, odd, 0)])
    frame = read(source)
    assert frame["gate_value"].tolist() == [True, pd.NA, False]
    assert frame["unreadable"].tolist() == [pd.NA, "gate_value", pd.NA]
    assert frame["unreadable_reason"].tolist() == [pd.NA, "wrong_type", pd.NA]


def test_keys_may_be_text(file: Path):
    run_sql(file, "DROP TABLE custom_events; " + native_custom_events(id="TEXT PRIMARY KEY"))
    insert(file, "custom_events", [{"id": key, "ingested_at": NOON} for key in ("b", "a", "7")])
    with source_at(f"sqlite:///{file}") as source:
        frame = read(source, "custom_events")
    assert frame["row_key"].dtype == pd.ArrowDtype(pa.large_string())
    assert sorted(frame["row_key"]) == ["7", "a", "b"]


@pytest.mark.fault("F216")
@pytest.mark.parametrize(
    ("declaration", "key", "reason"),
    [
        ("TEXT", None, "missing_key"),
        ("TEXT", b"\xff", "not_unicode"),
        ("BIGINT", None, "missing_key"),
        ("INT", "x", "wrong_type"),
        ("INT", 2.0**63, "wrong_type"),
    ],
)
def test_a_row_without_a_readable_key_is_marked_and_stops_no_other(
    file: Path, declaration: str, key: object, reason: str
):
    run_sql(file, "DROP TABLE custom_events; " + native_custom_events(id=declaration))
    insert(file, "custom_events", [{"id": each, "ingested_at": NOON} for each in (7, key)])
    with source_at(f"sqlite:///{file}") as source:
        frame = read(source, "custom_events").set_index("unreadable_reason")
    assert [str(key) for key in frame["row_key"].dropna()] == ["7"]
    assert frame.loc[reason, "unreadable"] == "row_key"


def test_the_sdk_log_is_read_as_two_texts_and_when_each_row_was_received(tmp_path: Path):
    file = tmp_path / "log.db"
    engine = create_engine(f"sqlite:///{file}")
    create_tables(engine, "sdk_log")
    engine.dispose()
    insert(file, "sdk_events", [{"event": '{"eventName":"a"}', "received_at": NOON}, {"received_at": "2026-11-02"}])
    with source_at(f"sqlite:///{file}", layout="sdk_log") as source:
        frame = read(source, "sdk_events", categories=[Category.LAYER_EXPOSURE])
    names = ("row_key", "event", "statsig_metadata", "received_at", "unreadable", "unreadable_reason")
    assert tuple(frame.columns) == names
    assert frame["received_at"].tolist() == [NOON]
    assert frame["event"].tolist() == ['{"eventName":"a"}']
    assert frame["statsig_metadata"].dtype == pd.ArrowDtype(pa.large_string())


def test_export_toml_may_place_table_and_columns_elsewhere(tmp_path: Path):
    file = tmp_path / "own.db"
    run_sql(file, native_custom_events().replace("custom_events", '"Our Events"').replace('"user"', '"user object"'))
    insert(file, '"Our Events"', [{"user object": "{}", "timestamp": NOON, "ingested_at": None}])
    place = {"table": "Our Events", "window_column": "timestamp", "columns": {"user": "user object"}}
    with source_at(f"sqlite:///{file}", custom_events=place) as source:
        assert read(source, "custom_events")["user"].tolist() == ["{}"]


def test_the_statement_of_the_lineage_can_be_run_by_hand(file: Path, source: Source):
    insert(file, "exposures", [{"exposure_type": kind, "ingested_at": NOON} for kind in ("gate", "layer")])
    statement = source.read_window(source.tables[0], DAY, NEXT_DAY, [Category.LAYER_EXPOSURE]).statement
    with closing(sqlite3.connect(file)) as connection:
        assert [row[0] for row in connection.execute(statement)] == [2]
    assert str(file) not in statement


@pytest.mark.parametrize("bound", [DAY.replace(tzinfo=None), DAY.replace(microsecond=1)])
def test_a_bound_without_a_zone_or_within_a_second_is_refused(source: Source, bound: datetime):
    with pytest.raises(ValueError, match="zone and are whole seconds"):
        next(source.read_window(source.tables[0], bound, NEXT_DAY))


def test_reading_changes_nothing_in_the_source(file: Path, source: Source):
    insert(file, "exposures", [{"ingested_at": NOON}])
    before = file.read_bytes()
    read(source)
    source.count_outside(source.tables[0], DAY, NEXT_DAY)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_second_source_reads_while_the_first_is_still_reading(file: Path, source: Source):
    run_sql(file, "INSERT INTO exposures (ingested_at) VALUES (?)", [(NOON,)] * 10)
    chunks = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=3)
    next(chunks)
    assert len(keys(source)) == 10
    assert sum(len(frame) for frame in chunks) == 7


def test_custom_events_table_has_its_own_window(file: Path, source: Source):
    insert(file, CUSTOM_EVENTS.name, [{"ingested_at": "2026-11-02 00:00:00"}, {"ingested_at": NOON}])
    assert keys(source, "custom_events") == [2]
