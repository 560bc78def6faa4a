"""Opening the ledger's database, for writing or only to read it.

Every database error is re-raised as one of ours, which names the cause and no parameter.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Dialect, Engine, insert, inspect, select, text
from sqlalchemy.engine import URL

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import LedgerError
from statsig_export.ledger.compiled_statements import making_of_tables
from statsig_export.ledger.engine import Reader, check_url, engine_to_read, engine_to_write, refuse_broken_link
from statsig_export.ledger.errors import ledger_errors
from statsig_export.ledger.tables import REVISION, SCHEMA_VERSION, alembic_version, meta, pruned_partitions
from statsig_export.ledger.upgrade import upgrade

BUSY_TIMEOUT_MS = 30_000
"""How long a transaction waits for another process's before it gives up."""
_SETUP_LOCK = 0x57A75169
"""PostgreSQL's advisory lock under which the tables are made and migrated: any number of our own."""
_VERSION: Final = select(meta.c.value).where(meta.c.key == "schema_version")
_IDENTITIES_SINCE = 2
"""The schema version that has the table for them."""


class LedgerDatabase:
    """The ledger's connections. `write` is one transaction, `read` one consistent view."""

    def __init__(self, engine: Engine, *, reads_only: bool = False) -> None:
        self.engine = engine
        self.version = SCHEMA_VERSION
        """Of the schema, as it was found. What reads takes an older one as it is, what writes brings it up to date."""
        self.readable = True
        """False for a ledger from before partitions could be pruned: a table is added even to read it."""
        self._view: dict[str, object] = {"ledger_reads": True}
        self._turn: AbstractContextManager[object] = Lock()
        """SQLite has one writer at a time, and the others poll every few ms: so threads queue here."""
        if engine.dialect.name == "postgresql":  # where each statement sees its own moment otherwise
            self._view["isolation_level"] = "REPEATABLE READ"
            if reads_only:
                self._view["postgresql_readonly"] = True
            self._turn = nullcontext()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.bring_up_to_date()
        with self._turn, ledger_errors(self.engine.url), self.engine.begin() as connection:
            yield connection

    def bring_up_to_date(self) -> None:
        """Migrate a ledger of an older version; a no-op for any other. Raises LedgerError."""
        if self.version >= SCHEMA_VERSION:
            return

        with self._turn, ledger_errors(self.engine.url):
            with self.engine.begin() as connection:
                lock_setup(connection)
                if _checked_version(connection) < SCHEMA_VERSION:
                    upgrade(connection)
            reach(CrashPoint.MIGRATED)
        self.version = SCHEMA_VERSION

    @property
    def remembers_identities(self) -> bool:
        return self.version >= _IDENTITIES_SINCE

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with ledger_errors(self.engine.url), self.engine.connect().execution_options(**self._view) as connection:
            yield connection
            reader = connection.connection.dbapi_connection
            if isinstance(reader, Reader):
                reader.check_unchanged()

    def close(self) -> None:
        self.engine.dispose()


def open_to_write(url: URL, wait_ms: int | None = None) -> LedgerDatabase:
    """Connect, and make the tables where they are not there yet. A ledger that has them is only looked at; one of an
    older version is left as it is until something is written to it.

    Raises ConfigError for a database that cannot be a ledger, LedgerError where it cannot be opened, is damaged, or
    was written by a newer version.
    """
    with ledger_errors(url):
        database = LedgerDatabase(engine_to_write(url, _waited(wait_ms)))
    try:
        if not _look(database):
            _make_tables(database)
        if not database.readable:
            _add_later_tables(database)
    except BaseException:  # dispose the engine, then re-raise
        database.close()
        raise
    return database


def open_to_read(url: URL, wait_ms: int | None = None) -> LedgerDatabase | None:
    """Connect only to read, which needs no right to write and waits for no writer; None where there is no ledger yet.

    A ledger of the previous version is read as it is. `wait_ms`: for a server to answer, and for a lock that keeps
    readers out too. Raises as `open_to_write`.
    """
    database = _reader(url, wait_ms)
    if database is None:
        return None
    try:
        if not _look(database) or not database.readable:
            open_to_write(url).close()
            _look(database)
    except BaseException:  # likewise
        database.close()
        raise
    return database


def open_existing(url: URL, wait_ms: int | None = None) -> LedgerDatabase | None:
    """Connect to write; None, and nothing is created, where there is no ledger yet. Raises as `open_to_write`."""
    database = _reader(url, wait_ms)
    if database is None:
        return None
    database.close()
    return open_to_write(url, wait_ms)


def _waited(wait_ms: int | None) -> int:
    """For a lock; what nobody says is BUSY_TIMEOUT_MS."""
    return BUSY_TIMEOUT_MS if wait_ms is None else wait_ms


def _reader(url: URL, wait_ms: int | None = None) -> LedgerDatabase | None:
    """Whatever ledger there is, of any version. A SQLite file that is empty, or being made, holds none."""
    check_url(url)
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        with ledger_errors(url):
            refuse_broken_link(file)
            if not file.exists() or (file.is_file() and file.stat().st_size == 0):
                return None
    database = LedgerDatabase(engine_to_read(url, _waited(wait_ms)), reads_only=True)
    try:
        with database.read() as connection:
            found = inspect(connection).has_table(meta.name)
    except BaseException:  # likewise
        database.close()
        raise
    if found:
        return database
    database.close()
    return None


def _look(database: LedgerDatabase) -> bool:
    """Whether there is a ledger in the database; notes its version. Raises LedgerError for a newer one."""
    with database.read() as connection:
        if not inspect(connection).has_table(meta.name):
            return False
        database.version = _checked_version(connection)
        database.readable = inspect(connection).has_table(pruned_partitions.name)
        return True


def _make_tables(database: LedgerDatabase) -> None:
    """Make a ledger; of several processes that do so at once, the first."""
    with database.write() as connection:
        lock_setup(connection)
        there = inspect(connection).get_table_names()
        if meta.name not in there:
            # Dagster's instance, which may be in the same database, has a table alembic_version too.
            dialect: Callable[[], Dialect] = type(connection.dialect)
            missing = {name: ddl for name, ddl in making_of_tables(dialect).items() if name not in there}
            for statement in chain.from_iterable(missing.values()):
                connection.exec_driver_sql(statement)
            rows = {"schema_version": str(SCHEMA_VERSION), "ledger_id": uuid4().hex}
            connection.execute(insert(meta), [{"key": key, "value": value} for key, value in rows.items()])
            connection.execute(insert(alembic_version), [{"version_num": REVISION}])
    _look(database)


def _add_later_tables(database: LedgerDatabase) -> None:
    """A ledger from before partitions could be pruned gets the table for that: nothing reads it without.

    Its version stays: what only reads does not migrate.
    """
    with ledger_errors(database.engine.url), database.engine.begin() as connection:
        lock_setup(connection)
        if not inspect(connection).has_table(pruned_partitions.name):
            pruned_partitions.create(connection)
    database.readable = True


def lock_setup(connection: Connection) -> None:
    """Until the transaction ends nobody else makes or migrates tables; in SQLite it is the one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})


def _checked_version(connection: Connection) -> int:
    found = int(connection.execute(_VERSION).scalar_one())
    if found > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger has schema version {found}, this statsig-export knows version {SCHEMA_VERSION} and older: "
            "run the version that wrote it, or a newer one"
        )
    return found
