"""MySQL and MariaDB: what differs there.

A TIMESTAMP is shown and compared in the session's time_zone, which is set to UTC; a DATETIME has no zone.
`CAST(... AS CHAR)` is the only way to text. Text is compared without regard to case by default, so no predicate on text
is exact. pymysql streams with its SSCursor; the default cursor holds the whole result.
"""

from dataclasses import replace
from importlib import import_module
from typing import Any, Final

from sqlalchemy import CHAR, URL, Connection, literal_column
from sqlalchemy.engine.interfaces import DBAPICursor

from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    LOCK_WAIT_MS,
    Backend,
    DatasetName,
    Driver,
    SqlColumn,
    information_schema_look,
    never_exact,
    server_dataset,
    session_engine,
)


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


MYSQL: Final = Backend(
    name="mysql",
    extra="mysql",
    # UTC for TIMESTAMP columns, no writing, and a bound on waiting for a table that is being altered.
    engine=session_engine(
        f"SET SESSION time_zone = '+00:00', lock_wait_timeout = {LOCK_WAIT_MS // 1_000}",
        "SET SESSION TRANSACTION READ ONLY",
    ),
    drivers={"pymysql": Driver(_unbuffered_cursor, _abandon)},
    look=information_schema_look(
        current="database()", kind="column_type", system=("information_schema", "mysql", "performance_schema", "sys")
    ),
    text_type=CHAR(),
    casts_text=False,
    floats_as_text=False,
    exact_text=never_exact,
    is_no_moment=_is_no_moment,
    dataset=_dataset,
)
MARIADB: Final = replace(MYSQL, name="mariadb")
