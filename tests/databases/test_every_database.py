# ruff: noqa: S608 - the rows of these tests are written as SQL literals
"""What holds on every database that is run for real, and that the same rows come out of each of them alike."""

import json
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pytest
from canonical_frames import outcomes
from real_databases import DAY, NEXT_DAY, RealDatabase, read, source_at

from statsig_export.errors import SourceError
from statsig_export.layouts.model import CANONICAL_COLUMNS
from statsig_export.vocabulary import Category

NOON = "2026-11-01 12:00:00.123456"
EXPOSURES = {
    "id": "key",
    "time_uuid": "text",
    "exposure_type": "text",
    "name": "text",
    "rule_id": "text",
    "gate_value": "boolean",
    "group_name": "text",
    "reason": "text",
    "unit_type": "text",
    "user_id": "text",
    "user": "json",
    "metadata": "json",
    "statsig_metadata": "json",
    "timestamp": "moment",
    "ingested_at": "moment",
}
CUSTOM_EVENTS = {
    "id": "key",
    "time_uuid": "text",
    "event_name": "text",
    "user_id": "text",
    "user": "json",
    "value": "double",
    "metadata": "json",
    "statsig_metadata": "json",
    "timestamp": "moment",
    "ingested_at": "moment",
}
TYPES = ["gate", "config", "experiment", "layer", None, "", "GATE", "Config", "holdout", "layer "]
NUMBERS = [7.0, 19.99, 1e21, -1e-7, 0.1 + 0.2, 2.5e-5, -0.0, 1e15, 100.0, 123456789012345680.0, None]


def exposure(key: int, **columns: object) -> dict[str, object]:
    row = dict.fromkeys(EXPOSURES) | {"id": key, "ingested_at": NOON, "timestamp": NOON, "user": '{"userID":"å€"}'}
    return {**row, **columns}


def custom_event(key: int, **columns: object) -> dict[str, object]:
    row = dict.fromkeys(CUSTOM_EVENTS) | {"id": key, "ingested_at": NOON, "timestamp": NOON, "user": "{}"}
    return {**row, "event_name": "purchase", **columns}


@pytest.fixture
def native(database: RealDatabase) -> RealDatabase:
    return with_native_tables(database)


def with_native_tables(database: RealDatabase) -> RealDatabase:
    database.create("exposures", EXPOSURES)
    database.create("custom_events", CUSTOM_EVENTS)
    return database


def filled(database: RealDatabase) -> RealDatabase:
    """Rows with what databases and their drivers tell apart differently."""
    with_native_tables(database)
    texts = ["plain", "Grüße €", "line\nbreak\ttab", 'quo"te\\', "zero-width\u200b", "😀", "", " padded ", "100%s"]
    nested = '{"b" : [1, {"c": null}], "a": 1.50, "é": "\\u00e9"}'
    database.insert(
        "exposures",
        [
            exposure(n, name=text, reason=text, exposure_type=kind, gate_value=n % 2 == 0, rule_id=f"rule {n}")
            for n, (text, kind) in enumerate(zip(texts, TYPES, strict=False), 1)
        ],
    )
    database.insert(
        "custom_events",
        [custom_event(n, value=number, user_id=str(n)) for n, number in enumerate(NUMBERS, 1)]
        + [custom_event(100, user=nested, metadata='{"k" : "v", "n": 1.0}', statsig_metadata='{"sdkType":"py"}')],
    )
    return database


def test_the_same_rows_give_equal_frames_and_equal_events(database_of: Callable[[str], RealDatabase]):
    """Rows of two drivers and Arrow batches of a third: SQLite keeps times as text, all else is equal to the byte."""
    frames, events = {}, {}
    for kind in ("sqlite", "postgresql", "duckdb"):
        with filled(database_of(kind)).source() as source:
            for table in source.tables:
                frame = read(source, table.role)
                events[kind, table.role] = outcomes(frame, table)
                frames[kind, table.role] = pa.Table.from_pandas(frame, preserve_index=False)
    for role in ("exposures", "custom_events"):
        by_rows, by_batches = frames["postgresql", role], frames["duckdb", role]
        assert by_rows.schema == by_batches.schema
        assert by_rows.equals(by_batches)
        assert events["sqlite", role] == events["postgresql", role] == events["duckdb", role]
        assert frames["sqlite", role].drop(["timestamp"]).equals(by_rows.drop(["timestamp"]))


