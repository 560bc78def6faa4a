"""What differs between source databases: one record per database, of data and small functions. Pure.

To add a database, write `backends/<database>.py` with its record, name it in known.py and pin its statements
(tests/databases/statements). The defaults are those of standard SQL and of a driver as PEP 249 describes it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    TableClause,
    Text,
    cast,
    column,
    create_engine,
    literal,
    literal_column,
)
from sqlalchemy import table as table_clause
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.types import TypeEngine

from statsig_export.database_urls import file_of
from statsig_export.layouts.families import Family
from statsig_export.layouts.model import Kind, SourceTable

SqlColumn: TypeAlias = ColumnElement[Any]
Errors: TypeAlias = tuple[type[Exception], ...]

LOCK_WAIT_MS: Final = 60_000
"""How long a read waits for a locked table, unless the URL or the role sets a lock_timeout."""


AT_ONCE: Final = 256
"""Rows that a driver is asked for at once, where asking costs no round trip to a server."""


class Reader(StrEnum):
    """How the rows come in: the modules of `source/readers`."""

    CURSOR = "cursor"
    """Rows of the driver's own cursor."""
    ADBC = "adbc"
    """Arrow record batches through ADBC where it is installed, else rows."""
    DUCKDB = "duckdb"
    """Arrow record batches through DuckDB's own client."""
    CLICKHOUSE = "clickhouse"
    """Arrow record batches through ClickHouse's own client."""
    DATABRICKS = "databricks"
    """Arrow record batches of the driver's own cursor."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What a driver needs so that a result streams."""

    cursor: Callable[[Connection], DBAPICursor]
    """Opens a cursor that does not hold the whole result."""
    abandon: Callable[[DBAPICursor], None] | None = None
    """Drops a result that was not read to its end; its connection is closed next."""
    at_once: int = AT_ONCE
    """Rows that are asked for at once."""


class FirstValue(Protocol):
    """Runs a statement: the window column's value in the first row that `where` selects; None if there is no row."""

    def __call__(self, where: SqlColumn, order: SqlColumn | None = None, /) -> Any: ...  # noqa: ANN401 - as stored


class Window(Protocol):
    """The predicate for the rows of a window, [start, end), on a column of this family."""

    def __call__(
        self, column: SqlColumn, family: Family, start: datetime, end: datetime, first_value: FirstValue, /
    ) -> SqlColumn: ...


class Look(Protocol):
    """The statement that looks at the whole catalog at once.

    Its rows are the columns of all tables and views of `schema` (None: of all schemas but the system's own) in order of
    table and position: schema, table, column, type, whether the table is found without its schema, whether the user may
    read the column.
    """

    def __call__(self, schema: str | None, /) -> str: ...


@dataclass(frozen=True, slots=True)
class DatasetName:
    """What OpenLineage's naming conventions call a table: two with both parts equal are one."""

    namespace: str
    name: str


Arguments: TypeAlias = Mapping[str, Any]
"""What a driver is given beside the URL: [source.connect], its secrets looked up."""


def pooled_engine(url: URL, arguments: Arguments) -> Engine:
    return create_engine(url, connect_args=dict(arguments), pool_pre_ping=True, hide_parameters=True)


def catalog_view(name: str, schema: str | None = None) -> TableClause:
    """A view of the database's catalog with one row per column of each table."""
    columns = ("table_schema", "table_name", "column_name", "data_type", "ordinal_position")
    return table_clause(name, *map(column, columns), schema=schema)


def information_schema_look(
    *,
    view: str = "information_schema.columns",
    current: str = "current_schema()",
    kind: str = "data_type",
    system: Sequence[str] = ("information_schema",),
) -> Look:
    """A look at a view of the catalog that has the columns of the standard's information schema.

    `current` is the schema of the connection, `system` are schemas that hold no data of the user. The view lists what
    the user may read.
    """

    def look(schema: str | None) -> str:
        unwanted = ", ".join(map(quoted_text, system))
        of = f"NOT IN ({unwanted})" if schema is None else f"= {quoted_text(schema.lower())}"
        return (
            f"SELECT table_schema, table_name, column_name, {kind}, "  # noqa: S608 - quoted above
            f"CASE WHEN table_schema = {current} THEN 1 ELSE 0 END, 1 FROM {view} "
            f"WHERE lower(table_schema) {of} ORDER BY table_schema, table_name, ordinal_position"
        )

    return look


