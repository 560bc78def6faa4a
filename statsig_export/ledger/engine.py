"""The engine of the ledger's database: SQLite (WAL, synchronous=FULL, write lock taken at BEGIN) or PostgreSQL.

PostgreSQL may be behind a pooler that assigns a session per transaction (PgBouncer in transaction mode): no statement
is prepared on the server, and settings are made for the transaction.
"""

import os
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from statsig_export.databases.sessions import (
    NOT_PREPARED,
    check_search_path,
    set_in_transactions,
    settings_of_a_transaction,
)
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.file_modes import OF_THE_GROUP, create
from statsig_export.ledger.compiled_statements import COMPILED_STATEMENTS

_WHAT_TO_WRITE: Final = "use sqlite:///file.db or postgresql+psycopg://"
_AS_IT_IS_COMMITTED: Final = "READ COMMITTED"
"""What the ledger's locks are made for: a transaction that has waited for one sees what its holder has written. A role
or a database may have another default, under which one of two that wrote at once has to begin again."""
_LOOK_AGAIN_S: Final = 0.01
_NO_FILES_BESIDE_IT: Final = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
"""SQLite cannot make the files beside a database that a reader of WAL needs; SQLITE_IOERR_SHMSIZE: the disk is full."""


def check_url(url: URL) -> None:
    """Raise ConfigError, saying what to write or to install, unless a ledger can live at this URL."""
    backend = url.get_backend_name()
    if backend == "sqlite" and str(url.database).startswith("file:"):
        raise ConfigError("ledger.url: a ledger is opened by its path", hint="write sqlite:///PATH, without parameters")
    on_disk = backend == "sqlite" and url.database and url.database != ":memory:"
    if backend != "postgresql" and not on_disk:
        raise ConfigError(f"ledger.url: a ledger cannot live in this {backend} database", hint=_WHAT_TO_WRITE)
    try:
        dialect = url.get_dialect()
        usable = not dialect.is_async
        if usable:
            dialect.import_dbapi()
    except NoSuchModuleError:
        usable = False
    except ImportError:
        driver = url.get_driver_name()
        what_to_do = "pip install 'statsig-export[postgres]'" if driver == "psycopg" else _WHAT_TO_WRITE
        raise ConfigError(f"ledger.url: the driver {driver} is not installed", hint=what_to_do) from None
    if usable and on_disk and os.path.isdir(str(url.database)):  # noqa: PTH112  Path's raises where it may not look
        raise ConfigError(f"ledger.url: {url.database} is a folder", hint="name a file in it")
    if not usable:
        raise ConfigError(f"ledger.url: a ledger cannot be reached through {url.drivername}", hint=_WHAT_TO_WRITE)
    try:
        dialect().create_connect_args(url)
    except (ArgumentError, TypeError, ValueError) as error:  # names parts of the URL, so its text is not shown
        raise ConfigError(
            f"ledger.url: {url.drivername} refuses one of its parameters ({type(error).__name__})",
            hint="leave out what stands behind the ?, or correct it",
        ) from None


