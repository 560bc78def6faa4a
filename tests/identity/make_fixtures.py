"""Writes the files of `version_1/`: what the library of commit 266ea08 made of known rows, and a ledger it left behind.

They hold later versions to it, so they are made once, by the code of that commit, and never again by a later one:

    git worktree add /tmp/then 266ea08
    PYTHONPATH=/tmp/then python tests/identity/make_fixtures.py /tmp/then

`ids.json`      every table of known_tables.py: its statements and rows, what the ledger says of the export of its
                first day, and the events, ids included, that the second day came to
`source.sql`    the source of the ledger below, a SQLite database as statements
`ledger.sqlite` a ledger of schema version 1 with rows in every table: a pruned day, a delivered day that was replayed,
                a day with a batch that was deferred, one that was split and an event that failed; a halted destination
`ledger.sql`    the same in PostgreSQL, as statements
`files/`        the partition files that both name
"""

import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from known_tables import DAYS, KNOWN, Known
from sqlalchemy import String, create_engine, insert
from sqlalchemy.schema import CreateIndex, CreateTable

import statsig_export
from statsig_export.config import Config, parse_config
from statsig_export.errors import DestinationError
from statsig_export.export.export import export_window
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables
from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.tables import LEDGER, SCHEMA_VERSION, export_runs, meta, partitions
from statsig_export.lineage.frames import read_events
from statsig_export.maintenance import prune as pruning
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.testing.postgres import postgres_server
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.windows import window_from_key

HERE = Path(__file__).parent / "version_1"
PRUNED, DELIVERED, FAULTY = "2026-11-02", "2026-11-19", "2026-11-20"


