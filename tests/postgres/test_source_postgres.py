# ruff: noqa: S608 - the rows of these tests are written as SQL literals
import gc
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from source_databases import source_at, unplaced
from sqlalchemy import Engine, create_engine, make_url

from statsig_export.errors import SourceError
from statsig_export.layouts.model import CANONICAL_COLUMNS
from statsig_export.layouts.native_tables import create_tables
from statsig_export.source.source import Source
from statsig_export.vocabulary import Category

DAY = datetime(2026, 11, 1, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)
NOON = "2026-11-01 12:00"


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """An engine of the database's owner, with the native tables made."""
    engine = create_engine(postgres_url)
    create_tables(engine, "native")
    yield engine
    engine.dispose()


@pytest.fixture(params=["psycopg", "adbc"])
def source(request: pytest.FixtureRequest, engine: Engine, postgres_url: str) -> Iterator[Source]:
    """By rows, which is the reference, and by Arrow: everything holds for both."""
    del engine  # only for its tables
    with source_at(postgres_url, reader="plain" if request.param == "psycopg" else "fastest") as source:
        assert source.reader == request.param
        yield source


@pytest.fixture
def plain(engine: Engine, postgres_url: str) -> Iterator[Source]:
    """By rows alone."""
    del engine  # only for its tables
    with source_at(postgres_url, reader="plain") as source:
        yield source


