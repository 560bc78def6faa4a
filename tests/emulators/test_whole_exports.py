"""Whole exports, `init` and `plan` on emulators of Snowflake and BigQuery. `make emulators`.

They are reached by the drivers that users have. The reference is SQLite, with the same rows.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from emulated import SCHEMA, Warehouse
from first_contact import init, plan, written
from home import Home
from real_databases import RealDatabase
from test_export import NOON_MS, TYPES, VALUES, config_of, exported, lay_down

from statsig_export.config import Config
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import SourceTable
from statsig_export.lineage.frames import failed_rows

# Google's client would rather have its storage API, which the extra does not bring: it then reads pages.
pytestmark = pytest.mark.filterwarnings("ignore:Cannot create BigQuery Storage client")

PLAIN: Mapping[str, Mapping[str, str]] = {
    "snowflake": {
        "key": "NUMBER(38,0)",
        "BIGINT": "NUMBER(38,0)",
        "text": "VARCHAR",
        "json": "VARCHAR",
        "boolean": "BOOLEAN",
        "moment": "TIMESTAMP_TZ",
    },
    "bigquery": {
        "key": "INT64",
        "BIGINT": "INT64",
        "text": "STRING",
        "json": "STRING",
        "boolean": "BOOL",
        "moment": "TIMESTAMP",
    },
}
OWN: Mapping[str, Mapping[str, str]] = {
    "snowflake": {**PLAIN["snowflake"], "json": "VARIANT", "moment": "TIMESTAMP_NTZ"},
    "bigquery": {**PLAIN["bigquery"], "json": "JSON", "moment": "DATETIME"},
}
"""JSON in the database's own type, which spells it anew, and times without a zone."""


def lay_down_there(warehouse: Warehouse, table: SourceTable, types: Mapping[str, str], schema: str = SCHEMA) -> None:
    """The row of `test_export.lay_down`."""
    rules = {rule.column: rule for rule in (table.window_rule, *table.selected_rules)}
    epoch = {"time"} if table.role == "statsig_events" else set()
    kinds = {name: "BIGINT" if name in epoch else TYPES.get(rule.kind, "text") for name, rule in rules.items()}
    values = [NOON_MS if name in epoch else VALUES.get(rule.canonical) for name, rule in rules.items()]
    row = ", ".join(literal(value, types[kind]) for value, kind in zip(values, kinds.values(), strict=True))
    warehouse.run(
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"DROP TABLE IF EXISTS {schema}.{table.table}",
    )
    warehouse.create(schema, table.table, {name: types[kind] for name, kind in kinds.items()})
    warehouse.run(f"INSERT INTO {schema}.{table.table} ({', '.join(kinds)}) SELECT {row}")


def literal(value: object, kind: str) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    if value is not None and kind in {"VARIANT", "JSON"}:
        return f"PARSE_JSON('{text}')"
    quoted = "NULL" if value is None else f"'{text}'"
    return f"CAST({quoted} AS {kind})"


def config_there(warehouse: Warehouse, folder: Path, layout: str) -> Config:
    """Each table names its dataset, as bqemulator does not know that of the URL."""
    schemas = {table.role.value: {"schema": SCHEMA, "identity": table.table} for table in LAYOUTS[layout]}
    source = {"layout": layout, "connect": warehouse.arguments, **(schemas if warehouse.name == "bigquery" else {})}
    return Home(
        folder,
        source_url=warehouse.url,
        ledger_url=f"sqlite:///{folder}/{warehouse.name}-ledger.db",
        settings={"source": source, "storage": {"url": f"{warehouse.name}-files"}},
    ).config


def parsed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(event=[json.dumps(json.loads(event), sort_keys=True) for event in frame["event"]])


@pytest.mark.parametrize("types", [PLAIN, OWN], ids=["text", "own"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_events_as_from_a_database_that_everybody_has(
    tmp_path: Path, warehouse: Warehouse, layout: str, types: Mapping[str, Mapping[str, str]]
):
    reference = RealDatabase("sqlite", f"sqlite:///{tmp_path}/sqlite.db")
    for table in LAYOUTS[layout]:
        lay_down(reference, table)
        lay_down_there(warehouse, table, types[warehouse.name])

    config = config_there(warehouse, tmp_path, layout)
    events, expected = exported(config), exported(config_of(reference, tmp_path, "plain", layout=layout))

    assert failed_rows(config).empty
    assert len(events) == len(LAYOUTS[layout])
    if types is OWN:
        events, expected = parsed(events), parsed(expected)
    pd.testing.assert_frame_equal(events, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_init_finds_each_layout_and_plan_reads_it(tmp_path: Path, warehouse: Warehouse, layout: str):
    schema = f"of_{layout}"
    for table in LAYOUTS[layout]:
        lay_down_there(warehouse, table, OWN[warehouse.name], schema)
    connect = [word for name, value in warehouse.arguments.items() for word in ("--connect", f"{name}={value}")]

    found = init(tmp_path, "--json", "--schema", schema, *connect, STATSIG_DATABASE_URL=warehouse.url)
    assert found.exit_code == 0, found.output
    assert written(tmp_path)["source"]["layout"] == layout
    counted = plan(tmp_path, warehouse.url, "2026-11-01", "2026-11-02")

    assert counted.exit_code == 0, counted.output
    assert json.loads(counted.stdout)["to_send"] == len(LAYOUTS[layout])
