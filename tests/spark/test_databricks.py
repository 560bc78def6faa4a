"""Databricks as far as Spark is it: whole exports, `init`, `plan`, windows, types, arrivals. `make spark`.

The driver and the dialect are those that users have. Spark's own Thrift server runs their statements; `gateway.py`
stands between, as it does not speak all of Databricks' protocol. The reference is SQLite, with the same rows.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from first_contact import init, plan, written
from gateway import Gateway
from home import Home
from real_databases import RealDatabase, keys, read
from source_databases import places, source_at
from test_export import NOON_MS, TYPES, VALUES, config_of, exported, lay_down

from statsig_export.config import Config
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import SourceTable
from statsig_export.lineage.frames import failed_rows
from statsig_export.vocabulary import Category

DAY = datetime(2026, 11, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
PLAIN = {
    "key": "BIGINT",
    "BIGINT": "BIGINT",
    "text": "STRING",
    "json": "STRING",
    "boolean": "BOOLEAN",
    "moment": "TIMESTAMP",
}
OWN = {**PLAIN, "json": "VARIANT", "moment": "TIMESTAMP_NTZ"}
"""JSON in its own type, which spells it anew, and times without a zone."""
NATIVE = {
    "id": "BIGINT",
    "time_uuid": "STRING",
    "event_name": "STRING",
    "user_id": "STRING",
    "user": "STRUCT<userID: STRING, `an age`: INT>",
    "value": "DOUBLE",
    "metadata": "MAP<STRING, STRING>",
    "statsig_metadata": "VARIANT",
    "timestamp": "TIMESTAMP",
    "ingested_at": "TIMESTAMP",
}
NOON = "'2026-11-01 12:00:00+00:00'"


def literal(value: object, kind: str) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    if value is not None and kind == "VARIANT":
        return f"parse_json('{text}')"
    zone = "+00:00" if kind == "TIMESTAMP" else ""
    quoted = "NULL" if value is None else f"'{text}{zone}'"
    return f"CAST({quoted} AS {kind})"


def lay_down_there(databricks: Gateway, table: SourceTable, types: Mapping[str, str], schema: str = "events") -> None:
    """The row of `test_export.lay_down`."""
    rules = {rule.column: rule for rule in (table.window_rule, *table.selected_rules)}
    epoch = {"time"} if table.role == "statsig_events" else set()
    kinds = {name: "BIGINT" if name in epoch else TYPES.get(rule.kind, "text") for name, rule in rules.items()}
    values = {name: NOON_MS if name in epoch else VALUES.get(rule.canonical) for name, rule in rules.items()}
    row = ", ".join(f"{literal(values[name], types[kind])} AS `{name}`" for name, kind in kinds.items())
    databricks.run(f"CREATE TABLE {schema}.{table.table} AS SELECT {row}")


def native(databricks: Gateway, *rows: Mapping[str, str], **types: str) -> None:
    """The table `custom_events`; a row's values are SQL."""
    kinds = {**NATIVE, **types}
    body = ", ".join(f"`{name}` {kind}" for name, kind in kinds.items())
    statements = [f"CREATE TABLE events.custom_events ({body})"]
    plain = {"event_name": "'purchase'", "timestamp": NOON, "ingested_at": NOON}
    made = []
    for key, row in enumerate(rows):
        values = {"id": str(key), **plain, **row}
        made.append(
            "SELECT " + ", ".join(f"CAST({values.get(name, 'NULL')} AS {kind})" for name, kind in kinds.items())
        )
    if made:
        statements.append(f"INSERT INTO events.custom_events {' UNION ALL '.join(made)}")
    databricks.run(*statements)


def source(databricks: Gateway, **given: object) -> Any:  # noqa: ANN401
    given = {"exposures": {"table": ""}, "connect": databricks.arguments, **given}
    return source_at(databricks.url, **given)


def config_there(databricks: Gateway, folder: Path, **given: object) -> Config:
    return Home(
        folder,
        source_url=databricks.url,
        ledger_url=f"sqlite:///{folder}/databricks-ledger.db",
        settings={"source": {"connect": databricks.arguments, **given}, "storage": {"url": "databricks-files"}},
    ).config


def parsed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(event=[json.dumps(json.loads(event), sort_keys=True) for event in frame["event"]])