def run_sql(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def retyped(engine: Engine, table: str, **declared: str) -> None:
    """Give columns of an empty table other types."""
    for column, declaration in declared.items():
        run_sql(
            engine, f'ALTER TABLE {table} DROP COLUMN "{column}"', f'ALTER TABLE {table} ADD "{column}" {declaration}'
        )


def insert(engine: Engine, table: str, columns: str, *rows: str, window: str = f"'{NOON}'") -> None:
    """Insert rows of SQL literals, numbered from 1 in their order."""
    for key, row in enumerate(rows, 1):
        run_sql(engine, f"INSERT INTO {table} (id, ingested_at, {columns}) VALUES ({key}, {window}, {row})")


def read(
    source: Source, role: str = "exposures", start: datetime = DAY, end: datetime = NEXT_DAY,
    categories: Sequence[Category] | None = None,
) -> pd.DataFrame:  # fmt: skip
    table = next(table for table in source.tables if table.role == role)
    frames = list(source.read_window(table, start, end, categories))
    whole = pd.concat(frames) if frames else pd.DataFrame({"row_key": []})
    return whole.sort_values("row_key").reset_index(drop=True)


def refusal(source: Source, index: int = 0) -> str:
    with pytest.raises(SourceError) as raised:
        source.check_schema(source.tables[index])
    return str(raised.value)


def test_a_frame_is_canonical_in_columns_types_and_index(engine: Engine, source: Source):
    insert(engine, "exposures", "name", "NULL")
    insert(engine, "custom_events", "event_name", "NULL")
    for role in ("exposures", "custom_events"):
        frame = read(source, role)
        assert tuple(frame.columns) == (*CANONICAL_COLUMNS, "unreadable", "unreadable_reason")
        kinds = {name: dtype.pyarrow_dtype for name, dtype in frame.dtypes.items()}
        assert kinds.pop("row_key") == pa.int64()
        assert kinds.pop("gate_value") == pa.bool_()
        assert kinds.pop("timestamp") == pa.timestamp("us")
        assert set(kinds.values()) == {pa.large_string()}
        assert frame.drop(columns="row_key").isna().all(axis=None)


def test_every_column_is_read_back(engine: Engine, source: Source):
    insert(
        engine, "exposures",
        "time_uuid, exposure_type, name, rule_id, gate_value, group_name, reason, unit_type, user_id, "
        '"user", "timestamp"',
        "'u', 'gate', 'Grüße €', 'r', true, 'g', 'Network', 'userID', 'å', '{}', '2026-11-01 12:00:00.123456'",
    )  # fmt: skip
    (row,) = read(source).to_dict("records")
    assert {name: value for name, value in row.items() if not pd.isna(value)} == {
        "row_key": 1, "time_uuid": "u", "exposure_type": "gate", "name": "Grüße €", "rule_id": "r", "gate_value": True,
        "group_name": "g", "reason": "Network", "unit_type": "userID", "user_id": "å", "user": "{}",
        "timestamp": pd.Timestamp("2026-11-01 12:00:00.123456"),
    }  # fmt: skip


def test_json_is_passed_through_to_the_byte_and_jsonb_as_its_text(engine: Engine, source: Source):
    retyped(engine, "exposures", metadata="jsonb", statsig_metadata="text")
    text = '{"b" : 3.0,\n "a":1e2, "a":"\\u00e9\\ud83d", "nul":"\\u0000"}'
    insert(engine, "exposures", '"user", metadata, statsig_metadata', f"""'{text}', '{{"b":1,"a":2}}', 'not JSON'""")
    (row,) = read(source).to_dict("records")
    assert row["user"] == text
    assert row["metadata"] == '{"a": 2, "b": 1}'
    assert row["statsig_metadata"] == "not JSON"


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_a_window_is_half_open_in_utc_whatever_the_sessions_time_zone(
    engine: Engine, postgres_url: str, zone: str, kind: str
):
    retyped(engine, "exposures", ingested_at=kind, timestamp=kind)
    suffix = "+00" if kind == "timestamptz" else ""
    moments = ["2026-11-01 00:00:00", "2026-11-01 23:59:59.999999", "2026-10-31 23:59:59.999999", "2026-11-02 00:00:00"]
    for key, moment in enumerate(moments):
        literal = f"'{moment}{suffix}'"
        run_sql(engine, f'INSERT INTO exposures (id, ingested_at, "timestamp") VALUES ({key}, {literal}, {literal})')
    run_sql(engine, f"""ALTER DATABASE "{make_url(postgres_url).database}" SET timezone = '{zone}'""")
    with source_at(postgres_url) as source:
        frame = read(source)
        other_zone = read(source, start=DAY.astimezone(), end=NEXT_DAY.astimezone())
    assert frame["row_key"].tolist() == other_zone["row_key"].tolist() == [0, 1]
    assert frame["timestamp"].dtype == pd.ArrowDtype(pa.timestamp("us"))
    assert frame["timestamp"].tolist() == [pd.Timestamp(moment) for moment in moments[:2]]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_a_time_that_python_cannot_hold_is_null_and_costs_no_other_row(engine: Engine, source: Source, kind: str):
    retyped(engine, "exposures", timestamp=kind)
    times = ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC", NOON]
    insert(engine, "exposures", '"timestamp"', *(f"'{time}'" for time in times))
    assert read(source)["timestamp"].notna().tolist() == [False, False, False, False, True]


def test_the_sessions_time_zone_cannot_push_a_time_out_of_pythons_years(engine: Engine, postgres_url: str):
    retyped(engine, "exposures", timestamp="timestamptz")
    insert(engine, "exposures", '"timestamp"', "'0001-01-01 00:00:00+00'")
    run_sql(engine, f"""ALTER DATABASE "{make_url(postgres_url).database}" SET timezone = 'America/New_York'""")
    with source_at(postgres_url) as source:
        assert read(source)["timestamp"].astype(str).tolist() == ["0001-01-01 00:00:00"]


def test_rows_that_no_window_can_hold_are_counted(engine: Engine, source: Source):
    for window in ("NULL", "'infinity'", "'-infinity'"):
        run_sql(engine, f"INSERT INTO exposures (ingested_at) VALUES ({window})")
    run_sql(engine, f"INSERT INTO exposures (ingested_at) VALUES ('{NOON}')")
    assert unplaced(source) == 3


@pytest.mark.parametrize(
    ("kind", "values", "texts"),
    [
        ("text", ["'7.0'", "'NaN'", "' 1e3'"], ["7.0", "NaN", " 1e3"]),
        ("bigint", ["7", "9223372036854775807"], ["7", "9223372036854775807"]),
        ("numeric", ["7.00", "1e21", "0.10", "100"], ["7", "1000000000000000000000", "0.1", "100"]),
        ("numeric(10,2)", ["19.9", "-0.00", "20"], ["19.9", "0", "20"]),
        (
            "float8",
            ["7", "1e21", "0.1::float8+0.2", "-1e-7", "'-0'", "1e15"],
            ["7", "1000000000000000000000", "0.30000000000000004", "-0.0000001", "0", "1000000000000000"],
        ),
        ("real", ["19.99", "1e10"], ["19.99", "10000000000"]),
    ],
)
def test_a_value_is_text_as_it_stands_or_a_number_in_its_shortest_form(
    engine: Engine, source: Source, kind: str, values: list[str], texts: list[str]
):
    retyped(engine, "custom_events", value=kind)
    insert(engine, "custom_events", "value", *values, "NULL")
    frame = read(source, "custom_events")
    assert frame["value"].tolist() == [*texts, pd.NA]
    assert frame["unreadable"].isna().all()


@pytest.mark.fault("F12")
@pytest.mark.parametrize("kind", ["float8", "real", "numeric"])
def test_a_number_that_json_does_not_have_fails_its_row(engine: Engine, source: Source, kind: str):
    retyped(engine, "custom_events", value=kind)
    insert(engine, "custom_events", "value", "1.50", "'NaN'", "'Infinity'", "'-Infinity'")
    frame = read(source, "custom_events")
    assert frame["value"].tolist() == ["1.5", pd.NA, pd.NA, pd.NA]
    assert frame["unreadable"].tolist() == [pd.NA, "value", "value", "value"]
    assert set(frame["unreadable_reason"].dropna()) == {"not_json_number"}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("bigint", "1793534400123", "1793534400123"),
        ("text", "'2026-11-01T12:00:00Z'", "2026-11-01T12:00:00Z"),
        ("float8", "1793534400123456", "1793534400123456"),
        ("numeric", "1793534400.500", "1793534400.5"),
        ("float8", "'NaN'", pd.NA),
    ],
)
def test_a_time_of_another_type_comes_as_text(engine: Engine, source: Source, kind: str, value: str, text: str):
    retyped(engine, "exposures", timestamp=kind)
    insert(engine, "exposures", '"timestamp"', value)
    frame = read(source)
    assert frame["timestamp"].dtype == pd.ArrowDtype(pa.large_string())
    assert frame["timestamp"].tolist() == [text]
    assert frame["unreadable"].isna().all()


