# ruff: noqa: S608 - the rows of these tests are written as SQL
"""ClickHouse itself, as the package chdb has it: frames, windows, whole exports of every layout, init and plan.

`uv run --no-sync --with-requirements .ci/chdb.txt pytest tests/clickhouse` runs it; `make test` leaves it out.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import pandas as pd
import pytest
from first_contact import init_json, planned, written
from home import Home
from real_databases import RealDatabase, keys, read
from source_databases import places, source_at
from statsig_tables import COLUMNS
from test_export import NOON_MS, TYPES, VALUES, exported, lay_down

from statsig_export.errors import ConfigError, SourceError
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import SourceTable
from statsig_export.lineage.frames import failed_rows
from statsig_export.vocabulary import Category

DAY = datetime(2026, 11, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
NATIVE = {
    "id": "UInt64",
    "time_uuid": "Nullable(UUID)",
    "event_name": "LowCardinality(Nullable(String))",
    "user_id": "Nullable(String)",
    "user": "String",
    "value": "Nullable(Float64)",
    "metadata": "Map(String, String)",
    "statsig_metadata": "JSON",
    "timestamp": "DateTime64(6)",
    "ingested_at": "DateTime",
}
KINDS = {
    "key": "UInt64",
    "json": "Nullable(String)",
    "boolean": "Nullable(Bool)",
    "moment": "Nullable(DateTime64(6, 'UTC'))",
}
KINDS |= {"text": "Nullable(String)", "BIGINT": "Int64"}


class ClickHouse:
    """The server, and a client of its own."""

    def __init__(self, port: int) -> None:
        self.url = f"clickhouse://127.0.0.1:{port}/events"
        self.client: Any = clickhouse_connect.get_client(
            host="127.0.0.1", port=port, autogenerate_session_id=False, compress=False
        )

    def run(self, sql: str) -> None:
        self.client.command(sql)

    def create(self, table: str, columns: dict[str, str], engine: str = "MergeTree", order: str = "tuple()") -> None:
        body = ", ".join(f"`{name}` {KINDS.get(kind, kind)}" for name, kind in columns.items())
        self.run(f"CREATE TABLE events.`{table}` ({body}) ENGINE = {engine} ORDER BY {order}")

    def insert(self, table: str, **row: object) -> None:
        """What is a text is SQL."""
        names, values = ", ".join(f"`{name}`" for name in row), ", ".join(map(str, row.values()))
        self.run(f"INSERT INTO events.`{table}` ({names}) VALUES ({values})")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    command = [sys.executable, str(Path(__file__).with_name("chdb_server.py")), str(tmp_path_factory.mktemp("chdb"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        assert port, "it needs chdb: uv run --no-sync --with-requirements .ci/chdb.txt pytest tests/clickhouse"
        yield ClickHouse(int(port))
        process.kill()


@pytest.fixture
def clickhouse(server: ClickHouse) -> ClickHouse:
    server.run("DROP DATABASE IF EXISTS events")
    server.run("CREATE DATABASE events")
    return server


def quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return "NULL" if value is None else str(value).lower() if isinstance(value, bool) else f"'{text}'"


def lay_down_there(clickhouse: ClickHouse, table: SourceTable) -> None:
    """The row of `test_export.lay_down`."""
    rules = {rule.column: rule for rule in (table.window_rule, *table.selected_rules)}
    epoch = {"time"} if table.role == "statsig_events" else set()
    kinds = {name: "BIGINT" if name in epoch else TYPES.get(rule.kind, "text") for name, rule in rules.items()}
    clickhouse.create(table.table, kinds)
    row = {name: NOON_MS if name in epoch else VALUES.get(rule.canonical) for name, rule in rules.items()}
    clickhouse.insert(table.table, **{name: quoted(value) for name, value in row.items()})


def event(clickhouse: ClickHouse, key: object, **columns: object) -> None:
    texts = {"id": key, "event_name": "'purchase'", "user": "'{}'", "timestamp": "'2026-11-01 07:00:00'"}
    own = {"metadata": "{'k':'v'}", "statsig_metadata": '\'{"sdkType":"py"}\'', "ingested_at": "'2026-11-01 07:00:00'"}
    clickhouse.insert("custom_events", **{**texts, **own, **columns})


def native(clickhouse: ClickHouse, **source: object) -> Any:  # noqa: ANN401
    return source_at(clickhouse.url, exposures={"table": ""}, **source)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_events_as_from_a_database_that_everybody_has(
    clickhouse: ClickHouse, tmp_path: Path, layout: str
):
    reference = RealDatabase("sqlite", f"sqlite:///{tmp_path}/sqlite.db")
    frames = []
    for table in LAYOUTS[layout]:
        lay_down(reference, table)
        lay_down_there(clickhouse, table)
    for url in (reference.url, clickhouse.url):
        name = url.partition(":")[0]
        home = Home(
            tmp_path,
            source_url=url,
            ledger_url=f"sqlite:///{tmp_path}/{name}-ledger.db",
            settings={"source": {"layout": layout}, "storage": {"url": f"{name}-files"}},
        )
        frames.append(exported(home.config))
        assert failed_rows(home.config).empty
    assert len(frames[0]) == len(LAYOUTS[layout])
    pd.testing.assert_frame_equal(frames[1], frames[0])


def test_types_that_only_it_has_are_read(clickhouse: ClickHouse):
    """The server is in New York: 07:00 without a zone is noon in UTC."""
    clickhouse.create("custom_events", NATIVE)
    event(
        clickhouse, 1, value="0.1 + 0.2", time_uuid="'0e984725-c51c-4bf4-9960-e1c80e27aba0'", user_id="'Grüße \\\\ \\''"
    )
    event(clickhouse, 2**64 - 1, value="1e21", event_name="NULL", statsig_metadata='\'{"a":{"b":[1,null]}}\'')
    with native(clickhouse) as source:
        frame = read(source, "custom_events", DAY, NEXT)
    first, last = frame.sort_values("value").to_dict("records")
    assert (str(first["row_key"]), str(last["row_key"])) == ("1", str(2**64 - 1))
    assert first["time_uuid"] == "0e984725-c51c-4bf4-9960-e1c80e27aba0"
    assert (first["value"], last["value"]) == ("0.30000000000000004", "1000000000000000000000")
    assert first["user_id"] == "Grüße \\ '"
    assert json.loads(first["metadata"]) == {"k": "v"}
    assert json.loads(last["statsig_metadata"]) == {"a": {"b": [1, None]}}
    assert pd.isna(last["event_name"])
    assert first["timestamp"] == datetime(2026, 11, 1, 12)


@pytest.mark.parametrize("kind", ["DateTime", "DateTime('Asia/Tokyo')", "DateTime64(9)", "Nullable(DateTime64(3))"])
def test_windows_are_half_open_and_in_utc_whatever_zone_the_column_or_the_server_has(clickhouse: ClickHouse, kind: str):
    clickhouse.create("custom_events", {**NATIVE, "ingested_at": kind})
    second = int(DAY.timestamp())
    for key, at in enumerate([second - 1, second, second + 86_399, second + 86_400]):
        event(clickhouse, key, ingested_at=f"toDateTime64({at}, 0)")
    with native(clickhouse) as source:
        assert keys(source, "custom_events", DAY, NEXT) == [1, 2]
        assert keys(source, "custom_events", DAY - timedelta(days=1), DAY) == [0]


def test_a_date_and_a_number_may_be_the_window_column(clickhouse: ClickHouse):
    for kind, at in (("Date", "'2026-11-01'"), ("Int64", f"{NOON_MS}"), ("UInt32", f"{NOON_MS // 1000}")):
        clickhouse.run("DROP TABLE IF EXISTS events.custom_events")
        clickhouse.create("custom_events", {**NATIVE, "ingested_at": kind})
        event(clickhouse, 1, ingested_at=at)
        with native(clickhouse) as source:
            assert keys(source, "custom_events", DAY, NEXT) == [1], kind
            assert keys(source, "custom_events", NEXT, NEXT + timedelta(days=1)) == []
            assert places(source) == {}


@pytest.mark.fault("F473")
def test_of_a_row_that_was_written_again_the_last_version_is_read_before_the_server_merges_them(clickhouse: ClickHouse):
    clickhouse.create("custom_events", NATIVE, "ReplacingMergeTree(ingested_at)", "id")
    clickhouse.run("SYSTEM STOP MERGES")
    event(clickhouse, 1, user_id="'old'")
    event(clickhouse, 1, user_id="'new'", ingested_at="'2026-11-01 08:00:00'")
    with native(clickhouse) as source:
        assert read(source, "custom_events", DAY, NEXT)["user_id"].tolist() == ["new"]
    with native(clickhouse, connect={"settings": {"final": 0}}) as source:
        assert len(read(source, "custom_events", DAY, NEXT)) == 2


@pytest.mark.fault("F474")
def test_text_that_is_not_utf_8_fails_its_row_alone(clickhouse: ClickHouse):
    clickhouse.create("custom_events", NATIVE)
    event(clickhouse, 1, user_id="unhex('FF')")
    event(clickhouse, 2)
    with native(clickhouse) as source:
        frame = read(source, "custom_events", DAY, NEXT)
    assert frame["unreadable"].fillna("").tolist() == ["user_id", ""]


@pytest.mark.fault("F475")
def test_no_setting_of_the_user_leaves_rows_out(clickhouse: ClickHouse):
    clickhouse.create("custom_events", NATIVE)
    for key in range(5):
        event(clickhouse, key)
    clickhouse.run("SET limit = 2")
    with native(clickhouse) as source:
        assert len(keys(source, "custom_events", DAY, NEXT)) == 5
    clickhouse.run("SET limit = 0")


def test_a_category_is_asked_for_by_its_exact_text(clickhouse: ClickHouse):
    clickhouse.create("custom_events", {**NATIVE, "event_name": "LowCardinality(String)"})
    event(clickhouse, 1, event_name="'statsig::config_change'")
    event(clickhouse, 2, event_name="'Statsig::config_change'")
    with native(clickhouse) as source:
        assert read(source, "custom_events", DAY, NEXT, [Category.CONFIG_CHANGE])["row_key"].tolist() == [1]
        assert read(source, "custom_events", DAY, NEXT, [Category.CUSTOM_EVENT])["row_key"].tolist() == [2]


@pytest.mark.fault("F476")
def test_errors_say_the_servers_number_and_no_value(clickhouse: ClickHouse):
    clickhouse.create("stored", NATIVE)
    failing = "throwIf(number = 90000, 'a secret') + number AS id"
    row = (
        "generateUUIDv4() AS time_uuid, 'p' AS event_name, 'u' AS user_id, '{}' AS user, 1 AS value,"
        " map('a', 'b') AS metadata, '{}'::JSON AS statsig_metadata,"
        " toDateTime64('2026-11-01 12:00:00', 6, 'UTC') AS timestamp,"
        " toDateTime('2026-11-01 12:00:00', 'UTC') AS ingested_at"
    )
    clickhouse.run(f"CREATE VIEW events.custom_events AS SELECT {failing}, {row} FROM numbers(100000)")
    with (
        native(clickhouse) as source,
        pytest.raises(SourceError, match=r"custom_events failed: code 395 FUNCTION_THROW") as raised,
    ):
        read(source, "custom_events", DAY, NEXT)
    assert "secret" not in f"{raised.value} {raised.value.hint}"
    with (
        native(clickhouse, custom_events={"table": "nowhere"}) as source,
        pytest.raises(SourceError, match="the source database has no table nowhere"),
    ):
        source.check_schema(source.tables[0])
    with (
        native(clickhouse, connect={"no_such_argument": 1}) as source,
        pytest.raises((ConfigError, SourceError)) as raised,
    ):
        source.check_schema(source.tables[0])
    with (
        source_at("clickhouse://ann:hunter2@127.0.0.1:1/events") as source,
        pytest.raises(SourceError, match=r"\(clickhouse\) cannot be reached: ECONNREFUSED .*127\.0\.0\.1:1") as raised,
    ):
        source.check_schema(source.tables[0])
    assert "hunter2" not in f"{raised.value}"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_init_finds_a_layout_and_plan_reads_it(clickhouse: ClickHouse, tmp_path: Path, layout: str):
    if layout == "native":
        clickhouse.create("custom_events", NATIVE)
        event(clickhouse, 1)
        expected = 1
    elif layout != "cloud_exports":
        for table in LAYOUTS[layout]:
            lay_down_there(clickhouse, table)
        expected = len(LAYOUTS[layout])
    else:
        kinds = {
            "time": "DateTime64(6)",
            "json": "JSON",
            "float": "Float64",
            "integer": "Int64",
            "date": "Date",
            "boolean": "Bool",
        }
        for table in ("exposures", "events"):
            columns = {n: kinds.get(k, "Nullable(String)") for n, k in COLUMNS[f"cloud_exports.{table}"].items()}
            clickhouse.create(table, columns)
        clickhouse.insert("events", event_name="'buy'", user_id="'u'", timestamp="'2026-11-01 07:00:00'")
        clickhouse.insert(
            "exposures",
            exposure_type="'check_gate'",
            name="'g'",
            experiment_group="'pass'",
            unit_id="'u'",
            unit_type="'user_id'",
            first_exposure_utc="'2026-11-01 07:00:00'",
            inserted_at="'2026-11-01 07:00:00'",
        )
        expected = 2
    report = init_json(tmp_path, clickhouse.url)
    assert report["layout"] == layout
    assert written(tmp_path)["source"]["layout"] == layout
    assert planned(tmp_path, clickhouse.url, "2026-11-01", "2026-11-02") == expected


def test_memory_holds_a_chunk_at_a_time(clickhouse: ClickHouse):
    clickhouse.create("custom_events", NATIVE)
    many = "SELECT number, 'p', '{}', '2026-11-01 07:00:00', '2026-11-01 07:00:00', '{}', map() FROM numbers(100000)"
    names = "id, event_name, user, timestamp, ingested_at, statsig_metadata, metadata"
    clickhouse.run(f"INSERT INTO events.custom_events ({names}) {many}")
    with native(clickhouse) as source:
        lengths = [len(frame) for frame in source.read_window(source.tables[0], DAY, NEXT, chunk_rows=10_000)]
        assert source.count_rows(source.tables[0], DAY, NEXT) == 100_000
    assert (sum(lengths), max(lengths)) == (100_000, 10_000)
