"""The home that the first version left behind (`version_1/`, make_fixtures.py), set up anew for a test."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
from home import Home
from sqlalchemy import create_engine, text

from statsig_export.testing.webhook.receiver import Receiver

VERSION_1 = Path(__file__).parent / "version_1"
PRUNED, DELIVERED, FAULTY = "2026-11-02", "2026-11-19", "2026-11-20"


class Left(Home):
    """A source, partition files, and the ledger that names them."""

    def sql(self, statement: str) -> None:
        """Change the source."""
        with closing(sqlite3.connect(self.folder / "source.db")) as connection, connection:
            connection.executescript(statement)

    def ledger(self, statement: str) -> list[tuple[object, ...]]:
        """Ask the ledger, without the library."""
        engine = create_engine(self.ledger_url)
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(statement))]
        engine.dispose()
        return rows

    def version(self) -> object:
        return self.ledger("SELECT value FROM meta WHERE key = 'schema_version'")[0][0]


def left_in_sqlite(folder: Path, receiver: Receiver) -> Left:
    shutil.copy(VERSION_1 / "ledger.sqlite", folder / "ledger.db")
    return _left(folder, receiver, f"sqlite:///{folder}/ledger.db")


def left_in_postgres(folder: Path, receiver: Receiver, url: str) -> Left:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute((VERSION_1 / "ledger.sql").read_bytes())
    return _left(folder, receiver, url)


def _left(folder: Path, receiver: Receiver, url: str) -> Left:
    shutil.copytree(VERSION_1 / "files", folder / "files")
    left = Left(folder, receiver, ledger_url=url, settings={"webhook": {"max_events": 2}})
    left.sql((VERSION_1 / "source.sql").read_text(encoding="utf-8"))
    return left
