"""Databricks: what differs there.

A TIMESTAMP is a moment and is shown in the session's zone. That is set to UTC, so that a cast to TIMESTAMP_NTZ is UTC's
wall clock. `TO_JSON` makes text of a STRUCT, a MAP or a VARIANT. The dialect (databricks-sqlalchemy 2.0) takes a STRUCT
for a text and ends at a type that it does not know: columns are looked up in Unity Catalog's information schema.

The driver reports how it is used to Databricks: it is told not to. A host that refuses it is asked for a quarter of an
hour, as a warehouse may be that starts: so the host is called first. The dialect passes the port of a URL over.
"""

from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, cast, event, func
from sqlalchemy.engine.interfaces import DBAPICursor
from urllib3.exceptions import HTTPError

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Arguments,
    Backend,
    DatasetName,
    Driver,
    Errors,
    Reader,
    SqlColumn,
    cast_bound,
    catalog_view,
    dotted,
    if_zoned,
    information_schema_look,
    labels_as,
    pooled_engine,
)
from statsig_export.source.reaching import require_reached
from statsig_export.source.service_principal import Tokens, as_principal
from statsig_export.source.written_type import WrittenType

_STRING: Final = WrittenType("STRING")
_PART_BYTES: Final = 16 * 2**20
"""Of one part of a result, which the driver holds as a whole: by itself it asks for 100 MB."""
_DEFAULTS: Final = {"enable_telemetry": False, "max_download_threads": 2}
"""Unless [source.connect] says otherwise. Each thread holds a file of the result."""


def _engine(url: URL, arguments: Arguments) -> Engine:
    """What [source.connect] says of the session, of telemetry or of downloads holds, but for the zone."""
    session = {**arguments.get("session_configuration", {}), "timezone": "UTC"}
    port = {} if url.port is None else {"_port": url.port}
    given = {**_DEFAULTS, **port, **arguments, "session_configuration": session}
    engine = pooled_engine(url, as_principal(url, given))
    event.listen(engine, "do_connect", _before)
    return engine


def _before(_: object, __: object, ___: object, parameters: dict[str, Any]) -> None:
    """Raise OSError where nobody listens, SourceError where a proxy does not lead there, or a service principal gets no
    token.

    Of an error on its own way the driver leaves a half-made connection, which complains when it is collected.
    """
    require_reached(parameters["server_hostname"], parameters.get("_port", 443))
    if isinstance(tokens := parameters.get("credentials_provider"), Tokens):
        tokens.renew()


def _cursor(connection: Connection) -> DBAPICursor:
    driver: Any = connection.connection.driver_connection
    cursor: DBAPICursor = driver.cursor(buffer_size_bytes=_PART_BYTES)
    return cursor


def _other_errors() -> Errors:
    """The driver lets those of its own client through."""
    return (HTTPError,)


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
    reader=Reader.DATABRICKS,
    drivers={"databricks": Driver(_cursor)},
    other_errors=_other_errors,
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