def test_uuids_enumerations_domains_and_padded_text_are_text(engine: Engine, source: Source):
    run_sql(engine, "CREATE TYPE kind AS ENUM ('gate', 'config', 'experiment', 'layer', 'other')")
    run_sql(engine, "CREATE DOMAIN label AS varchar(20)")
    retyped(
        engine, "exposures", time_uuid="uuid", exposure_type="kind", name="label", reason="char(9)", user_id="bigint"
    )
    uuid = "0e984725-c51c-4bf4-9960-e1c80e27aba0"
    insert(engine, "exposures", "time_uuid, exposure_type, name, reason, user_id", f"'{uuid}', 'layer', 'n', 'abc', 42")
    frame = read(source, categories=[Category.LAYER_EXPOSURE])
    columns = ["time_uuid", "exposure_type", "name", "reason", "user_id"]
    assert frame[columns].to_numpy().tolist() == [[uuid, "layer", "n", "abc", "42"]]
    assert len(read(source, categories=[Category.GATE_EXPOSURE])) == 0


@pytest.mark.parametrize(("kind", "literal"), [("uuid", "gen_random_uuid()"), ("text", "'b'"), ("numeric(20)", "12")])
def test_keys_that_are_no_integers_are_text(engine: Engine, source: Source, kind: str, literal: str):
    retyped(engine, "exposures", id=kind)
    run_sql(engine, f"INSERT INTO exposures (id, ingested_at) VALUES ({literal}, '{NOON}')")
    assert read(source)["row_key"].dtype == pd.ArrowDtype(pa.large_string())


