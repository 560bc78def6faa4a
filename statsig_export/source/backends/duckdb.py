"""DuckDB: what differs there.

`epoch_us` counts from the epoch in UTC for every kind of timestamp, is null for an infinite one, and needs no ICU
extension as time zones do. `to_json` makes JSON of a STRUCT, a MAP or a VARIANT.

It is read without a SQLAlchemy dialect (readers/duckdb.py); statements are compiled by the one below.
"""

from string import ascii_lowercase, ascii_uppercase
from typing import Final

from sqlalchemy import URL, Text, case, cast, func
from sqlalchemy.dialects.postgresql.base import PGDialect

from statsig_export.layouts.families import Family
from statsig_export.source.backends.backend import (
    Backend,
    Reader,
    SqlColumn,
    catalog_view,
    file_dataset,
    information_schema_look,
    is_null_or_infinite,
)


class DuckDbDialect(PGDialect):
    """DuckDB's SELECT is PostgreSQL's but for what the record says."""

    name = "duckdb"
    supports_statement_cache = False


def _utc(column: SqlColumn, _: Family) -> SqlColumn:
    return func.make_timestamp(func.epoch_us(column))


def _json_text(nested: SqlColumn) -> SqlColumn:
    return cast(func.to_json(nested), Text)


def _json_member(column: SqlColumn, family: Family, key: str) -> SqlColumn:
    """A text may be no JSON."""
    member = func.json_extract_string(column, f"$.{key}")
    return case((func.json_valid(column), member)) if family is Family.TEXT else member


def _first_byte(text: SqlColumn) -> SqlColumn:
    """Not `lower`, which goes beyond ASCII's letters."""
    return func.substr(func.md5(func.translate(text, ascii_uppercase, ascii_lowercase)), 1, 2)


CATALOG: Final = catalog_view("columns", schema="information_schema")

LOOK: Final = information_schema_look(
    view="(SELECT * FROM information_schema.columns WHERE table_catalog = current_catalog())"
)

DUCKDB: Final = Backend(
    name="duckdb",
    extra="duckdb",
    file_format="DuckDB",
    reader=Reader.DUCKDB,
    catalog=CATALOG,
    look=LOOK,
    families=dict.fromkeys(('"null"', "null"), Family.TEXT),  # of Parquet whose writer saw no value in a column
    json_text=_json_text,
    json_member=_json_member,
    first_byte=_first_byte,
    hex_digits=lambda number: func.lower(func.lpad(func.to_hex(number), 15, "0")),
    utc=_utc,
    far_years=True,
    is_no_moment=is_null_or_infinite,
    dataset=file_dataset,
)

IN_MEMORY: Final = URL.create(DUCKDB.name, database=":memory:")
"""A database that holds nothing, for the views of files."""