def quoted_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def if_zoned(convert: Callable[[SqlColumn], SqlColumn]) -> Callable[[SqlColumn, Family], SqlColumn]:
    """`convert` for timestamps with a time zone, the column itself for those without."""
    return lambda column, family: convert(column) if family is Family.TIMESTAMP_TZ else column


def cast_bound(naive: str, zoned: str) -> Callable[[datetime, Family], SqlColumn]:
    """Bounds of a window as texts that are cast to these types, without and with a zone."""

    def bound(utc: datetime, family: Family) -> SqlColumn:
        offset, kind = ("+00:00", zoned) if family is Family.TIMESTAMP_TZ else ("", naive)
        return literal_column(f"CAST('{utc:%Y-%m-%d %H:%M:%S}{offset}' AS {kind})")

    return bound


def is_null_or_infinite(column: SqlColumn) -> SqlColumn:
    return column.is_(None) | column.in_(["infinity", "-infinity"])


def never_exact(_: SqlColumn, __: Family) -> None:
    """For databases whose comparisons of text overlook something."""


def server_dataset(
    url: URL, table: SourceTable, *, scheme: str, port: int | None, schema: str, host: str
) -> DatasetName:
    """`scheme://host:port` and `database.schema.table`; `port` and `schema` are the defaults of the database."""
    port = url.port or port
    authority = host if port is None else f"{host}:{port}"
    return DatasetName(f"{scheme}://{authority}", dotted(url.database, table.schema or schema, table.table))


def file_dataset(url: URL, table: SourceTable) -> DatasetName:
    return DatasetName(f"{url.get_backend_name()}://{file_of(url) or url.database}", table.qualified_name)


