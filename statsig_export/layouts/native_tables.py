"""The tables that this project proposes to whoever has none yet: `native`, and `sdk_log` for SDK traffic as logged.

JSON rather than JSONB on PostgreSQL: the columns are only passed through as text, and JSON is read 2.5 times faster.
All times are UTC. The index serves a window's read: (window column, id).
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Engine, Index, Integer, MetaData, Table, Text
from sqlalchemy.schema import SchemaConst
from sqlalchemy.sql import quoted_name

from statsig_export.errors import ConfigError
from statsig_export.layouts.model import SourceTable

NATIVE: Final = MetaData()
SDK_LOG: Final = MetaData()

# SQLite numbers rows by itself in a column declared INTEGER PRIMARY KEY only, and that holds 64 bits.
_ROW_ID: Final = BigInteger().with_variant(Integer(), "sqlite")

EXPOSURES: Final = Table(
    "exposures",
    NATIVE,
    Column("id", _ROW_ID, primary_key=True),
    Column("time_uuid", Text),
    Column("exposure_type", Text, comment="gate, config, experiment or layer"),
    Column("name", Text),
    Column("rule_id", Text),
    Column("gate_value", Boolean),
    Column("group_name", Text),
    Column("reason", Text),
    Column("unit_type", Text, comment="the name of the ID type: userID, stableID, ..."),
    Column("user_id", Text),
    Column("user", JSON(none_as_null=True)),
    Column("metadata", JSON(none_as_null=True)),
    Column("statsig_metadata", JSON(none_as_null=True)),
    Column("timestamp", DateTime),
    Column("ingested_at", DateTime),
    Index("exposures_by_ingestion", "ingested_at", "id"),
)

CUSTOM_EVENTS: Final = Table(
    "custom_events",
    NATIVE,
    Column("id", _ROW_ID, primary_key=True),
    Column("time_uuid", Text),
    Column("event_name", Text, comment="statsig::config_change rows live here too"),
    Column("user_id", Text),
    Column("user", JSON(none_as_null=True)),
    Column("value", Text),
    Column("metadata", JSON(none_as_null=True)),
    Column("statsig_metadata", JSON(none_as_null=True)),
    Column("timestamp", DateTime),
    Column("ingested_at", DateTime),
    Index("custom_events_by_ingestion", "ingested_at", "id"),
)

SDK_EVENTS: Final = Table(
    "sdk_events",
    SDK_LOG,
    Column("id", _ROW_ID, primary_key=True),
    Column("received_at", DateTime),
    Column("event", JSON(none_as_null=True), comment="the SDK's event object as logged"),
    Column("statsig_metadata", JSON(none_as_null=True), comment="the statsigMetadata of the request that brought it"),
    Index("sdk_events_by_receipt", "received_at", "id"),
)

_BY_LAYOUT: Final = {"native": NATIVE, "sdk_log": SDK_LOG}


def create_tables(engine: Engine, layout: str, places: Sequence[SourceTable] = ()) -> None:
    """Create the tables and indexes of `layout` ("native" or "sdk_log"); those that exist are left as they are.

    `places` are tables of the layout under the schemas and names that export.toml gives them; without any, all of the
    layout are created under its own names. Raises ConfigError for a layout whose tables Statsig itself lays down.
    """
    if layout not in _BY_LAYOUT:
        raise ConfigError(f"the tables of the layout {layout} are Statsig's to create", hint="leave out --tables")
    tables = _BY_LAYOUT[layout]
    if places:
        tables = MetaData()
        for place in places:
            _placed(_BY_LAYOUT[layout].tables[place.role.value], place, tables)
    tables.create_all(engine)


def _placed(table: Table, place: SourceTable, metadata: MetaData) -> None:
    """The table under another name or in another schema; its index is named after it."""
    copy = table.to_metadata(metadata, schema=place.schema or SchemaConst.RETAIN_SCHEMA, name=place.table)
    for index in copy.indexes:
        index.name = quoted_name(str(index.name).replace(table.name, place.table), quote=None)