def of_known_table(known: Known) -> dict[str, Any]:
    """What the two days of one source came to."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.db"
        with closing(sqlite3.connect(source)) as connection, connection:
            for statement in known.statements:
                connection.execute(statement)
            for table, rows in known.rows.items():
                names = ", ".join(f'"{name}"' for name in rows[0])
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(
                    f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of known_tables.py
                    [list(row.values()) for row in rows],
                )
        document = {
            "source": {"url": f"sqlite:///{source}", **known.source},
            "storage": {"url": "files"},
            "ledger": {"url": "sqlite:///ledger.db"},
        }
        config = parse_config(document, folder=Path(folder), environ={})
        export_window(config, window_from_key(DAYS[0], config.windows))
        database = open_to_write(config.ledger_url())
        with database.read() as connection:
            ledger = {
                table.name: [list(row) for row in connection.execute(table.select())]
                for table in (meta, export_runs, partitions)  # what says which tables it knows
            }
        database.close()
        export_window(config, window_from_key(DAYS[1], config.windows))
        events = read_events(config, datetime.fromisoformat(DAYS[1]), columns=["category", "event"])
    sent = sorted([str(category), str(event)] for category, event in events.itertuples(index=False))
    tables = {table: [list(rows[0]), *(list(row.values()) for row in rows)] for table, rows in known.rows.items()}
    return {
        "name": known.name,
        "source": known.source,
        "statements": known.statements,
        "rows": tables,
        "ledger": ledger,
        "events": sent,
    }


def custom_event(key: int, day: str, name: str) -> dict[str, object]:
    noon = datetime.fromisoformat(day) + timedelta(hours=12)
    return {
        "id": key,
        "event_name": name,
        "user_id": f"user-{key}",
        "user": {"userID": f"user-{key}"},
        "value": "1",
        "metadata": {"page": "/"},
        "statsig_metadata": {},
        "timestamp": noon,
        "ingested_at": noon + timedelta(seconds=key),
    }


def exposure(key: int, day: str) -> dict[str, object]:
    noon = datetime.fromisoformat(day) + timedelta(hours=12)
    return {
        "id": key,
        "exposure_type": "gate",
        "name": "new_checkout",
        "rule_id": "rule",
        "gate_value": True,
        "unit_type": "userID",
        "user_id": f"user-{key}",
        "user": {"userID": f"user-{key}"},
        "timestamp": noon,
        "ingested_at": noon,
    }


def fill(source: Path) -> None:
    engine = create_engine(f"sqlite:///{source}")
    create_tables(engine, "native")
    events = [custom_event(at, PRUNED, "page_view") for at in (1, 2)]
    events += [custom_event(at, DELIVERED, "page_view") for at in range(10, 15)]
    events += [custom_event(at, FAULTY, "poison" if at == 21 else "page_view") for at in range(20, 26)]
    with engine.begin() as connection:
        connection.execute(insert(CUSTOM_EVENTS), events)
        connection.execute(insert(EXPOSURES), [exposure(at, DELIVERED) for at in (1, 2, 3)])
    engine.dispose()


def lived_in(folder: Path, source: Path, ledger_url: str) -> None:
    """Lets a ledger see everything that a ledger can see."""
    with Receiver() as receiver:

        def config(name: str = "fivetran") -> Config:
            document = {
                "source": {"url": f"sqlite:///{source}"},
                "webhook": {"url": "env:HOOK", "name": name, "max_events": 2},
                "storage": {"url": "files"},
                "ledger": {"url": ledger_url},
            }
            return parse_config(document, folder=folder, environ={"HOOK": receiver.url})

        def export(day: str, name: str = "fivetran") -> None:
            export_window(config(name), window_from_key(day, config().windows))

        export(PRUNED)
        export(DELIVERED)
        ship(config())
        replay(config(), [f"custom_event|{DELIVERED}"])
        pruning.prune(config(), datetime.fromisoformat("2026-11-03T00:00Z"), datetime.now(UTC))
        export(FAULTY)
        down = Rule(actions=[answer(503)], where=lambda events: any(e["userID"] == "user-24" for e in events))
        receiver.play([Rule(actions=[answer(400)], event_name="poison"), down])
        ship(config())
        export(DELIVERED, "halted")
        receiver.play([Rule(actions=[answer(401)])])
        try:
            ship(config("halted"))
        except DestinationError:
            return
        raise AssertionError("the destination was to refuse")


@contextmanager
def empty_postgres() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, postgres_server(Path(folder) / "lock") as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE ledger")
        yield server.get_uri(database="ledger", driver="psycopg")


def dumped(url: str) -> str:
    """The statements that make the ledger at `url`: those that the library made its tables with, and its rows."""
    engine = create_engine(url)
    lines = []
    with engine.connect() as connection:
        for table in LEDGER.sorted_tables:
            lines.append(f"{str(CreateTable(table).compile(engine)).strip()};")
            lines += [f"{CreateIndex(index).compile(engine)};" for index in sorted(table.indexes, key=lambda i: i.name)]
            for row in connection.execute(table.select()).mappings():
                written = insert(table).values(**row).compile(engine, compile_kwargs={"literal_binds": True})
                lines.append(f"{written};".replace("%%", "%"))
            if "id" in table.c and not isinstance(table.c.id.type, String):
                lines.append(f"SELECT setval('{table.name}_id_seq', (SELECT max(id) FROM {table.name}));")  # noqa: S608
    engine.dispose()
    return "\n".join(lines) + "\n"


def main(then: Path) -> None:
    if SCHEMA_VERSION != 1 or not Path(statsig_export.__file__).is_relative_to(then):
        raise SystemExit("this is for the code of commit 266ea08: see above")
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    tables = [of_known_table(known) for known in KNOWN]
    lines = [json.dumps(table, ensure_ascii=False, separators=(",", ":")) for table in tables]
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    (HERE / "ids.json").write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "source.db")
        with closing(sqlite3.connect(folder / "source.db")) as source:
            (HERE / "source.sql").write_text("\n".join(source.iterdump()) + "\n", encoding="utf-8")
        (folder / "sqlite").mkdir()
        lived_in(folder / "sqlite", folder / "source.db", "sqlite:///ledger.db")
        path = folder / "sqlite" / "ledger.db"
        with closing(sqlite3.connect(path)) as ledger:
            ledger.execute("PRAGMA journal_mode = DELETE")
            ledger.execute("PRAGMA page_size = 512")
            ledger.execute("VACUUM")
        shutil.copy(path, HERE / "ledger.sqlite")
        with empty_postgres() as url:
            (folder / "postgres").mkdir()
            lived_in(folder / "postgres", folder / "source.db", url)
            (HERE / "ledger.sql").write_text(dumped(url), encoding="utf-8")
        shutil.copytree(folder / "sqlite" / "files", HERE / "files")
        for file in (HERE / "files").rglob("*.parquet"):
            other = folder / "postgres" / "files" / file.relative_to(HERE / "files")
            if file.read_bytes() != other.read_bytes():
                raise SystemExit(f"{file} is another in the other home")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
