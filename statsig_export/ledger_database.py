"""Opening the ledger's database, for writing or only to read it.

Every database error leaves here as one of ours, which names the cause and no parameter.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from uuid import uuid4

from sqlalchemy import Connection, Engine, insert, inspect, select, text
from sqlalchemy.engine import URL

from statsig_export.errors import LedgerError
from statsig_export.ledger_engine import Reader, check_url, engine_to_read, engine_to_write
from statsig_export.ledger_errors import ledger_errors
from statsig_export.ledger_tables import LEDGER, SCHEMA_VERSION, meta, pruned_partitions

BUSY_TIMEOUT_MS = 30_000
"""How long a transaction waits for another process's before it gives up."""
_SETUP_LOCK = 0x57A75169
"""PostgreSQL's advisory lock under which the tables are made: any number of our own."""


class LedgerDatabase:
    """The ledger's connections. `write` is one transaction, `read` one consistent view."""

    def __init__(self, engine: Engine, *, reads_only: bool = False) -> None:
        self.engine = engine
        self._view: dict[str, object] = {"ledger_reads": True}
        self._turn: AbstractContextManager[object] = Lock()
        """SQLite has one writer at a time, and lets the others look again every few ms: here they stand in line."""
        if engine.dialect.name == "postgresql":  # where each statement sees its own moment otherwise
            self._view["isolation_level"] = "REPEATABLE READ"
            if reads_only:
                self._view["postgresql_readonly"] = True
            self._turn = nullcontext()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._turn, ledger_errors(self.engine.url), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with ledger_errors(self.engine.url), self.engine.connect().execution_options(**self._view) as connection:
            yield connection
            reader = connection.connection.dbapi_connection
            if isinstance(reader, Reader):
                reader.check_unchanged()

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: URL) -> LedgerDatabase:
    """Connect, and make the tables where they are not there yet; a ledger that has them all is only looked at.

    Raises ConfigError for a database that cannot be a ledger, LedgerError where it cannot be opened, is damaged, or
    was written by a newer version.
    """
    with ledger_errors(url):
        database = LedgerDatabase(engine_to_write(url, BUSY_TIMEOUT_MS))
    try:
        if not _is_complete(database):
            _complete(database)
    except BaseException:  # whatever it was goes on its way, but leaves no connection behind
        database.close()
        raise
    return database


def open_to_read(url: URL) -> LedgerDatabase | None:
    """Connect only to read, which needs no right to write and waits for no writer; None where there is no ledger yet.

    A ledger of an earlier version is brought up to date first, and that does write. Raises as `open_database`.
    """
    database = _reader(url)
    if database is None:
        return None
    try:
        if not _is_complete(database):
            open_database(url).close()
    except BaseException:  # as above
        database.close()
        raise
    return database


def exists(url: URL) -> bool:
    """Whether there is a ledger already: for verbs that promise to write nothing."""
    database = _reader(url)
    if database is None:
        return False
    database.close()
    return True


def _reader(url: URL) -> LedgerDatabase | None:
    """Whatever ledger there is, of any version. A SQLite file that is empty, or being made, holds none."""
    check_url(url)
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        with ledger_errors(url):
            if not file.exists() or (file.is_file() and file.stat().st_size == 0):
                return None
    database = LedgerDatabase(engine_to_read(url, BUSY_TIMEOUT_MS), reads_only=True)
    try:
        with database.read() as connection:
            found = inspect(connection).has_table(meta.name)
    except BaseException:  # as above
        database.close()
        raise
    if found:
        return database
    database.close()
    return None


def _is_complete(database: LedgerDatabase) -> bool:
    """Whether all tables are there. Raises LedgerError for a ledger of a newer version."""
    with database.read() as connection:
        if not inspect(connection).has_table(meta.name):
            return False
        _check_version(connection)
        return inspect(connection).has_table(pruned_partitions.name)


def _complete(database: LedgerDatabase) -> None:
    """Make what is missing; of several processes that do so at once, the first."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
        if not inspect(connection).has_table(meta.name):
            LEDGER.create_all(connection)
            rows = {"schema_version": str(SCHEMA_VERSION), "ledger_id": uuid4().hex}
            connection.execute(insert(meta), [{"key": key, "value": value} for key, value in rows.items()])
        _check_version(connection)
        _add_later_tables(connection)


def _check_version(connection: Connection) -> None:
    found = int(connection.execute(select(meta.c.value).where(meta.c.key == "schema_version")).scalar_one())
    if found != SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger has schema version {found}, this statsig-export knows version {SCHEMA_VERSION}",
            hint="run the version of statsig-export that wrote it, or a newer one",
        )


def _add_later_tables(connection: Connection) -> None:
    """A ledger gets the tables that came after it was made. They change no other one, so its version stays.

    A version that does not know them finds the files of pruned partitions missing, and sends nothing of them.
    """
    if not inspect(connection).has_table(pruned_partitions.name):
        pruned_partitions.create(connection)