@pytest.mark.parametrize("types", [PLAIN, OWN], ids=["text", "own"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_events_as_from_a_database_that_everybody_has(
    tmp_path: Path, databricks: Gateway, layout: str, types: Mapping[str, str]
):
    reference = RealDatabase("sqlite", f"sqlite:///{tmp_path}/sqlite.db")
    for table in LAYOUTS[layout]:
        lay_down(reference, table)
        lay_down_there(databricks, table, types)

    config = config_there(databricks, tmp_path, layout=layout)
    events, expected = exported(config), exported(config_of(reference, tmp_path, "plain", layout=layout))

    assert failed_rows(config).empty
    assert len(events) == len(LAYOUTS[layout])
    if types is OWN:
        events, expected = parsed(events), parsed(expected)
    pd.testing.assert_frame_equal(events, expected)
    if types is OWN:
        init_finds_it_and_plan_reads_it(databricks, tmp_path / "another", layout)


def init_finds_it_and_plan_reads_it(databricks: Gateway, folder: Path, layout: str) -> None:
    folder.mkdir()
    connect = [word for name, value in databricks.arguments.items() for word in ("--connect", f"{name}={value}")]

    found = init(folder, "--json", *connect, STATSIG_DATABASE_URL=databricks.url)
    assert found.exit_code == 0, found.output
    assert written(folder)["source"]["layout"] == layout
    counted = plan(folder, databricks.url, "2026-11-01", "2026-11-02")

    assert counted.exit_code == 0, counted.output
    assert json.loads(counted.stdout)["to_send"] == len(LAYOUTS[layout])


@pytest.mark.fault("F530")
def test_types_that_only_it_has_are_read(databricks: Gateway):
    native(
        databricks,
        {
            "user": "named_struct('userID', 'Grüße \\\\ \\'', 'an age', 7)",
            "value": "0.1D + 0.2D",
            "metadata": "map('k', 'v')",
            "statsig_metadata": 'parse_json(\'{"a": {"b": [1, null, 1.50]}}\')',
        },
        {"value": "1e21D", "event_name": "NULL", "timestamp": "'9999-12-31 23:59:59.999999+00:00'"},
        {"value": "CAST('NaN' AS DOUBLE)"},
    )
    with source(databricks) as opened:
        first, second, third = read(opened, "custom_events").to_dict("records")
    assert json.loads(first["user"]) == {"userID": "Grüße \\ '", "an age": 7}
    assert json.loads(first["metadata"]) == {"k": "v"}
    assert json.loads(first["statsig_metadata"]) == {"a": {"b": [1, None, 1.5]}}
    assert [row["value"] for row in (first, second, third)] == ["0.30000000000000004", "1000000000000000000000", None]
    assert [row["unreadable"] for row in (first, second, third)] == [None, None, "value"]
    assert first["timestamp"] == datetime(2026, 11, 1, 12)
    assert pd.isna(second["event_name"])


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP_NTZ", "DATE", "BIGINT"])
def test_windows_are_half_open_and_in_utc_whatever_zone_the_server_has(databricks: Gateway, kind: str):
    """The server is in New York."""
    second = int(DAY.timestamp())
    moments = [second - 1, second, second + 86_399, second + 86_400]
    if kind == "BIGINT":
        values = [f"{moment * 1000}" for moment in moments]
    else:
        zone = "+00:00" if kind == "TIMESTAMP" else ""
        values = [f"'{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}{zone}'" for moment in moments]
        values = [value[:11] + "'" for value in values] if kind == "DATE" else values
    native(databricks, *({"ingested_at": value} for value in values), ingested_at=kind)
    with source(databricks) as opened:
        assert keys(opened, "custom_events", DAY, NEXT) == [1, 2]
        assert keys(opened, "custom_events", DAY - timedelta(days=1), DAY) == [0]
        assert opened.count_rows(opened.tables[0], DAY, NEXT) == 2
        assert places(opened) == {"before_start": 1, "in_future": 1}


def test_a_category_is_asked_for_by_its_exact_text(databricks: Gateway):
    native(databricks, {"event_name": "'statsig::config_change'"}, {"event_name": "'Statsig::config_change '"}, {})
    with source(databricks) as opened:
        assert read(opened, "custom_events", categories=[Category.CONFIG_CHANGE])["row_key"].tolist() == [0]
        assert read(opened, "custom_events", categories=[Category.CUSTOM_EVENT])["row_key"].tolist() == [1, 2]
