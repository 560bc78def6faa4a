"""Reads the source database: windows of its tables as canonical frames, a bounded chunk at a time.

PostgreSQL through psycopg and SQLite through Python's own driver are what this is built for and tested on. Another
dialect of SQLAlchemy's is read with its driver's default cursor, which may hold the whole result.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pandas as pd
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    UnaryExpression,
    asc,
    create_engine,
    desc,
    func,
    or_,
    select,
)
from sqlalchemy import inspect as inspect_database
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import NullPool

from statsig_export.config import Config
from statsig_export.errors import SourceError
from statsig_export.events import Category
from statsig_export.layout_rules import SourceTable
from statsig_export.lock_waits import bound_lock_waits
from statsig_export.source_chunks import to_frame
from statsig_export.source_schema import Family, check_columns, missing_table
from statsig_export.source_statement import (
    SelectedColumn,
    all_of,
    compiled,
    named_table,
    rows_of,
    select_rows,
)
from statsig_export.source_tables import source_tables
from statsig_export.source_window import (
    Stored,
    StoredRange,
    epoch_text_range,
    sqlite_unplaced,
    sqlite_window,
    timestamp_window,
)

CHUNK_ROWS: Final = 10_000
"""Rows a frame. Ten to twenty thousand measured best: more only costs memory."""

LOCK_WAIT_MS: Final = 60_000
"""How long a read waits for a table that somebody has locked, unless the URL or the role sets a lock_timeout."""

_POSTGRESQL: Final = "postgresql"
_PSYCOPG: Final = "psycopg"
_SQLITE: Final = "sqlite"
_PSYCOPG_OPTIONS: Final = {"connect_timeout": "15", "application_name": "statsig-export", "client_encoding": "utf8"}
_NO_ENCODING: Final = "SQL_ASCII"
_NO_NUMBERS_AS_TEXT: Final = frozenset({Family.TIMESTAMP, Family.INTEGER, Family.FLOAT})
_UNREACHABLE: Final = "check what source.url names (host, port, database, user, password) and that the database is up"
_UNREAD: Final = "nothing of the window was planned: mend the database or the access to it, then run the window again"


class Source:
    """The source database of one configuration. Close it, or use it as a context manager."""

    def __init__(self, engine: Engine, tables: tuple[SourceTable, ...]) -> None:
        self.tables = tables
        """The tables of the layout, as export.toml places them."""
        self._engine = engine
        self._families: dict[SourceTable, dict[str, Family]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    def check_schema(self, table: SourceTable) -> None:
        """Raises SourceError unless the table is there and its columns can be read as the layout says.

        The error names the table, each column that is missing or of the wrong type, what was expected and what was
        found. Extra columns are ignored. Every read checks first, once a Source and table.
        """
        self._checked(table)

    def read_window(
        self,
        table: SourceTable,
        start: datetime,
        end: datetime,
        categories: Sequence[Category] | None = None,
        chunk_rows: int = CHUNK_ROWS,
    ) -> Iterator[pd.DataFrame]:
        """Canonical frames (`source_chunks.to_frame`) of at most `chunk_rows` rows, in no promised order.

        The rows are those whose window column lies in [start, end), whole seconds with a zone (else ValueError),
        and that belong to one of `categories` (None: all). A row belongs to exactly one category of its table, see
        `SourceTable.home`; a table without predicates yields all its rows for any of its categories. One
        server-side cursor, one snapshot; memory is that of a chunk. Raises SourceError.
        """
        wanted = _wanted(table, categories)
        if not wanted:
            return
        sql, selected = self._statement(table, start, end, wanted)
        with self._cursor(table) as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(chunk_rows):
                yield to_frame(rows, selected, table)

    def query(
        self, table: SourceTable, start: datetime, end: datetime, categories: Sequence[Category] | None = None
    ) -> str:
        """The statement that `read_window` runs for these arguments, word for word; "" where it runs none."""
        wanted = _wanted(table, categories)
        return self._statement(table, start, end, wanted)[0] if wanted else ""

    def count_rows(
        self, table: SourceTable, start: datetime, end: datetime, categories: Sequence[Category] | None = None
    ) -> int:
        """The rows that `read_window` would yield for these arguments. Raises SourceError."""
        wanted = _wanted(table, categories)
        if not wanted:
            return 0
        statement = select(func.count()).select_from(named_table(table)).where(self._rows(table, start, end, wanted))
        row = self._first(table, compiled(statement, self._engine.dialect))
        return int(row[0]) if row else 0

    def count_unplaced(self, table: SourceTable) -> int:
        """The rows that belong to no window: their window column is null, or (in SQLite) text that is no time."""
        self._checked(table)
        column = named_table(table).c[table.window_column]
        statement = select(func.count()).select_from(named_table(table)).where(self._unplaced(column))
        row = self._first(table, compiled(statement, self._engine.dialect))
        return int(row[0]) if row else 0

    def _unplaced(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        if self._engine.dialect.name == _SQLITE:
            return sqlite_unplaced(column)
        if self._engine.dialect.name == _POSTGRESQL:
            return or_(column.is_(None), column.in_(["infinity", "-infinity"]))
        return column.is_(None)

    def _statement(
        self, table: SourceTable, start: datetime, end: datetime, categories: Sequence[Category]
    ) -> tuple[str, tuple[SelectedColumn, ...]]:
        rows = self._rows(table, start, end, categories)
        statement, selected = select_rows(table, self._checked(table), self._engine.dialect, rows)
        return compiled(statement, self._engine.dialect), selected

    def _rows(
        self, table: SourceTable, start: datetime, end: datetime, categories: Sequence[Category]
    ) -> ColumnElement[Any]:
        """The predicate of a window's rows that may be of `categories`."""
        if any(bound.tzinfo is None or bound.microsecond for bound in (start, end)):
            raise ValueError("the bounds of a window have a zone and are whole seconds")
        families = self._checked(table)
        column = named_table(table).c[table.window_column]
        if self._engine.dialect.name == _SQLITE:
            window = self._sqlite_window(table, families[table.window_column], start, end)
        else:
            window = timestamp_window(column, families[table.window_column], start, end)
        return all_of(window, rows_of(table, families, categories))

    def _sqlite_window(self, table: SourceTable, family: Family, start: datetime, end: datetime) -> ColumnElement[Any]:
        """Looks first at what is stored, which the index answers: only ranges that can hold rows are asked for."""
        column = named_table(table).c[table.window_column]
        lowest, highest = (self._extreme(table, direction(column)) for direction in (asc, desc))
        some = select(column).select_from(named_table(table)).where(epoch_text_range(column, start, end)).limit(1)
        return sqlite_window(
            column,
            start,
            end,
            StoredRange(lowest, highest),
            # Where SQLite prefers numbers, text that is one has become one.
            epoch_texts=family not in _NO_NUMBERS_AS_TEXT
            and self._first(table, compiled(some, self._engine.dialect)) is not None,
        )

    def _extreme(self, table: SourceTable, order: UnaryExpression[Any]) -> Stored:
        column = named_table(table).c[table.window_column]
        statement = select(column).select_from(named_table(table)).where(column.is_not(None)).order_by(order).limit(1)
        row = self._first(table, compiled(statement, self._engine.dialect))
        return row[0] if row else None

    def _first(self, table: SourceTable, sql: str) -> Sequence[Any] | None:
        with self._cursor(table) as cursor:
            cursor.execute(sql)
            return next(iter(cursor.fetchmany(1)), None)

    def _checked(self, table: SourceTable) -> dict[str, Family]:
        if table not in self._families:
            self._families[table] = self._inspected(table)
        return self._families[table]

    def _inspected(self, table: SourceTable) -> dict[str, Family]:
        with self._connect() as connection, self._errors_of(table), warnings.catch_warnings():
            # A type that SQLAlchemy does not know is no news: most such columns are none of ours.
            warnings.simplefilter("ignore", SAWarning)
            inspector = inspect_database(connection)
            try:
                found = {
                    column["name"]: column["type"] for column in inspector.get_columns(table.table, schema=table.schema)
                }
            except NoSuchTableError:
                present = inspector.get_table_names(table.schema) + inspector.get_view_names(table.schema)
                raise missing_table(table, present) from None
            return check_columns(table, found, self._engine.dialect)

    @contextmanager
    def _cursor(self, table: SourceTable) -> Iterator[DBAPICursor]:
        """A cursor of the driver's own: SQLAlchemy's rows would double what a row costs.

        On PostgreSQL it lives in the server and the transaction is read-only. Where the database does not vouch for
        its text, which is SQLite and a PostgreSQL of the encoding SQL_ASCII, text comes as the bytes it is, so that
        a row that is not UTF-8 cannot end the read.
        """
        with self._connect() as connection, self._errors_of(table):
            try:
                with closing(self._driver_cursor(connection)) as cursor:
                    yield cursor
            except self._driver_error:
                connection.invalidate()
                raise

    def _driver_cursor(self, connection: Connection) -> DBAPICursor:
        dialect = self._engine.dialect
        if dialect.name == _POSTGRESQL and dialect.driver == _PSYCOPG:
            driver: Any = connection.execution_options(postgresql_readonly=True).connection.driver_connection
            if driver.info.parameter_status("server_encoding") == _NO_ENCODING:
                driver.execute(f"SET LOCAL client_encoding TO '{_NO_ENCODING}'")
            cursor: DBAPICursor = driver.cursor(name="statsig_export")
            return cursor
        if dialect.name == _SQLITE:
            sqlite: Any = connection.connection.driver_connection
            sqlite.text_factory = bytes
        return connection.connection.cursor()

    @property
    def _driver_error(self) -> type[Exception]:
        return self._engine.dialect.loaded_dbapi.Error

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self._engine.connect()
        except SQLAlchemyError as error:
            raise SourceError(
                f"the source database ({self._engine.dialect.name}) cannot be reached: {_class_of(error)}",
                hint=_UNREACHABLE,
            ) from None
        with connection:
            yield connection

    @contextmanager
    def _errors_of(self, table: SourceTable) -> Iterator[None]:
        """Errors while `table` is read, by their class only: the driver's text may quote rows or the URL."""
        try:
            yield
        except (SQLAlchemyError, self._driver_error, UnicodeError) as error:
            raise SourceError(
                f"reading table {table.qualified_name} failed: {_class_of(error)}", hint=_UNREAD
            ) from None