def test_a_category_reads_all_rows_that_may_be_of_it_and_no_row_is_left_over(engine: Engine, source: Source):
    kinds = ["'gate'", "'config'", "'experiment'", "'layer'", "NULL", "''", "'GATE'", "'holdout'"]
    insert(engine, "exposures", "exposure_type", *kinds)
    insert(engine, "custom_events", "event_name", "'statsig::config_change'", "'purchase'", "NULL")
    found = {
        category: read(source, table.role, categories=[category])["row_key"].tolist()
        for table in source.tables
        for category in table.categories
    }
    assert found == {
        Category.GATE_EXPOSURE: [1, 5, 6, 7, 8],
        Category.CONFIG_EXPOSURE: [2],
        Category.EXPERIMENT_EXPOSURE: [2, 3],  # a config with a group is one: reshape tells
        Category.LAYER_EXPOSURE: [4],
        Category.CONFIG_CHANGE: [1],
        Category.CUSTOM_EVENT: [2, 3],
    }


def test_the_table_may_lie_in_another_schema_under_odd_names(engine: Engine, postgres_url: str):
    run_sql(
        engine,
        'CREATE SCHEMA "Event Store"',
        'ALTER TABLE exposures SET SCHEMA "Event Store"',
        'ALTER TABLE "Event Store".exposures RENAME TO "100%% Exposures"',
        'ALTER TABLE "Event Store"."100%% Exposures" RENAME name TO "Gate %%s"',
        f"""INSERT INTO "Event Store"."100%% Exposures" ("Gate %%s", ingested_at) VALUES ('g', '{NOON}')""",
    )
    place = {"schema": "Event Store", "table": "100% Exposures", "columns": {"name": "Gate %s"}}
    with source_at(postgres_url, exposures=place) as source:
        assert read(source, categories=[Category.GATE_EXPOSURE])["name"].tolist() == ["g"]


def test_a_view_is_read_like_a_table(engine: Engine, postgres_url: str):
    insert(engine, "exposures", "name", "'g'")
    run_sql(engine, "CREATE VIEW shown AS SELECT * FROM exposures", "CREATE MATERIALIZED VIEW kept AS TABLE exposures")
    for name in ("shown", "kept"):
        with source_at(postgres_url, exposures={"table": name}) as source:
            assert read(source)["name"].tolist() == ["g"]


@pytest.mark.fault("F20")
def test_missing_tables_and_columns_and_wrong_types_are_named(engine: Engine, postgres_url: str):
    run_sql(engine, 'ALTER TABLE exposures RENAME "user" TO "User"')
    retyped(engine, "exposures", gate_value="json", timestamp="boolean", metadata="integer", ingested_at="boolean")
    with source_at(postgres_url) as source:
        message = refusal(source)
    assert (
        'column "ingested_at" has the wrong type (expected a timestamp or date, or an epoch time as a number' in message
    )
    assert 'column "user" is missing (expected JSON' in message
    assert 'column "gate_value" has the wrong type (expected a boolean, a bit, or a number or text that' in message
    assert 'column "timestamp" has the wrong type (expected a timestamp or date, or an epoch' in message
    assert 'column "metadata" has the wrong type (expected JSON, or text that holds JSON, found INTEGER)' in message
    with source_at(postgres_url, custom_events={"table": "custom_event"}) as source:
        assert "no table custom_event (did you mean custom_events?)" in refusal(source, 1)


def test_extra_columns_of_types_nobody_knows_are_ignored(engine: Engine, source: Source):
    run_sql(engine, "CREATE TYPE pair AS (a int, b int)", "ALTER TABLE exposures ADD odd pair, ADD span tstzrange")
    insert(engine, "exposures", "odd", "ROW(1, 2)")
    assert len(read(source)) == 1


def test_a_column_of_a_type_nobody_knows_is_refused(engine: Engine, source: Source):
    run_sql(engine, "CREATE TYPE pair AS (a int, b int)")
    retyped(engine, "exposures", name="pair")
    assert 'column "name" has the wrong type (expected text, found' in refusal(source)


OURS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
"""Every session of the test's database but the one that asks."""


