"""The source database behind its driver: what columns a table has, and the rows of a statement, a chunk at a time.

Every driver is asked to stream, so that memory does not grow with a window:

psycopg, psycopg2  a named cursor, which lives in the server (psycopg's documentation, "Server-side cursors"). Redshift
                   too is read with psycopg2: redshift_connector holds all rows of a result (`Cursor._cached_rows`).
pymysql            SSCursor; the default cursor holds the whole result.
sqlite3            steps through the statement anyway.
snowflake          downloads the parts of a result as they are asked for (a few ahead: client_prefetch_threads).
bigquery           fetches a page at a time, of `arraysize` rows (google.cloud.bigquery.dbapi).
duckdb             Arrow record batches, source_duckdb.py.

Any other is read with its default cursor, which may hold the whole result.
"""

import re
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy import inspect as inspect_database
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from statsig_export.errors import SourceError
from statsig_export.lock_waits import bound_lock_waits
from statsig_export.source_catalogs import CATALOGS, columns_query, found_columns, tables_query
from statsig_export.source_chunks import Chunk
from statsig_export.source_schema import FoundColumn, found_column

LOCK_WAIT_MS: Final = 60_000
"""How long a read waits for a table that somebody has locked, unless the URL or the role sets a lock_timeout."""

PSYCOPG_OPTIONS: Final = {"connect_timeout": "15", "application_name": "statsig-export", "client_encoding": "utf8"}
_NAMED_CURSORS: Final = frozenset({"psycopg", "psycopg2"})
_PYMYSQL: Final = "pymysql"
NO_ENCODING: Final = "SQL_ASCII"
_SQLSTATE: Final = re.compile(r"SQLSTATE:? ([0-9A-Z]{5})\b")
"""Where a driver says it in words only, as ADBC does of an error in the middle of a stream."""
UNREACHABLE: Final = "check what source.url names (host, port, database, user, password) and that the database is up"

# A session of ours: UTC for TIMESTAMP columns, no writing, and a bound on waiting for a table that is being altered.
_MYSQL_SESSION: Final = (
    "SET SESSION time_zone = '+00:00', lock_wait_timeout = {seconds}",
    "SET SESSION TRANSACTION READ ONLY",
)
# Redshift prints 15 digits of a double otherwise; 17 tell every one apart.
_REDSHIFT_SESSION: Final = ("SET extra_float_digits TO 2",)


class Database(Protocol):
    """What `source.Source` reads through. A reader of another kind is another class with these names."""

    @property
    def reader(self) -> str:
        """What reads it: the driver's name."""

    @property
    def dialect(self) -> Dialect:
        """What statements are compiled for."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The driver's own errors."""

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        """The columns of a table or view; none where there is no such table."""

    def tables(self, schema: str | None) -> list[str]:
        """The tables and views of a schema, None for the connection's own."""

    def chunks(self, sql: str, rows: int) -> Generator[Chunk]:
        """The result of a statement, streamed; no chunk is empty or has more rows than that."""

    def close(self) -> None: ...