def dotted(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _itself(column: SqlColumn, _: Family) -> SqlColumn:
    return column


def _is_null(column: SqlColumn) -> SqlColumn:
    return column.is_(None)


def _cast_to_text(column: SqlColumn) -> SqlColumn:
    return cast(column, Text)


def labels_as(kind: TypeEngine[Any]) -> Callable[[SqlColumn, Family], SqlColumn]:
    """For `exact_text`: a label, such as an ENUM's, is cast to this type; any other column is a text already."""
    return lambda column, family: cast(column, kind) if family is Family.LABEL else column


_LABELS_AS_TEXT: Final = labels_as(Text())


def _bound(utc: datetime, family: Family) -> SqlColumn:
    """What the dialect makes of SQLAlchemy's own type."""
    zoned = family is Family.TIMESTAMP_TZ
    kind = DateTime(timezone=zoned)
    return cast(literal(utc if zoned else utc.replace(tzinfo=None), kind), kind)


def _do_nothing(_: Connection) -> None:
    pass


def _no_errors() -> Errors:
    return ()


def _server_dataset(url: URL, table: SourceTable) -> DatasetName:
    host = url.host or "localhost"
    return server_dataset(url, table, scheme=url.get_backend_name(), port=None, schema="", host=host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One database, or those that share a SQLAlchemy dialect's name."""

    name: str
    """The name of its SQLAlchemy dialect, with which a URL begins."""
    extra: str | None = None
    """The extra of this package that installs its drivers."""
    file_format: str | None = None
    """What messages call it if a database is one file, which must exist before it is opened."""

    # Connections
    engine: Callable[[URL, Arguments], Engine] = pooled_engine
    """Connects only when it is used. What it sets on a session holds for our transactions alone: a pooler may give the
    session to others. Raises ImportError or ArgumentError.
    """
    reader: Reader = Reader.CURSOR
    drivers: Mapping[str, Driver] = field(default_factory=dict)
    """By SQLAlchemy's name of the driver. The result of any other driver may be held as a whole."""
    prepare: Callable[[Connection], None] = _do_nothing
    """Called on the connection before each statement."""
    doubles_percent: bool = False
    """Whether the driver halves each "%%" of a statement that has no parameters."""
    other_errors: Callable[[], Errors] = _no_errors
    """Errors of the client that are no errors of its DB-API."""

    # Names and types
    case_sensitive: bool = False
    """Whether names that differ in case only are different names."""
    catalog: TableClause | None = None
    """Where the columns of a table are looked up; None: through SQLAlchemy's inspection."""
    look: Look | None = None
    """Looks at the whole catalog in one statement; None: SQLAlchemy's inspection does, table by table where it must."""
    schemas_are_databases: bool = False
    """Whether what `look` calls a schema is a database, of which the URL names one."""
    families: Mapping[str, Family] = field(default_factory=dict)
    """Types that are placed wrongly or nowhere otherwise, by the name that the dialect's class compiles under, or by
    their name in `catalog` in lower case, without its parameters.
    """
    integers_are_numeric: bool = False
    """Whether an integer is declared as a NUMERIC of scale 0."""
    values_have_types: bool = False
    """Whether a value may be of another type than its column."""
    also_accepted: Mapping[Kind, frozenset[Family]] = field(default_factory=dict)
    """Families that a column of this kind may have, beside those of `layouts.families.ACCEPTED`."""

    # Expressions
    text_type: TypeEngine[Any] = field(default_factory=Text)
    """What a column is cast to, to be text."""
    casts_text: bool = True
    """Whether columns of text are cast too; False where a cast could only cut them or change their collation."""
    floats_as_text: bool = True
    """Whether the text of a float has all its digits; else floats are selected as they are."""
    json_text: Callable[[SqlColumn], SqlColumn] = _cast_to_text
    """The JSON text of a column of the family NESTED."""
    json_member: Callable[[SqlColumn, Family, str], SqlColumn] | None = None
    """A member of the JSON object that a column holds, as text; null where there is none. None: not known here."""
    exact_text: Callable[[SqlColumn, Family], SqlColumn | None] = _LABELS_AS_TEXT
    """The column for comparisons of text that see every difference; None if the database has no such comparison."""
    first_byte: Callable[[SqlColumn], SqlColumn] | None = None
    """Two small hex digits: the first byte of the MD5 of a text in UTF-8, its ASCII letters small. None: which shard a
    row is in is seen once it is read."""
    hex_digits: Callable[[SqlColumn], SqlColumn] | None = None
    """Fifteen small hex digits of a whole number from 0 to 2**60 - 1; goes with `first_byte`."""
    utc: Callable[[SqlColumn, Family], SqlColumn] = _itself
    """A timestamp column in UTC, without a zone, whatever the session's zone is."""
    far_years: bool = False
    """Whether a timestamp can lie outside the years 1 to 9999, which end a driver's read."""

    # Windows
    bound: Callable[[datetime, Family], SqlColumn] = _bound
    """A bound of a window, a time in UTC, to be compared with a timestamp column of this family."""
    is_no_moment: Callable[[SqlColumn], SqlColumn] = _is_null
    """The predicate for rows whose timestamp no window can hold."""
    window: Window | None = None
    """None: bounds of the column's own type."""
    unplaced: Callable[[SqlColumn], SqlColumn] | None = None
    """The predicate for the rows that no `window` can hold."""
    before: Callable[[SqlColumn, datetime], SqlColumn] | None = None
    """The predicate, among the rows that a `window` can hold, for those before a moment."""

    # OpenLineage
    dataset: Callable[[URL, SourceTable], DatasetName] = _server_dataset

    def __post_init__(self) -> None:
        if (self.first_byte is None) is not (self.hex_digits is None):
            raise ValueError(f"{self.name}: first_byte and hex_digits belong together")
        if len({placing is None for placing in (self.window, self.unplaced, self.before)}) > 1:
            raise ValueError(f"{self.name}: window, unplaced and before belong together")