def test_a_frame_is_canonical_in_columns_types_and_index(native: RealDatabase):
    native.insert("exposures", [dict.fromkeys(EXPOSURES) | {"id": 1, "ingested_at": NOON}])
    with native.source() as source:
        frame = read(source, "exposures")
    assert tuple(frame.columns) == (*CANONICAL_COLUMNS, "unreadable", "unreadable_reason")
    kinds = {name: dtype.pyarrow_dtype for name, dtype in frame.dtypes.items()}
    assert kinds.pop("row_key") == pa.int64()
    assert kinds.pop("gate_value") == pa.bool_()
    assert kinds.pop("timestamp") == (pa.large_string() if native.kind == "sqlite" else pa.timestamp("us"))
    assert set(kinds.values()) == {pa.large_string()}
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame.drop(columns="row_key").isna().all(axis=None)


def test_a_number_is_its_shortest_positional_text(native: RealDatabase):
    native.insert("custom_events", [custom_event(n, value=number) for n, number in enumerate(NUMBERS)])
    with native.source() as source:
        values = read(source, "custom_events")["value"].tolist()
    assert values == [
        *("7", "19.99", "1000000000000000000000", "-0.0000001", "0.30000000000000004", "0.000025", "0"),
        *("1000000000000000", "100", "123456789012345680", pd.NA),
    ]


def test_a_negative_zero_is_a_zero_also_in_a_chunk_of_plain_numbers(native: RealDatabase):
    native.insert("custom_events", [custom_event(1, value=-0.0), custom_event(2, value=1.5)])
    with native.source() as source:
        assert read(source, "custom_events")["value"].tolist() == ["0", "1.5"]


@pytest.mark.parametrize("declared", ["BIGINT", "INTEGER", "DECIMAL(20,4)", "SMALLINT"])
def test_numbers_of_every_width_are_read(database: RealDatabase, declared: str):
    database.create("custom_events", {**CUSTOM_EVENTS, "value": declared})
    database.insert("custom_events", [custom_event(1, value=7), custom_event(2, value=-30000), custom_event(3)])
    with database.source() as source:
        assert read(source, "custom_events")["value"].tolist() == ["7", "-30000", pd.NA]


def test_a_category_reads_all_rows_that_may_be_of_it_and_no_row_is_left_over(native: RealDatabase):
    """Also where the database compares text without regard to case or to blanks at its end."""
    native.insert("exposures", [exposure(n, exposure_type=kind) for n, kind in enumerate(TYPES)])
    own = {
        Category.GATE_EXPOSURE: {0, 4, 5, 6, 7, 8, 9},
        Category.CONFIG_EXPOSURE: {1},
        Category.EXPERIMENT_EXPOSURE: {2},
        Category.LAYER_EXPOSURE: {3},
    }
    with native.source() as source:
        table = source.tables[0]
        for category, needed in own.items():
            found = set(read(source, "exposures", categories=[category])["row_key"])
            assert found >= needed
            assert source.count_rows(table, DAY, NEXT_DAY, [category]) == len(found)
        assert source.count_rows(table, DAY, NEXT_DAY) == len(TYPES)


def test_a_window_comes_in_chunks_and_every_row_once(native: RealDatabase):
    native.insert("exposures", [exposure(n) for n in range(25)])
    with native.source() as source:
        frames = list(source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=10))
        assert source.count_rows(source.tables[0], DAY, NEXT_DAY) == 25
    assert [len(frame) for frame in frames] == [10, 10, 5]
    assert sorted(key for frame in frames for key in frame["row_key"]) == list(range(25))


