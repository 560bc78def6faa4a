"""Snowflake: what differs there.

A bare TIMESTAMP is one of three types, as TIMESTAMP_TYPE_MAPPING says: the type is always written out. None of the
three is a DateTime to SQLAlchemy (snowflake.sqlalchemy.custom_types). `CONVERT_TIMEZONE('UTC', t)` gives a
TIMESTAMP_TZ; cast to TIMESTAMP_NTZ it is UTC's wall clock. `TO_JSON` makes text of a VARIANT, an OBJECT or a MAP. Every
integer is a NUMBER(38, 0).

The driver downloads the parts of a result as they are asked for (a few ahead: client_prefetch_threads).

Left to itself the driver (5.2) asks the metadata addresses of three clouds who this machine is, Azure's for a token and
Google's for an account, to put the answers into its telemetry. It is told to do neither.
"""

import os
from datetime import datetime
from typing import Final

from sqlalchemy import URL, VARCHAR, Engine, cast, func
from sqlalchemy.types import UserDefinedType

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Arguments,
    Backend,
    DatasetName,
    SqlColumn,
    cast_bound,
    dotted,
    if_zoned,
    information_schema_look,
    pooled_engine,
)

_NO_PLATFORM_DETECTION: Final = "SNOWFLAKE_DISABLE_PLATFORM_DETECTION"
"""The driver has no argument for it: it takes `platform_detection_timeout_seconds`, and ignores it."""
_NO_TELEMETRY: Final = {"CLIENT_TELEMETRY_ENABLED": False}


def _engine(url: URL, arguments: Arguments) -> Engine:
    """What the environment or [source.connect] say of the two holds. A sign-in by workload identity still asks."""
    os.environ.setdefault(_NO_PLATFORM_DETECTION, "true")
    parameters = {**_NO_TELEMETRY, **arguments.get("session_parameters", {})}
    return pooled_engine(url, {**arguments, "session_parameters": parameters})


class _TimestampNtz(UserDefinedType[datetime]):
    """Snowflake's timestamp without a zone."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "TIMESTAMP_NTZ"


def _to_utc(column: SqlColumn) -> SqlColumn:
    return cast(func.convert_timezone("UTC", column), _TimestampNtz())


def _json_member(column: SqlColumn, family: Family, key: str) -> SqlColumn:
    """GET_PATH is what `column:key` stands for."""
    document = column if family is Family.NESTED else func.try_parse_json(column)
    return cast(func.get_path(document, key), VARCHAR())


def _look(schema: str | None) -> str:
    """A database of its own may stand before the schema, as in `[source.<table>] schema`."""
    database, dot, schema_alone = (schema or "").rpartition(".")
    view = f"{database}{dot}information_schema.columns"
    current = "NULL" if database else "current_schema()"
    return information_schema_look(view=view, current=current)(schema_alone or None)


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    """A URL names the account as its host, and `database/schema` as its database."""
    database, _, schema = (url.database or "").partition("/")
    return DatasetName(
        f"snowflake://{url.host or url.query.get('connection_name', '')}",
        dotted(database, table.schema or schema, table.table),
    )


SNOWFLAKE: Final = Backend(
    name="snowflake",
    extra="snowflake",
    engine=_engine,
    case_sensitive=True,
    families={
        "TIMESTAMP_NTZ": Family.TIMESTAMP,
        "TIMESTAMP_LTZ": Family.TIMESTAMP_TZ,
        "TIMESTAMP_TZ": Family.TIMESTAMP_TZ,
        "VARIANT": Family.NESTED,
        "OBJECT": Family.NESTED,
        "MAP": Family.NESTED,
    },
    look=_look,
    integers_are_numeric=True,
    casts_text=False,
    floats_as_text=False,
    json_text=func.to_json,
    json_member=_json_member,
    utc=if_zoned(_to_utc),
    bound=cast_bound(naive="TIMESTAMP_NTZ", zoned="TIMESTAMP_TZ"),
    dataset=_dataset,
)
