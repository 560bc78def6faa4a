"""MySQL and MariaDB: what differs there.

A TIMESTAMP is shown and compared in the session's time_zone, which is set to UTC; a DATETIME has no zone.
`CAST(... AS CHAR)` is the only way to text. Text is compared without regard to case by default, so no predicate on text
is exact. pymysql streams with its SSCursor; the default cursor holds the whole result.
"""

from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import Any, Final

from sqlalchemy import CHAR, URL, Connection, Engine, case, cast, event, func, literal_column
from sqlalchemy.dialects.mysql import CHAR as CHAR_OF_CHARSET
from sqlalchemy.engine.interfaces import DBAPICursor

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    LOCK_WAIT_MS,
    Arguments,
    Backend,
    DatasetName,
    Driver,
    SqlColumn,
    information_schema_look,
    never_exact,
    pooled_engine,
    server_dataset,
)

_SETTINGS: Final = ("time_zone", "lock_wait_timeout", "sql_select_limit")
_NO_LIMIT: Final = 2**64 - 1
_AS_THEY_WERE: Final = "settings before our transaction"


def _engine(url: URL, arguments: Arguments) -> Engine:
    engine = pooled_engine(url, arguments)
    event.listen(engine, "begin", _set)
    event.listen(engine, "rollback", _set_back)
    event.listen(engine, "commit", _set_back)
    return engine


def _set(connection: Connection) -> None:
    """UTC for TIMESTAMP columns, a bound on waiting for a table that is being altered, all rows, and no writing.

    A sql_select_limit, which servers and tools for people set, would leave out the rows beyond it without a word.

    There are no settings of a transaction here but the last, so those of the session are noted, and set back.
    """
    row = connection.exec_driver_sql("SELECT " + ", ".join(f"@@SESSION.{name}" for name in _SETTINGS)).one()
    connection.info[_AS_THEY_WERE] = tuple(row)
    _change(connection, "+00:00", LOCK_WAIT_MS // 1_000, _NO_LIMIT)
    connection.exec_driver_sql("START TRANSACTION READ ONLY")


def _set_back(connection: Connection) -> None:
    """A pooler may give the session to others. A connection that is thrown away takes its session with it."""
    if not connection.invalidated and (before := connection.info.pop(_AS_THEY_WERE, None)) is not None:
        _change(connection, *before)


def _change(connection: Connection, *values: str | int) -> None:
    cursor = connection.connection.cursor()  # of the driver: SQLAlchemy begins no statement while a transaction ends
    settings = zip(_SETTINGS, values, strict=True)
    cursor.execute("SET SESSION " + ", ".join(f"{name} = {value!r}" for name, value in settings))
    cursor.close()


def _unbuffered_cursor(connection: Connection) -> DBAPICursor:
    driver: Any = connection.connection.driver_connection
    unbuffered: DBAPICursor = driver.cursor(import_module("pymysql.cursors").SSCursor)
    return unbuffered


def _abandon(cursor: DBAPICursor) -> None:
    """MySQL has no way to call a result off, so pymysql would read the rest of it, row by row, when the cursor is
    closed and again when the result is collected, over a connection that may be gone.
    """
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False


def _is_no_moment(column: SqlColumn) -> SqlColumn:
    """Zero dates too, and those with a zero day or month: SQLAlchemy's drivers have no datetime for them."""
    return column.is_(None) | (column < literal_column("'0001-01-01'"))


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    return server_dataset(url, table, scheme="mysql", port=3306, schema="", host=url.host or "localhost")


def _bound(utc: datetime, _: Family) -> SqlColumn:
    """Written out: Dagster teaches SQLAlchemy another spelling of the type for the whole process."""
    return literal_column(f"CAST('{utc:%Y-%m-%d %H:%M:%S}' AS DATETIME)")


def _json_member(column: SqlColumn, family: Family, key: str) -> SqlColumn:
    """A text may be no JSON."""
    member = func.json_unquote(func.json_extract(column, f"$.{key}"))
    return case((func.json_valid(column), member)) if family is Family.TEXT else member


def _first_byte(text: SqlColumn) -> SqlColumn:
    """Of the bytes in UTF-8, whatever the column's character set is."""
    return func.substr(func.md5(func.lower(cast(text, CHAR_OF_CHARSET(charset="utf8mb4")))), 1, 2)


MYSQL: Final = Backend(
    name="mysql",
    extra="mysql",
    engine=_engine,
    drivers={"pymysql": Driver(_unbuffered_cursor, _abandon)},
    look=information_schema_look(
        current="database()", kind="column_type", system=("information_schema", "mysql", "performance_schema", "sys")
    ),
    schemas_are_databases=True,
    text_type=CHAR(),
    casts_text=False,
    floats_as_text=False,
    json_member=_json_member,
    first_byte=_first_byte,
    hex_digits=lambda number: func.lpad(func.lower(func.hex(number)), 15, "0"),
    bound=_bound,
    exact_text=never_exact,
    is_no_moment=_is_no_moment,
    dataset=_dataset,
)
MARIADB: Final = replace(MYSQL, name="mariadb")