def test_an_empty_window_yields_nothing(native: RealDatabase):
    with native.source() as source:
        assert list(source.read_window(source.tables[0], DAY, NEXT_DAY)) == []
        assert source.count_rows(source.tables[0], DAY, NEXT_DAY) == 0


def test_a_read_that_is_left_halfway_holds_up_nobody_and_another_can_follow(native: RealDatabase):
    native.insert("exposures", [exposure(n) for n in range(30)])
    with native.source() as source:
        chunks = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=10)
        next(chunks)
        chunks.close()
        assert len(read(source, "exposures")) == 30
    native.run("DELETE FROM exposures")


def test_two_reads_may_go_on_at_once(native: RealDatabase):
    native.insert("exposures", [exposure(n) for n in range(30)])
    with native.source() as first, native.source() as second:
        chunks = first.read_window(first.tables[0], DAY, NEXT_DAY, chunk_rows=10)
        next(chunks)
        assert len(read(second, "exposures")) == len(read(first, "exposures")) == 30
        assert sum(len(frame) for frame in chunks) == 20


def test_the_statement_of_the_lineage_can_be_run_by_hand(native: RealDatabase):
    native.insert("exposures", [exposure(1, exposure_type="layer"), exposure(2, exposure_type="gate")])
    with native.source() as source:
        statement = source.read_window(source.tables[0], DAY, NEXT_DAY, [Category.LAYER_EXPOSURE]).statement
    native.run(f"CREATE TABLE kept_by_hand AS {statement}")
    native.run("DROP TABLE kept_by_hand")


def test_reserved_and_odd_names_are_written_so_that_the_database_knows_them(database: RealDatabase):
    odd = {"name": "Gate %s", "reason": "select", "group_name": "it's"}
    database.create("exposures", {odd.get(name, name): kind for name, kind in EXPOSURES.items()})
    row = {odd.get(name, name): value for name, value in exposure(1, name="g", reason="r", group_name="n").items()}
    database.run(
        f"INSERT INTO exposures (id, ingested_at, {', '.join(map(database.quoted, odd.values()))})".replace(
            "%s", "%%s" if database.mark == "%s" else "%s"
        )
        + f" VALUES ({', '.join([database.mark] * 5)})",
        [[row["id"], row["ingested_at"], "g", "r", "n"]],
    )
    with database.source(exposures={"columns": odd}) as source:
        frame = read(source, "exposures", categories=[Category.GATE_EXPOSURE])
    assert frame[["name", "reason", "group_name"]].to_numpy().tolist() == [["g", "r", "n"]]


def test_a_column_is_found_under_the_name_that_the_database_makes_of_it(database: RealDatabase):
    declared = ", ".join(
        f"{'companyId' if name == 'user_id' else database.quoted(name)} "
        + ("text" if kind != "moment" else "timestamp")
        for name, kind in EXPOSURES.items()
        if name not in {"id", "gate_value"}
    )
    database.run(f"CREATE TABLE exposures (id bigint, gate_value boolean, {declared})")
    database.run(f"INSERT INTO exposures (id, companyId, ingested_at) VALUES (1, 'acme', '{NOON}')")
    with database.source(exposures={"columns": {"user_id": "companyId"}}) as source:
        assert read(source, "exposures")["user_id"].tolist() == ["acme"]


@pytest.mark.fault("F20")
@pytest.mark.fault("F343")
def test_missing_tables_and_columns_and_wrong_types_are_named(database: RealDatabase):
    without = {name: kind for name, kind in EXPOSURES.items() if name != "rule_id"}
    database.create("exposures", {**without, "ruleid": "text", "ingested_at": "boolean", "user": "integer"})
    with database.source() as source, pytest.raises(SourceError) as raised:
        source.check_schema(source.tables[0])
    message = str(raised.value)
    assert 'table exposures: column "rule_id" is missing' in message or '; column "rule_id" is missing' in message
    assert 'the nearest is "ruleid"' in message
    assert 'column "ingested_at" has the wrong type (expected a timestamp' in message
    assert 'column "user" has the wrong type (expected JSON, or text that holds JSON, found INT' in message
    with database.source(custom_events={"table": "exposure"}) as source, pytest.raises(SourceError) as raised:
        source.check_schema(source.tables[1])
    assert "no table exposure (did you mean exposures?)" in str(raised.value)