def sessions(engine: Engine) -> list[tuple[str, str]]:
    """State and last statement of the sessions that read as we do."""
    with engine.connect() as connection:
        return [(row[0], row[1]) for row in connection.exec_driver_sql(f"SELECT state, query {OURS}")]


def fill(engine: Engine, rows: int) -> None:
    run_sql(
        engine,
        f"INSERT INTO exposures (id, ingested_at) SELECT n, '{NOON}' FROM generate_series(1, {rows}) n",
    )


def test_rows_are_fetched_from_a_cursor_in_the_server_a_chunk_at_a_time(engine: Engine, plain: Source):
    fill(engine, 2_500)
    chunks = plain.read_window(plain.tables[0], DAY, NEXT_DAY, chunk_rows=1_000)
    assert len(next(chunks)) == 1_000
    ((state, query),) = sessions(engine)
    assert state == "idle in transaction"
    assert re.match(r'FETCH FORWARD \d+ FROM "statsig_export"', query)
    assert [len(frame) for frame in chunks] == [1_000, 500]


def test_a_read_sees_one_snapshot(engine: Engine, source: Source):
    fill(engine, 30)
    chunks = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=10)
    next(chunks)
    run_sql(engine, "UPDATE exposures SET id = id + 1000", f"INSERT INTO exposures (ingested_at) VALUES ('{NOON}')")
    assert sum(len(frame) for frame in chunks) == 20


def test_a_read_that_is_left_halfway_leaves_no_transaction_behind(engine: Engine, source: Source):
    fill(engine, 30)
    chunks = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=10)
    next(chunks)
    chunks.close()
    assert states_in_the_end(engine, ["idle"]) == ["idle"]
    source.close()
    assert states_in_the_end(engine, []) == []


def states_in_the_end(engine: Engine, expected: list[str]) -> list[str]:
    """The states of the sessions, once they are as expected: a server ends a session a moment after its client."""
    patience = time.monotonic() + 10
    while (states := [state for state, _ in sessions(engine)]) != expected and time.monotonic() < patience:
        time.sleep(0.02)
    return states


def test_a_read_cannot_write(engine: Engine, source: Source):
    run_sql(
        engine,
        "CREATE FUNCTION spoil() RETURNS text LANGUAGE sql VOLATILE AS 'DELETE FROM custom_events; SELECT ''x'''",
        "ALTER TABLE exposures RENAME TO kept",
        "CREATE VIEW exposures AS SELECT id, time_uuid, exposure_type, spoil() AS name, rule_id,"
        ' gate_value, group_name, reason, unit_type, user_id, "user", metadata, statsig_metadata, "timestamp",'
        " ingested_at FROM kept",
    )
    insert(engine, "kept", "name", "'g'")
    with pytest.raises(SourceError, match="reading table exposures failed: "):
        read(source)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kept").scalar() == 1


@pytest.mark.fault("F01")
def test_a_connection_that_drops_halfway_is_a_source_error_and_the_next_read_works(
    engine: Engine, plain: Source, caplog: pytest.LogCaptureFixture
):
    fill(engine, 30)
    chunks = plain.read_window(plain.tables[0], DAY, NEXT_DAY, chunk_rows=10)
    next(chunks)
    run_sql(engine, f"SELECT pg_terminate_backend(pid) {OURS}")
    with pytest.raises(SourceError) as raised:
        list(chunks)
    assert raised.value.message.startswith("reading table exposures failed: 57P01 AdminShutdown, at /")
    assert caplog.records == []
    assert len(read(plain)) == 30


def test_a_connection_that_drops_between_reads_is_replaced(engine: Engine, source: Source):
    fill(engine, 3)
    read(source)
    run_sql(engine, f"SELECT pg_terminate_backend(pid) {OURS}")
    assert len(read(source)) == 3