def engine_to_write(url: URL, wait_ms: int) -> Engine:
    """`wait_ms`: how long a transaction waits for another process's. Raises ConfigError, LedgerError, OSError."""
    check_url(url)
    if url.get_backend_name() == "postgresql":
        return _postgresql(url, wait_ms)
    file = Path(str(url.database))
    refuse_broken_link(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    _refuse_second_name(file)
    if not file.exists():  # SQLite would let everybody read it, and gives the files beside it the rights of this one
        create(file, OF_THE_GROUP)
    engine = _engine(url, connect_args={"timeout": wait_ms / 1000})
    event.listen(engine, "connect", partial(_set_pragmas, wait_ms))
    event.listen(engine, "begin", _begin)
    return engine


def engine_to_read(url: URL, wait_ms: int) -> Engine:
    """For a ledger that is there: nothing is written, not even to make it fit for this version."""
    check_url(url)
    if url.get_backend_name() == "postgresql":
        return _postgresql(url, wait_ms, connects_within_ms=wait_ms)
    connect = partial(_connect_to_read, Path(str(url.database)), wait_ms)
    engine = _engine(url, creator=connect)
    event.listen(engine, "begin", _begin)
    return engine


class Reader(sqlite3.Connection):
    """A read-only connection; without SQLite's locks where this user may not write to the folder.

    Without locks it is correct only while nobody writes: call `check_unchanged` after each read.
    """

    file: Path
    unlocked: tuple[int, int] | None = None
    """How the file was when it began to read without locks."""

    def check_unchanged(self) -> None:
        if self.unlocked is not None and (_write_ahead_log(self.file) or _stamp(self.file) != self.unlocked):
            raise LedgerError(f"the ledger at {self.file} was written to while it was read", hint="run it again")


def _postgresql(url: URL, wait_ms: int, connects_within_ms: int | None = None) -> Engine:
    arguments: dict[str, object] = dict(NOT_PREPARED) if url.get_driver_name() == "psycopg" else {}
    if url.get_driver_name().startswith("psycopg"):  # by SQL_ASCII, the database's or the environment's, text is bytes
        arguments["client_encoding"] = "utf8"
    told = "connect_timeout" in url.query or "PGCONNECT_TIMEOUT" in os.environ
    if connects_within_ms is not None and not told and url.get_driver_name().startswith("psycopg"):
        arguments["connect_timeout"] = max(2, connects_within_ms // 1000)  # libpq takes 1 for 2
    engine = _engine(url, pool_pre_ping=True, connect_args=arguments, isolation_level=_AS_IT_IS_COMMITTED)
    set_in_transactions(engine, settings_of_a_transaction(wait_ms))
    check_search_path(engine, "ledger.url")
    return engine


def _engine(url: URL, **options: Any) -> Engine:  # noqa: ANN401  those of create_engine
    shared = {"compiled_cache": COMPILED_STATEMENTS}
    return create_engine(url, hide_parameters=True, execution_options=shared, **options)


def _set_pragmas(wait_ms: int, connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late: _begin sends it
    cursor: Any = connection.cursor()
    _use_write_ahead_log(cursor, time.monotonic() + wait_ms / 1000)
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits in a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_write_ahead_log(cursor: sqlite3.Cursor, until: float) -> None:
    """Of several processes that open a new ledger at once one makes the switch, and SQLite lets the others not wait."""
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        else:
            return
        time.sleep(_LOOK_AGAIN_S)


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("ledger_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _refuse_second_name(file: Path) -> None:
    """SQLite keeps its log beside the name by which a file was opened, so under two hard links it is torn apart."""
    if file.is_file() and file.stat().st_nlink > 1:
        raise LedgerError(
            f"the ledger at {file} has a second name (hard link), under which SQLite would damage it",
            hint="copy the file and keep one name; a symbolic link does no harm",
        )


def refuse_broken_link(file: Path) -> None:
    """Raise LedgerError where the way to the file is a symbolic link to nothing: it is no new ledger, but one whose
    disk is not mounted. A new one made in its place would know nothing of what was sent.
    """
    for place in (file, *file.parents):
        if place.is_symlink() and not place.exists():
            raise LedgerError(
                f"the ledger at {file} is not there: {place} is a symbolic link to nothing",
                hint="mount its disk; for a new ledger name the file itself in [ledger] url",
            )


def _connect_to_read(file: Path, wait_ms: int) -> Reader:
    _require_right_to_read(file)
    connection = _reader(file, "mode=ro", wait_ms)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        not_here = error.sqlite_errorcode & 0xFF in _NO_FILES_BESIDE_IT
        unable = not_here or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE
        if not_here and _write_ahead_log(file) and not Path(f"{file}-shm").exists():
            raise LedgerError(
                f"the ledger at {file} has commits in {file}-wal, which only who may write to its folder can read",
                hint="run `ship` as the user that writes it: that brings them into the file",
            ) from None
        if not unable or not file.is_file() or _write_ahead_log(file):
            raise
    else:
        return connection
    before = _stamp(file)
    connection = _reader(file, "immutable=1", wait_ms)
    connection.unlocked = before
    return connection


def _require_right_to_read(file: Path) -> None:
    """SQLite says of a file that it may not read what it says of one that is not there.

    The file is not opened here: to close it again would end the locks of this process's other connections.
    """
    for part in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        if part.exists() and not os.access(part, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            raise LedgerError(
                f"the ledger at {file} cannot be read (EACCES: this user may not read {part})",
                hint="let this user read it and the files with -wal and -shm behind its name; reading needs no more",
            )


def _reader(file: Path, how: str, wait_ms: int) -> Reader:
    connection = sqlite3.connect(
        f"file:{quote(str(file.absolute()))}?{how}",
        uri=True,
        timeout=wait_ms / 1000,
        isolation_level=None,
        check_same_thread=False,  # as SQLAlchemy has it: its pool gives a connection to one thread at a time
        factory=Reader,
    )
    connection.file = file
    return connection


def _write_ahead_log(file: Path) -> bool:
    """Whether there are commits that are not in the file yet, or somebody is at it."""
    log = Path(f"{file}-wal")
    return log.exists() and log.stat().st_size > 0


def _stamp(file: Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_mtime_ns, facts.st_size