def open_source(config: Config) -> Source:
    """The source that `config` names. Connects only when it is used, but a SQLite file must exist now.

    Raises ConfigError for what export.toml says, SourceError for a missing file or a driver that is not installed.
    """
    tables = source_tables(config.source)
    url = config.source_url()
    backend = url.get_backend_name()
    try:
        if backend == _SQLITE:
            _require_file(url)
            engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        elif backend == _POSTGRESQL and url.get_driver_name() == _PSYCOPG:
            options = {name: value for name, value in _PSYCOPG_OPTIONS.items() if name not in url.query}
            engine = create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
            bound_lock_waits(engine, LOCK_WAIT_MS)
        else:
            engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except (ImportError, ArgumentError) as error:
        raise SourceError(
            f"no driver for {url.drivername} can be loaded: {type(error).__name__}",
            hint="install it, for PostgreSQL with `pip install statsig-export[postgres]`",
        ) from None
    return Source(engine, tables)


def _require_file(url: URL) -> None:
    """SQLite would make an empty database of a mistyped path."""
    path = url.database or ""
    if not path or path == ":memory:" or path.startswith("file:"):
        return
    if not Path(path).is_file():
        raise SourceError(f"there is no SQLite database at {path}", hint="source.url names that file")


def _wanted(table: SourceTable, categories: Sequence[Category] | None) -> tuple[Category, ...]:
    return table.categories if categories is None else tuple(c for c in table.categories if c in categories)


def _class_of(error: Exception) -> str:
    """The driver's class and, where it has one, its SQLSTATE: nothing that can hold a secret or a payload."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    state = getattr(original, "sqlstate", None)
    return type(original).__name__ + (f" (SQLSTATE {state})" if state else "")