def test_missing_rights_are_told_with_what_to_grant(engine: Engine, postgres_url: str):
    role = f"reader_{make_url(postgres_url).database}"
    run_sql(engine, f"CREATE ROLE {role} LOGIN")
    try:
        url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
        with source_at(url) as source, pytest.raises(SourceError) as raised:
            read(source)
        assert "42501 InsufficientPrivilege" in str(raised.value)
        assert "grant this user SELECT" in str(raised.value)
        assert "FROM" not in str(raised.value)
    finally:
        run_sql(engine, f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://ada:hunter2@127.0.0.1:1/events", "postgresql://ada:hunter2@[::1]:1/events"]
)
def test_a_server_that_is_not_there_is_told_by_its_errno_and_place_without_user_and_password(url: str):
    with source_at(url) as source, pytest.raises(SourceError) as raised:
        source.check_schema(source.tables[0])
    message = str(raised.value)
    assert "the source database (postgresql) cannot be reached: ECONNREFUSED connection refused, at " in message
    assert ("127.0.0.1:1" if "127" in url else "[::1]:1") in message
    assert "source.url" in message
    for part in ("hunter2", "ada", "events"):
        assert part not in message
    assert raised.value.__suppress_context__


def test_a_database_that_is_not_there_is_told_by_its_sqlstate(postgres_url: str):
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    with source_at(url) as source, pytest.raises(SourceError, match="cannot be reached: 3D000 InvalidCatalogName"):
        source.check_schema(source.tables[0])


def test_text_that_is_not_utf_8_in_a_database_without_an_encoding_costs_its_own_row_only(
    postgres_url: str,
    postgres: Any,  # noqa: ANN401 - a class of a library imported late
):
    name = f"ascii_{make_url(postgres_url).database}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        try:
            url = make_url(postgres_url).set(database=name)
            engine = create_engine(url, connect_args={"client_encoding": "utf8"})
            create_tables(engine, "native")
            run_sql(
                engine,
                rf"INSERT INTO exposures (id, name, ingested_at) VALUES (1, E'caf\xe9', '{NOON}'), (2, 'ok', '{NOON}')",
            )
            engine.dispose()
            with source_at(url.render_as_string(hide_password=False)) as source:
                frame = read(source)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert frame["name"].tolist() == [pd.NA, "ok"]
    assert frame["unreadable"].tolist() == ["name", pd.NA]
    assert frame["unreadable_reason"].tolist() == ["not_unicode", pd.NA]


def test_the_statement_of_the_lineage_can_be_run_by_hand_and_uses_the_index(engine: Engine, source: Source):
    fill(engine, 20_000)
    run_sql(engine, "UPDATE exposures SET ingested_at = ingested_at + id * interval '1 hour'", "ANALYZE exposures")
    statement = source.read_window(source.tables[0], DAY, NEXT_DAY, [Category.GATE_EXPOSURE]).statement
    with closing(psycopg.connect(make_url(engine.url).render_as_string(False).replace("+psycopg", ""))) as connection:  # noqa: FBT003
        assert len(connection.execute(statement).fetchall()) == len(read(source)) == 11
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {statement}"))
    assert "exposures_by_ingestion" in plan


def test_the_sdk_log_is_read_as_two_texts(engine: Engine, postgres_url: str):
    create_tables(engine, "sdk_log")
    run_sql(engine, f"""INSERT INTO sdk_events (received_at, event) VALUES ('{NOON}', '{{"eventName" : "a"}}')""")
    with source_at(postgres_url, layout="sdk_log") as source:
        frame = read(source, "sdk_events")
    assert tuple(frame.columns) == (
        *("row_key", "event", "statsig_metadata", "received_at", "unreadable", "unreadable_reason"),
    )
    assert frame["event"].tolist() == ['{"eventName" : "a"}']


@pytest.mark.fault("F22")
def test_memory_does_not_grow_with_the_window(engine: Engine, source: Source):
    def held(rows: int) -> int:
        run_sql(
            engine,
            "TRUNCATE exposures",
            'INSERT INTO exposures (id, ingested_at, "user") '
            f"SELECT n, '{NOON}', json_build_object('x', repeat('x', 1000)) FROM generate_series(1, {rows}) n",
        )
        gc.collect()
        most = read_rows = 0
        for frame in source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=500):
            read_rows += len(frame)
            most = max(most, pa.total_allocated_bytes())
        assert read_rows == rows
        return most

    held(1_000)
    assert held(10_000) < 1.5 * held(1_000)
