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

import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy import inspect as inspect_database
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from statsig_export.lock_timeout import bound_lock_waits
from statsig_export.source.backends.bigquery import errors_beside
from statsig_export.source.backends.mysql import _MYSQL_SESSION, _PYMYSQL, _abandon
from statsig_export.source.backends.postgresql import NO_ENCODING, PSYCOPG_OPTIONS
from statsig_export.source.backends.redshift import _REDSHIFT_SESSION
from statsig_export.source.catalogs import CATALOGS, columns_query, found_columns, tables_query
from statsig_export.source.readers.reader import unreachable
from statsig_export.source.schema import FoundColumn, found_column

LOCK_WAIT_MS: Final = 60_000
"""How long a read waits for a table that somebody has locked, unless the URL or the role sets a lock_timeout."""

_NAMED_CURSORS: Final = frozenset({"psycopg", "psycopg2"})


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
