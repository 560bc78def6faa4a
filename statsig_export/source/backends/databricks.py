"""Databricks: what differs there.

A TIMESTAMP is a moment and is shown in the session's zone. That is set to UTC, so that a cast to TIMESTAMP_NTZ is UTC's
wall clock. `TO_JSON` makes text of a STRUCT, a MAP or a VARIANT. The dialect (databricks-sqlalchemy 2.0) takes a STRUCT
for a text and ends at a type that it does not know: columns are looked up in Unity Catalog's information schema.

The driver reports how it is used to Databricks: it is told not to.
"""

from typing import Final

from sqlalchemy import URL, Engine, cast, func

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Arguments,
    Backend,
    DatasetName,
    SqlColumn,
    cast_bound,
    catalog_view,
    dotted,
    if_zoned,
    information_schema_look,
    labels_as,
    pooled_engine,
)
from statsig_export.source.written_type import WrittenType

_STRING: Final = WrittenType("STRING")


def _engine(url: URL, arguments: Arguments) -> Engine:
    """What [source.connect] says of the session or of telemetry holds, but for the zone."""
    session = {**arguments.get("session_configuration", {}), "timezone": "UTC"}
    return pooled_engine(url, {"enable_telemetry": False, **arguments, "session_configuration": session})


def _to_utc(column: SqlColumn) -> SqlColumn:
    return cast(column, WrittenType("TIMESTAMP_NTZ"))


def _json_member(column: SqlColumn, family: Family, key: str) -> SqlColumn:
    return func.get_json_object(func.to_json(column) if family is Family.NESTED else column, f"$.{key}")


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    place = (str(url.query.get("catalog", "")), table.schema or str(url.query.get("schema", "")), table.table)
    return DatasetName(f"databricks://{url.host}", dotted(*place))


DATABRICKS: Final = Backend(
    name="databricks",
    extra="databricks",
    engine=_engine,
    catalog=catalog_view("columns", schema="information_schema"),
    look=information_schema_look(),
    families={
        "timestamp": Family.TIMESTAMP_TZ,
        "timestamp_ltz": Family.TIMESTAMP_TZ,
        "timestamp_ntz": Family.TIMESTAMP,
        "long": Family.INTEGER,
        "short": Family.INTEGER,
        "byte": Family.INTEGER,
        "interval": Family.OTHER,
    },
    text_type=_STRING,
    casts_text=False,
    floats_as_text=False,
    json_text=func.to_json,
    json_member=_json_member,
    exact_text=labels_as(_STRING),
    utc=if_zoned(_to_utc),
    bound=cast_bound(naive="TIMESTAMP_NTZ", zoned="TIMESTAMP"),
    dataset=_dataset,
)
