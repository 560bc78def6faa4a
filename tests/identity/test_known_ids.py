"""What a ledger knows keeps its ids, whatever version of the library comes: held against what the first one made."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from home import Home
from ledger_of_version_1 import VERSION_1

from statsig_export.config import Config
from statsig_export.export.export import export_window
from statsig_export.lineage.frames import read_events
from statsig_export.windows import window_from_key

TABLES = {known["name"]: known for known in json.loads((VERSION_1 / "ids.json").read_text(encoding="utf-8"))}
SECOND_DAY = "2026-11-21"


def set_up(folder: Path, known: dict) -> Config:
    with closing(sqlite3.connect(folder / "source.db")) as connection, connection:
        for statement in known["statements"]:
            connection.execute(statement)
        for table, (names, *rows) in known["rows"].items():
            marks = ", ".join("?" * len(names))
            columns = ", ".join(f'"{name}"' for name in names)
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - our own
    return Home(folder, settings={"source": known["source"]}).config


def restore_ledger(folder: Path, known: dict) -> None:
    """The ledger as the first version left it when it had exported the first day."""
    shutil.copy(VERSION_1 / "ledger.sqlite", folder / "ledger.db")
    with closing(sqlite3.connect(folder / "ledger.db")) as connection, connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of the fixture
        for table, rows in known["ledger"].items():
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - as above


def events_of(config: Config) -> list[list[str]]:
    export_window(config, window_from_key(SECOND_DAY, config.windows))
    events = read_events(config, columns=["category", "event"])
    return sorted([str(category), str(event)] for category, event in events.itertuples(index=False))


@pytest.mark.fault("F125")
@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_a_ledger_knows_keeps_every_id_and_byte_of_the_first_version(tmp_path: Path, name: str):
    config = set_up(tmp_path, TABLES[name])
    restore_ledger(tmp_path, TABLES[name])

    assert events_of(config) == TABLES[name]["events"]


@pytest.mark.parametrize("name", ["native", "native_own_ids", "cloud_exports_duplicates", "warehouse_native_named"])
def test_a_table_that_is_new_to_its_ledger_gets_the_same_ids_but_for_integers_in_text(tmp_path: Path, name: str):
    assert events_of(set_up(tmp_path, TABLES[name])) == TABLES[name]["events"]
