"""What differs between databases in the text of a statement: JSON, times, text, numbers. Pure.

Each decision names its source, the documentation of the database:

PostgreSQL  `timezone('UTC', t)` takes a timestamptz to UTC's wall clock, whatever the session's TimeZone is.
DuckDB      `epoch_us` counts from the epoch in UTC for every kind of timestamp, is null for an infinite one, and needs
            no ICU extension as time zones do. `to_json` makes JSON of a STRUCT, a MAP or a VARIANT.
MySQL       A TIMESTAMP is shown and compared in the session's time_zone, which source_database.py sets to UTC; a
            DATETIME has no zone. `CAST(... AS CHAR)` is the only way to text. Text is compared without regard to
            case by default, so no predicate on text is exact.
Snowflake   A bare TIMESTAMP is one of three types, as TIMESTAMP_TYPE_MAPPING says: the type is always written out.
            `CONVERT_TIMEZONE('UTC', t)` gives a TIMESTAMP_TZ; cast to TIMESTAMP_NTZ it is UTC's wall clock.
            `TO_JSON` makes text of a VARIANT, an OBJECT or a MAP.
BigQuery    TIMESTAMP is a moment, DATETIME a wall clock. `DATETIME(t, 'UTC')` goes from one to the other.
            `TO_JSON_STRING` makes text of JSON and STRUCT, and the text "null" of a NULL.
Redshift    A cast to TEXT cuts at 256 bytes (TEXT is VARCHAR(256)); VARCHAR without a length takes what it is given.
            `JSON_SERIALIZE` makes text of a SUPER, and the text "null" of a NULL; it fails beyond the length of a
            VARCHAR. Blanks at the end of a text do not count in comparisons, so no predicate on text is exact.

Floating-point numbers are taken from the driver as they are where the database would print fewer digits than they
have: Snowflake, MySQL (FLOAT), Redshift (without extra_float_digits), and BigQuery, which promises no shortest form.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    CHAR,
    VARCHAR,
    ClauseElement,
    ColumnElement,
    DateTime,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from statsig_export.source.backends.snowflake import _TimestampNtz
from statsig_export.source.schema import Family

SqlColumn = ColumnElement[Any]


_TEXT: Final[Mapping[str, TypeEngine[Any]]] = {"mysql": CHAR(), "mariadb": CHAR(), "redshift": VARCHAR()}
# These columns are text already, and a cast could only cut them or change their collation.
_TEXT_AS_IT_IS: Final = frozenset({"mysql", "mariadb", "snowflake", "bigquery", "redshift"})
_FLOATS_AS_THEY_ARE: Final = frozenset({"mysql", "mariadb", "snowflake", "bigquery", "redshift"})
_INEXACT_TEXT: Final = frozenset({"mysql", "mariadb", "redshift"})

_JSON_TEXT: Final[Mapping[str, Callable[[SqlColumn], SqlColumn]]] = {
    "duckdb": lambda nested: cast(func.to_json(nested), Text),
    "snowflake": func.to_json,
    "bigquery": func.to_json_string,
    "redshift": func.json_serialize,
}

# The type of a window's bounds. None: whatever the dialect makes of SQLAlchemy's own.
_MOMENT_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "snowflake": ("TIMESTAMP_NTZ", "TIMESTAMP_TZ"),
    "bigquery": ("DATETIME", "TIMESTAMP"),
}

_UTC: Final[Mapping[str, Callable[[SqlColumn], SqlColumn]]] = {
    "postgresql": lambda column: func.timezone("UTC", column),
    "redshift": lambda column: func.timezone("UTC", column),
    "duckdb": lambda column: func.make_timestamp(func.epoch_us(column)),
    "snowflake": lambda column: cast(func.convert_timezone("UTC", column), _TimestampNtz()),
    "bigquery": lambda column: func.datetime(column, "UTC"),
}

# What Python's datetime can hold: the `infinity` and the far years of some databases would end the whole read.
_FIRST_YEAR: Final = "0001-01-01"
_PAST_YEARS: Final = "9999-12-31"
_FAR_YEARS: Final = frozenset({"postgresql", "redshift", "duckdb"})
_INFINITIES: Final = frozenset({"postgresql", "duckdb"})
# MySQL's zero dates and those with a zero day or month: SQLAlchemy's drivers have no datetime for them.
_ZERO_DATES: Final = frozenset({"mysql", "mariadb"})


def compiled(statement: ClauseElement, dialect: Dialect) -> str:
    """The statement's text, its values in it. A named parameter style keeps "%" single, as no parameters follow."""
    named: Callable[..., Dialect] = type(dialect)
    return str(statement.compile(dialect=named(paramstyle="named"), compile_kwargs={"literal_binds": True}))


def as_text(column: SqlColumn, family: Family, database: str) -> SqlColumn:
    """The column as text: JSON as JSON text, a number in the database's own spelling of it."""
    if family is Family.NESTED:
        return case((column.is_not(None), _JSON_TEXT[database](column)))
    if family is Family.TEXT and database in _TEXT_AS_IT_IS:
        return column
    return cast(column, _TEXT.get(database, Text()))


def keeps_floats(database: str) -> bool:
    """Whether floats are selected as they are, not as text."""
    return database in _FLOATS_AS_THEY_ARE


def exact_text(column: SqlColumn, family: Family, database: str) -> SqlColumn | None:
    """The column for comparisons of text that see every difference; None where the database has none to offer."""
    if database in _INEXACT_TEXT:
        return None
    if database == "sqlite":
        return column.collate("BINARY")
    return cast(column, Text) if family is Family.LABEL else column


def as_utc(column: SqlColumn, family: Family, database: str) -> SqlColumn:
    """A timestamp column in UTC and without a zone, so that the session's zone has no say.

    Null where Python has no such year. A column without a zone is taken to be in UTC.
    """
    convert = _UTC.get(database)
    utc = convert(column) if convert and (family is Family.TIMESTAMP_TZ or database == "duckdb") else column
    return case((and_(utc >= _FIRST_YEAR, utc < _PAST_YEARS), utc)) if database in _FAR_YEARS else utc


def moment_of(moment: datetime, family: Family, database: str) -> SqlColumn:
    """A bound of a window, to be compared with a timestamp column of this family."""
    utc = moment.astimezone(UTC)
    zoned = family is Family.TIMESTAMP_TZ
    if database in _MOMENT_TYPES:
        kind = _MOMENT_TYPES[database][zoned]
        return literal_column(f"CAST('{utc:%Y-%m-%d %H:%M:%S}{'+00:00' if zoned else ''}' AS {kind})")
    generic = DateTime(timezone=zoned)
    return cast(literal(utc if zoned else utc.replace(tzinfo=None), generic), generic)


def no_moment(column: SqlColumn, database: str) -> SqlColumn:
    """The rows of a timestamp column that no window holds."""
    if database in _INFINITIES:
        return or_(column.is_(None), column.in_(["infinity", "-infinity"]))
    if database in _ZERO_DATES:
        return or_(column.is_(None), column < literal_column(f"'{_FIRST_YEAR}'"))
    return column.is_(None)
