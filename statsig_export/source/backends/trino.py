"""Trino: what differs there.

A literal of a moment names its zone. `AT TIME ZONE 'UTC'`, as a function, and a cast to a TIMESTAMP give UTC's wall
clock. `JSON_FORMAT` makes text of a JSON, which a cast of a ROW or a MAP makes; a cast of a JSON to text takes a JSON
text alone. It is read through its dialect, whose cursor fetches a page at a time.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import URL, cast, func, literal_column

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Backend,
    DatasetName,
    SqlColumn,
    dotted,
    if_zoned,
    information_schema_look,
    labels_as,
)
from statsig_export.source.written_type import WrittenType

_VARCHAR: Final = WrittenType("VARCHAR")


def _to_utc(column: SqlColumn) -> SqlColumn:
    return cast(func.at_timezone(column, "UTC"), WrittenType("TIMESTAMP(6)"))


def _bound(utc: datetime, family: Family) -> SqlColumn:
    zone = " UTC" if family is Family.TIMESTAMP_TZ else ""
    return literal_column(f"TIMESTAMP '{utc:%Y-%m-%d %H:%M:%S}{zone}'")


def _json_text(nested: SqlColumn) -> SqlColumn:
    return func.json_format(cast(nested, WrittenType("JSON")))


def _json_member(column: SqlColumn, family: Family, key: str) -> SqlColumn:
    return func.json_extract_scalar(_json_text(column) if family is Family.NESTED else column, f"$.{key}")


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    """A URL names catalog and schema as its database."""
    catalog, _, schema = (url.database or "").partition("/")
    port = url.port or 8080
    return DatasetName(
        f"trino://{url.host or 'localhost'}:{port}", dotted(catalog, table.schema or schema, table.table)
    )


TRINO: Final = Backend(
    name="trino",
    extra="trino",
    look=information_schema_look(current="current_schema"),
    families=dict.fromkeys(("type_decorator", "MAP", "ROW"), Family.NESTED),  # the first is its dialect's JSON
    text_type=_VARCHAR,
    casts_text=False,
    floats_as_text=False,
    json_text=_json_text,
    json_member=_json_member,
    exact_text=labels_as(_VARCHAR),
    utc=if_zoned(_to_utc),
    bound=_bound,
    dataset=_dataset,
)
