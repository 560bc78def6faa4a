"""Opening the ledger's database: SQLite (WAL, synchronous=FULL, write lock taken at BEGIN) or PostgreSQL.

Every database error leaves here as a LedgerError that names its kind and no parameter.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from uuid import uuid4

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from statsig_export.errors import ConfigError, LedgerError, StalePlanError
from statsig_export.ledger_tables import LEDGER, REVISION, SCHEMA_VERSION, alembic_version, meta, pruned_partitions
from statsig_export.lock_waits import bound_lock_waits
from statsig_export.testing.crash import CrashPoint, reach

BUSY_TIMEOUT_MS = 30_000
"""How long a transaction waits for another process's before it gives up."""
_SETUP_LOCK = 0x57A75169
"""PostgreSQL's advisory lock under which the tables are made and migrated: any number of our own."""
_IDENTITIES_SINCE = 2
"""The schema version that has the table for them."""


class LedgerDatabase:
    """The ledger's connections. `write` is one transaction, `read` one consistent view."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.version = SCHEMA_VERSION
        """Of the schema, as it was found. What reads takes an older one as it is, what writes brings it up to date."""
        self._view: dict[str, object] = {"ledger_reads": True}
        self._turn: AbstractContextManager[object] = Lock()
        """SQLite has one writer at a time, and lets the others look again every few ms: here they stand in line."""
        if engine.dialect.name == "postgresql":  # where each statement sees its own moment otherwise
            self._view["isolation_level"] = "REPEATABLE READ"
            self._turn = nullcontext()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.bring_up_to_date()
        with self._turn, _ledger_errors(), self.engine.begin() as connection:
            yield connection

    def bring_up_to_date(self) -> None:
        """Migrate a ledger of an older version; a no-op for any other. Raises LedgerError."""
        if self.version >= SCHEMA_VERSION:
            return
        from statsig_export.ledger_upgrade import upgrade  # noqa: PLC0415  only where a migration is due

        with self._turn, _ledger_errors():
            with self.engine.begin() as connection:
                _lock_setup(connection)
                if _checked_version(connection) < SCHEMA_VERSION:
                    upgrade(connection)
            reach(CrashPoint.MIGRATED)
        self.version = SCHEMA_VERSION

    @property
    def remembers_identities(self) -> bool:
        return self.version >= _IDENTITIES_SINCE

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _ledger_errors(), self.engine.connect().execution_options(**self._view) as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: URL) -> LedgerDatabase:
    """Connect, and make the tables where they are not there yet. A ledger of an older version is left as it is until
    something is written to it.

    Raises ConfigError for a database that cannot be a ledger, LedgerError where it cannot be opened, is damaged, or
    was written by a newer version.
    """
    database = LedgerDatabase(_engine(url))
    try:
        with database.write() as connection:
            _lock_setup(connection)
            if not inspect(connection).has_table(meta.name):
                LEDGER.create_all(connection)
                rows = {"schema_version": str(SCHEMA_VERSION), "ledger_id": uuid4().hex}
                connection.execute(insert(meta), [{"key": key, "value": value} for key, value in rows.items()])
                connection.execute(insert(alembic_version), [{"version_num": REVISION}])
            found = _checked_version(connection)
            _add_later_tables(connection)
        database.version = found
    except BaseException:  # whatever it was goes on its way, but leaves no connection behind
        database.close()
        raise
    return database


def exists(url: URL) -> bool:
    """Whether there is a ledger already: for verbs that promise to write nothing."""
    if url.get_backend_name() == "sqlite":
        return bool(url.database) and Path(str(url.database)).exists()
    engine = _engine(url)
    try:
        with _ledger_errors(), engine.connect() as connection:
            return inspect(connection).has_table(meta.name)
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    if backend == "postgresql":
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
        bound_lock_waits(engine, BUSY_TIMEOUT_MS)
        return engine
    if backend != "sqlite" or not url.database or url.database == ":memory:":
        raise ConfigError(
            f"ledger.url: a ledger cannot live in this {backend} database",
            hint="use sqlite:///file.db or postgresql+psycopg://",
        )
    with _ledger_errors():
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late: _begin sends it
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits in a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("ledger_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _lock_setup(connection: Connection) -> None:
    """Until the transaction ends nobody else makes or migrates tables; in SQLite it is the one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})


def _checked_version(connection: Connection) -> int:
    found = int(connection.execute(select(meta.c.value).where(meta.c.key == "schema_version")).scalar_one())
    if found > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger has schema version {found}, this statsig-export knows version {SCHEMA_VERSION} and older: "
            "run the version that wrote it, or a newer one"
        )
    return found


def _add_later_tables(connection: Connection) -> None:
    """A ledger from before partitions could be pruned gets the table for that: nothing reads it without."""
    if not inspect(connection).has_table(pruned_partitions.name):
        pruned_partitions.create(connection)


@contextmanager
def _ledger_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise StalePlanError("another run wrote the same partition at the same time", hint="export it again") from error
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        words = str(cause) if type(cause).__module__ == "sqlite3" else type(cause).__name__
        raise LedgerError(f"the ledger cannot be used ({words})", hint="check [ledger] url and its disk") from error