@pytest.mark.fault("F343")
@pytest.mark.parametrize("kind", ["smallint", "boolean"])
def test_a_time_is_in_no_number_that_is_too_small_for_one(database_of: Callable[[str], RealDatabase], kind: str):
    database = database_of("postgresql")
    database.create("exposures", {**EXPOSURES, "ingested_at": kind, "timestamp": kind})
    with database.source() as source, pytest.raises(SourceError) as raised:
        source.check_schema(source.tables[0])
    assert 'column "ingested_at" has the wrong type (expected a timestamp' in str(raised.value)
    assert 'column "timestamp" has the wrong type (expected a timestamp' in str(raised.value)


def test_extra_columns_of_whatever_type_are_ignored(database: RealDatabase):
    database.create("exposures", {**EXPOSURES, "extra": "bytea" if database.kind == "postgresql" else "blob"})
    database.insert("exposures", [exposure(1)])
    with database.source() as source:
        assert len(read(source, "exposures")) == 1


def test_a_view_is_read_like_a_table(native: RealDatabase):
    native.insert("exposures", [exposure(1, name="g")])
    native.run("CREATE VIEW shown AS SELECT * FROM exposures")
    with native.source(exposures={"table": "shown"}) as source:
        assert read(source, "exposures")["name"].tolist() == ["g"]
    native.run("DROP VIEW shown")


def test_json_may_lie_in_a_text_column_and_need_not_be_valid(database: RealDatabase):
    database.create("exposures", {**EXPOSURES, "user": "text", "metadata": "text"})
    database.insert("exposures", [exposure(1, user='{"cut": "sho', metadata='{"b" : 1,"a":1e2}')])
    with database.source() as source:
        (row,) = read(source, "exposures").to_dict("records")
    assert (row["user"], row["metadata"]) == ('{"cut": "sho', '{"b" : 1,"a":1e2}')


def test_a_gate_value_may_be_an_integer(database: RealDatabase):
    database.create("exposures", {**EXPOSURES, "gate_value": "integer"})
    database.insert("exposures", [exposure(n, gate_value=value) for n, value in enumerate([1, 0, None, 2])])
    with database.source() as source:
        frame = read(source, "exposures")
    assert frame["gate_value"].tolist() == [True, False, pd.NA, pd.NA]
    assert frame["unreadable_reason"].tolist() == [pd.NA, pd.NA, pd.NA, "wrong_type"]


def test_a_server_or_a_file_that_is_not_there_is_an_error_that_says_where_without_a_password(database: RealDatabase):
    urls = {
        "postgresql": "postgresql+psycopg://ada:hunter2@127.0.0.1:1/events",
        "mysql": "mysql+pymysql://ada:hunter2@127.0.0.1:1/events",
    }
    url = urls.get(database.kind, f"{database.kind}:////nowhere/events.db")
    with pytest.raises(SourceError) as raised, source_at(url) as source:
        source.check_schema(source.tables[0])
    message = str(raised.value)
    assert ("127.0.0.1:1" if database.kind in urls else "/nowhere/events.db") in message
    for part in ("hunter2", "ada"):
        assert part not in message


def test_the_events_of_a_row_are_valid_json(native: RealDatabase):
    native.insert("custom_events", [custom_event(1, user='{"a": 1.5e3}', metadata='{"k": [1, 2]}')])
    with native.source() as source:
        (event,) = outcomes(read(source, "custom_events"), source.tables[1]).values()
    assert json.loads(event)["metadata"] == {"k": "[1,2]"}
