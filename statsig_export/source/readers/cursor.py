"""Any database with a SQLAlchemy dialect: the columns of a table, and the rows of the driver's own cursor.

Every driver is asked to stream (`Backend.drivers`), so that memory does not grow with a window. A driver that is not
named there is read with its default cursor, which may hold the whole result.
"""

import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy import inspect as inspect_database
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import NoSuchTableError, SAWarning, SQLAlchemyError

from statsig_export.source.backends.backend import AT_ONCE, Arguments, Backend
from statsig_export.source.catalogs import Catalog, catalog_of, columns_query, found_columns
from statsig_export.source.chunks import Chunk, rows_of
from statsig_export.source.errors import NOT_TAKEN, SOURCE, Named, SourceErrors
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.readers.bounds import Rows, bounded_rows, require_columns
from statsig_export.source.readers.inspection import inspected_catalog
from statsig_export.source.schema import FoundColumn, found_column


class SqlDatabase:
    """A database through its SQLAlchemy dialect and the rows of its driver's own cursor.

    SQLAlchemy's rows would double what a row costs.
    """

    def __init__(self, url: URL, backend: Backend, arguments: Arguments, named: Named = SOURCE) -> None:
        """Raises ImportError or ArgumentError if the URL's driver cannot be loaded, or `backend.other_errors`."""
        self.told = SourceErrors(url, arguments, named)
        self._backend = backend
        self._engine = backend.engine(url, arguments)
        self._driver = backend.drivers.get(self._engine.dialect.driver)

    @property
    def reader(self) -> str:
        return self.dialect.driver

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (SQLAlchemyError, self.dialect.loaded_dbapi.Error, OSError, *self._backend.other_errors())

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        catalog = self._backend.catalog
        if catalog is not None:
            rows = self._all(columns_query(catalog, self.dialect, table, schema))
            return found_columns(rows, self._backend.families)
        with self._connect() as connection, warnings.catch_warnings():
            # Ignore warnings about unknown column types: few of the columns are read.
            warnings.simplefilter("ignore", SAWarning)
            try:
                columns = inspect_database(connection).get_columns(table, schema=schema)
            except NoSuchTableError:
                return []
            return [found_column(column["name"], column["type"], self.dialect) for column in columns]

    def catalog(self, schema: str | None) -> Catalog:
        if self._backend.look is not None:
            try:
                with self._connect() as connection:
                    rows = connection.exec_driver_sql(self._backend.look(schema)).fetchall()
                return catalog_of(rows, self._backend.families)
            except self.errors:
                if self._backend.catalog is not None:  # there the inspection does not work
                    raise
        with self._connect() as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            return inspected_catalog(connection, schema)

    def chunks(self, sql: str, rows: int, _: Stretch | None = None, /) -> Generator[Chunk]:
        if self._backend.doubles_percent:
            sql = sql.replace("%", "%%")
        with self._connect() as connection, self._cursor(connection) as cursor:
            cursor.execute(sql)
            at_once = AT_ONCE if self._driver is None else self._driver.at_once
            yield from bounded_rows(partial(_fetched, cursor), rows, at_once)

    def close(self) -> None:
        self._engine.dispose()

    def _all(self, sql: str) -> list[Sequence[Any]]:
        return [row for chunk in self.chunks(sql, 1_000) for row in rows_of(chunk)]

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        # Beside its own errors a driver raises Python's for an argument that is none, or a package that is missing.
        errors: tuple[type[Exception], ...] = (*self.errors, *NOT_TAKEN, RuntimeError)
        try:
            connection = self._engine.connect()
        except errors as error:
            raise self.told.unreachable(error) from None
        with connection:
            yield connection

    @contextmanager
    def _cursor(self, connection: Connection) -> Iterator[DBAPICursor]:
        """A cursor that streams. A connection that failed is thrown away."""
        self._backend.prepare(connection)
        connection.begin()  # the driver's own cursor does not tell SQLAlchemy, whose events make the settings
        cursor = connection.connection.cursor() if self._driver is None else self._driver.cursor(connection)
        try:
            yield cursor
        except BaseException as error:  # an interrupt leaves a statement under way just as an error does
            if self._driver is not None and self._driver.abandon is not None:
                self._driver.abandon(cursor)
                connection.invalidate()
            with suppress(*self.errors):
                cursor.close()
            if isinstance(error, self.errors):
                connection.invalidate()
            raise
        cursor.close()


def _fetched(cursor: DBAPICursor, most: int) -> Rows:
    """The next rows. Some drivers know the columns of a result only now."""
    rows = cursor.fetchmany(most)
    if not rows or not rows[0]:
        require_columns(cursor.description)
    return rows
