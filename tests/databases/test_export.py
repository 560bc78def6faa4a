"""Whole exports, of every layout from every database: the same rows become the same events."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
from home import Home
from real_databases import SERVER, RealDatabase
from test_every_database import filled

from statsig_export.config import Config
from statsig_export.export.export import export_window
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import Kind, SourceTable
from statsig_export.lineage.frames import failed_rows, read_events
from statsig_export.windows import window_from_key

EMBEDDED = [("sqlite", "plain"), ("postgresql", "plain"), ("postgresql", "fastest"), ("duckdb", "fastest")]
READERS = [*EMBEDDED, *([("mysql", "plain")] if SERVER else [])]
"""Each database with what reads it; the first two are the reference."""
DATABASES = dict.fromkeys(kind for kind, _ in READERS)
NOON_MS = 1_793_534_400_250
NOON = "2026-11-01 12:00:00.250"
TYPES = {Kind.KEY: "key", Kind.JSON: "json", Kind.BOOLEAN: "boolean", Kind.TIME: "moment", Kind.WINDOW: "moment"}

# What the rows say, by canonical column; all else is null.
VALUES: Mapping[str, object] = {
    "row_key": 7,
    "time_uuid": "0e984725-c51c-4bf4-9960-e1c80e27aba0",
    "event_name": "purchase",
    "event": f'{{"eventName":"purchase","user":{{"userID":"u"}},"time":{NOON_MS},"value":1.50,"metadata":{{"k":"v"}}}}',
    "exposure_type": "gate",
    "name": "checkout",
    "rule_id": "rule",
    "group_name": "pass",
    "unit_type": "user_id",
    "unit_id": "u",
    "unit userID": "u",
    "user_id": "u",
    "gate_value": True,
    "user": '{"userID" : "u", "email": "ü@example.org"}',
    "user_dimensions": '{"country" : "NZ"}',
    "statsig_metadata": '{"sdkType": "py"}',
    "metadata": '{"k": "v", "n": 1.0}',
    "value": "19.99",
    "timestamp": NOON,
    "window_column": NOON,
    "received_at": NOON,
}


def lay_down(database: RealDatabase, table: SourceTable) -> None:
    """The layout's table, with one row."""
    rules = {rule.column: rule for rule in (table.window_rule, *table.selected_rules)}
    epoch = {"time"} if table.role == "statsig_events" else set()
    kinds = {name: "BIGINT" if name in epoch else TYPES.get(rule.kind, "text") for name, rule in rules.items()}
    database.create(table.table, kinds)
    row = {name: NOON_MS if name in epoch else VALUES.get(rule.canonical) for name, rule in rules.items()}
    database.insert(table.table, [row])


def config_of(database: RealDatabase, folder: Path, reader: str, **source: object) -> Config:
    """Each reader has a ledger and a storage of its own."""
    settings = {"source": {"reader": reader, **source}, "storage": {"url": f"{database.kind}-{reader}-files"}}
    ledger = f"sqlite:///{folder}/{database.kind}-{reader}-ledger.db"
    return Home(folder, source_url=database.url, ledger_url=ledger, settings=settings).config


def exported(config: Config) -> pd.DataFrame:
    """The events of a day, in an order of their own."""
    export_window(config, window_from_key("2026-11-01", config.windows))
    return read_events(config).sort_values("time_uuid", ignore_index=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_events_from_every_database_by_every_reader(
    database_of: Callable[[str], RealDatabase], tmp_path: Path, layout: str
):
    databases = {kind: database_of(kind) for kind in DATABASES}
    for database in databases.values():
        for table in LAYOUTS[layout]:
            lay_down(database, table)

    configs = [config_of(databases[kind], tmp_path, reader, layout=layout) for kind, reader in READERS]
    frames = [exported(config) for config in configs]

    assert all(failed_rows(config).empty for config in configs)
    assert len(frames[0]) == len(LAYOUTS[layout])
    assert set(frames[0]["timestamp"]) == {NOON_MS}
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_rows_with_all_that_databases_tell_apart_give_the_same_events(
    database_of: Callable[[str], RealDatabase], tmp_path: Path
):
    databases = {kind: filled(database_of(kind)) for kind in DATABASES}

    configs = [config_of(databases[kind], tmp_path, reader) for kind, reader in READERS]
    frames = [exported(config) for config in configs]
    failed = [failed_rows(config).sort_values(["category", "row_key"], ignore_index=True) for config in configs]

    assert len(frames[0])
    for frame, failures in zip(frames[1:], failed[1:], strict=True):
        pd.testing.assert_frame_equal(frame, frames[0])
        pd.testing.assert_frame_equal(failures, failed[0])