class SqlDatabase:
    """A database through its SQLAlchemy dialect and the rows of its driver's own cursor.

    SQLAlchemy's rows would double what a row costs. On PostgreSQL the transaction is read-only. Where the database does
    not vouch for its text, which is SQLite and a PostgreSQL of the encoding SQL_ASCII, text comes as the bytes it is,
    so that a row that is not UTF-8 cannot end the read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def reader(self) -> str:
        return self.dialect.driver

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (SQLAlchemyError, self.dialect.loaded_dbapi.Error, OSError, *errors_beside(self.dialect.name))

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        if self.dialect.name in CATALOGS:
            return found_columns(self._all(columns_query(self.dialect, table, schema)))
        with self._connect() as connection, warnings.catch_warnings():
            # A type that SQLAlchemy does not know is no news: most such columns are none of ours.
            warnings.simplefilter("ignore", SAWarning)
            try:
                columns = inspect_database(connection).get_columns(table, schema=schema)
            except NoSuchTableError:
                return []
            return [found_column(column["name"], column["type"], self.dialect) for column in columns]

    def tables(self, schema: str | None) -> list[str]:
        if self.dialect.name in CATALOGS:
            return [str(name) for (name,) in self._all(tables_query(self.dialect, schema))]
        with self._connect() as connection:
            inspector = inspect_database(connection)
            return inspector.get_table_names(schema) + inspector.get_view_names(schema)

    def chunks(self, sql: str, rows: int) -> Generator[Sequence[Sequence[Any]]]:
        if self.dialect.name == "bigquery":
            sql = sql.replace("%", "%%")  # its DB-API halves them again
        with self._connect() as connection, self._cursor(connection) as cursor:
            cursor.execute(sql)
            while chunk := cursor.fetchmany(rows):
                yield chunk

    def close(self) -> None:
        self._engine.dispose()

    def _all(self, sql: str) -> list[Sequence[Any]]:
        return [row for chunk in self.chunks(sql, 1_000) for row in chunk]

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self._engine.connect()
        except self.errors as error:
            raise unreachable(self.dialect.name, error) from None
        with connection:
            yield connection

    @contextmanager
    def _cursor(self, connection: Connection) -> Iterator[DBAPICursor]:
        """A cursor that streams. A connection that failed is thrown away."""
        cursor = self._driver_cursor(connection)
        try:
            yield cursor
        except BaseException as error:  # an interrupt leaves a statement under way just as an error does
            if self.dialect.driver == _PYMYSQL:
                _abandon(cursor)
                connection.invalidate()
            with suppress(*self.errors):
                cursor.close()
            if isinstance(error, self.errors):
                connection.invalidate()
            raise
        cursor.close()

    def _driver_cursor(self, connection: Connection) -> DBAPICursor:
        dialect = self.dialect
        if dialect.name == "postgresql" and dialect.driver in _NAMED_CURSORS:
            connection.execution_options(postgresql_readonly=True)
        driver: Any = connection.connection.driver_connection
        if dialect.driver == "psycopg" and driver.info.parameter_status("server_encoding") == NO_ENCODING:
            driver.execute(f"SET LOCAL client_encoding TO '{NO_ENCODING}'")
        if dialect.name == "sqlite":
            driver.text_factory = bytes
        if dialect.driver in _NAMED_CURSORS:
            named: DBAPICursor = driver.cursor(name="statsig_export")
            return named
        if dialect.driver == _PYMYSQL:
            unbuffered: DBAPICursor = driver.cursor(import_module("pymysql.cursors").SSCursor)
            return unbuffered
        return connection.connection.cursor()


def class_of(error: Exception) -> str:
    """The driver's class and, where it tells one, its SQLSTATE: nothing that can hold a secret or a payload."""
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if state is None and (told := _SQLSTATE.search(str(original))):
        state = told[1]
    return type(original).__name__ + (f" (SQLSTATE {state})" if state else "")


def errors_beside(backend: str) -> tuple[type[Exception], ...]:
    """What is raised that is no error of the DB-API: Google's client, by pages, inspection and authentication."""
    if backend != "bigquery":
        return ()
    places = {"google.api_core.exceptions": "GoogleAPIError", "google.auth.exceptions": "GoogleAuthError"}
    return tuple(getattr(import_module(module), name) for module, name in places.items())


def unreachable(backend: str, error: Exception) -> SourceError:
    return SourceError(f"the source database ({backend}) cannot be reached: {class_of(error)}", hint=UNREACHABLE)


def engine_of(url: URL) -> Engine:
    """Connects only when it is used, with what a session of ours needs. Raises ImportError, ArgumentError."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    if backend == "postgresql" and url.get_driver_name() == "psycopg":
        options = {name: value for name, value in PSYCOPG_OPTIONS.items() if name not in url.query}
        engine = create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
        bound_lock_waits(engine, LOCK_WAIT_MS)
        return engine
    engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)
    if backend in {"mysql", "mariadb"}:
        _begin_sessions(engine, [line.format(seconds=LOCK_WAIT_MS // 1_000) for line in _MYSQL_SESSION])
    if backend == "redshift":
        _begin_sessions(engine, _REDSHIFT_SESSION)
    return engine


def _begin_sessions(engine: Engine, statements: Sequence[str]) -> None:
    def begin(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", begin)


def _abandon(cursor: Any) -> None:  # noqa: ANN401 - pymysql's
    """Let a result go that was not read to its end, and whose connection is closed next.

    MySQL has no way to call a result off, so pymysql would read the rest of it, row by row, when the cursor is closed
    and again when the result is collected, over a connection that may be gone.
    """
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False
