"""PostgreSQL: what differs there.

`timezone('UTC', t)` takes a timestamptz to UTC's wall clock, whatever the session's TimeZone is. A result streams
through a named cursor, which lives in the server (psycopg's documentation, "Server-side cursors"), in a transaction
that is read-only.
"""

from collections.abc import Collection
from functools import partial
from typing import Any, Final

from sqlalchemy import URL, BigInteger, Connection, Engine, cast, func
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.engine.interfaces import DBAPICursor

from statsig_export.databases.sessions import (
    NOT_PREPARED,
    check_search_path,
    set_in_transactions,
    settings_of_a_transaction,
)
from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    LOCK_WAIT_MS,
    Arguments,
    Backend,
    DatasetName,
    Driver,
    Reader,
    SqlColumn,
    if_zoned,
    is_null_or_infinite,
    pooled_engine,
    quoted_text,
    server_dataset,
)

CONNECTION: Final = {"connect_timeout": "15", "client_encoding": "utf8"}
"""Unless the URL or [source.connect] says otherwise. PgBouncer gives the next client its own encoding back; not so an
application_name."""
_ALL_DIGITS: Final = {
    "extra_float_digits": "CASE WHEN current_setting('server_version_num')::int < 120000"
    " THEN current_setting('extra_float_digits') ELSE '1' END"
}
"""The text of a double has all its digits, as few as tell it apart, whatever the role, or who had a pooler's session
before, has set: else events, and the ids of rows without a key, would be others. Before version 12 no setting does so.
"""
NO_ENCODING: Final = "SQL_ASCII"
"""The encoding of a database whose text may not be UTF-8: it comes as bytes."""
PORT: Final = 5432

to_utc = partial(func.timezone, "UTC")


def _named_cursor(connection: Connection) -> DBAPICursor:
    driver: Any = connection.connection.driver_connection
    named: DBAPICursor = driver.cursor(name="statsig_export")
    return named


NAMED_CURSOR: Final = Driver(_named_cursor, at_once=1_000)  # each time is a round trip


def transaction_settings(given: Collection[str], **settings: str) -> str:
    """The settings of a transaction that reads; `given` are the names that the URL and the arguments have."""
    named = {} if "application_name" in given else {"application_name": "statsig-export"}
    return settings_of_a_transaction(LOCK_WAIT_MS, _ALL_DIGITS, **named, **settings)


def _engine(url: URL, arguments: Arguments) -> Engine:
    given = {*url.query, *arguments}
    if url.get_driver_name() == "psycopg":
        options = {name: value for name, value in CONNECTION.items() if name not in given}
        arguments = {**options, **NOT_PREPARED, **arguments}
    engine = pooled_engine(url, arguments)
    set_in_transactions(engine, transaction_settings(given))
    check_search_path(engine, "source.url", arguments)
    return engine


def _prepare(connection: Connection) -> None:
    if connection.dialect.driver in POSTGRESQL.drivers:
        connection.execution_options(postgresql_readonly=True)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.driver == "psycopg" and driver.info.parameter_status("server_encoding") == NO_ENCODING:
        driver.execute(f"SET LOCAL client_encoding TO '{NO_ENCODING}'")


_CATALOG: Final = """
SELECT n.nspname, c.relname, a.attname,
    CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
    ELSE format_type(a.atttypid, a.atttypmod) END,
    pg_table_is_visible(c.oid),
    has_schema_privilege(n.oid, 'USAGE')
    AND (has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, a.attnum, 'SELECT'))
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped AND """
_NO_DATA: Final = "n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|_timescaledb)'"


def _look(schema: str | None) -> str:
    """Views of every kind and foreign tables too; of a partitioned table the whole, not its parts."""
    of = _NO_DATA if schema is None else f"lower(n.nspname) = {quoted_text(schema.lower())}"
    return f"{_CATALOG}{of}\nORDER BY n.nspname, c.relname, a.attnum"


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    return server_dataset(url, table, scheme="postgres", port=PORT, schema="public", host=url.host or "localhost")


def _json_member(column: SqlColumn, family: Family, key: str) -> SqlColumn:
    member: SqlColumn = (column if family is Family.JSON else cast(column, JSON)).op("->>")(key)
    return member


def _first_byte(text: SqlColumn) -> SqlColumn:
    """In the collation "C" `lower` knows only ASCII. `translate` does too, but cost more than all the rest."""
    return func.substr(func.md5(func.lower(text.collate("C"))), 1, 2)


def _hex_digits(number: SqlColumn) -> SqlColumn:
    return func.lpad(func.to_hex(cast(number, BigInteger)), 15, "0")


POSTGRESQL: Final = Backend(
    name="postgresql",
    extra="postgres",
    engine=_engine,
    reader=Reader.ADBC,
    drivers={"psycopg": NAMED_CURSOR, "psycopg2": NAMED_CURSOR},
    prepare=_prepare,
    case_sensitive=True,
    look=_look,
    json_member=_json_member,
    first_byte=_first_byte,
    hex_digits=_hex_digits,
    utc=if_zoned(to_utc),
    far_years=True,
    is_no_moment=is_null_or_infinite,
    dataset=_dataset,
)
