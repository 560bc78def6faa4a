"""BigQuery: what differs there.

TIMESTAMP is a moment, DATETIME a wall clock, but neither class of the dialect says so; JSON is a type that the dialect
does not know ("null"), and a STRUCT is "user_defined" (sqlalchemy_bigquery._types). `DATETIME(t, 'UTC')` goes from a
moment to a wall clock. `TO_JSON_STRING` makes text of JSON and STRUCT, and the text "null" of a NULL. No shortest form
of a float is promised.

The driver fetches a page at a time, of `arraysize` rows (google.cloud.bigquery.dbapi).
"""

import re
from importlib import import_module
from typing import Final

from sqlalchemy import URL, Engine, create_engine, func

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Arguments,
    Backend,
    DatasetName,
    Errors,
    SqlColumn,
    cast_bound,
    dotted,
    if_zoned,
    quoted_text,
)


def _engine(url: URL, arguments: Arguments) -> Engine:
    """The dialect makes the client, so that it is the dialect that takes `credentials_info` or `location`."""
    return create_engine(url, pool_pre_ping=True, hide_parameters=True, **arguments)


def _to_utc(column: SqlColumn) -> SqlColumn:
    return func.datetime(column, "UTC")


def _other_errors() -> Errors:
    """Those of Google's client, raised by pages, inspection and authentication."""
    places = {"google.api_core.exceptions": "GoogleAPIError", "google.auth.exceptions": "GoogleAuthError"}
    return tuple(getattr(import_module(module), name) for module, name in places.items())


def _look(schema: str | None) -> str:
    """BigQuery has a catalog per dataset; without one, the connection's own is meant, and its tables need no schema."""
    dataset = re.sub(r"[^\w.:-]", "", schema or "")  # other characters are in no name of a project or dataset
    path = f"`{dataset}`." if dataset else ""
    named = quoted_text(dataset) if dataset else "table_schema"
    return (
        f"SELECT {named}, table_name, column_name, data_type, {0 if dataset else 1}, 1 "  # noqa: S608 - quoted
        f"FROM {path}INFORMATION_SCHEMA.COLUMNS ORDER BY table_name, ordinal_position"
    )


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    return DatasetName("bigquery", dotted(url.host, table.schema or url.database, table.table))


def _json_member(column: SqlColumn, _: Family, key: str) -> SqlColumn:
    return func.json_value(column, f"$.{key}")


BIGQUERY: Final = Backend(
    name="bigquery",
    extra="bigquery",
    engine=_engine,
    doubles_percent=True,
    other_errors=_other_errors,
    families={"TIMESTAMP": Family.TIMESTAMP_TZ, "null": Family.NESTED, "user_defined": Family.NESTED},
    look=_look,
    casts_text=False,
    floats_as_text=False,
    json_text=func.to_json_string,
    json_member=_json_member,
    utc=if_zoned(_to_utc),
    bound=cast_bound(naive="DATETIME", zoned="TIMESTAMP"),
    dataset=_dataset,
)
