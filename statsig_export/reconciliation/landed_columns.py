"""Which columns of the table that Fivetran wrote hold the id and the time of an event. Pure.

Fivetran spells the names of columns by one of two schemes, and how it spells `timeUUID` is not documented. So names are
compared without case and underscores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Dialect

from statsig_export.arrivals_settings import ArrivalsSettings
from statsig_export.errors import ConfigError, SourceError
from statsig_export.layouts.families import EXPECTED
from statsig_export.layouts.model import Kind
from statsig_export.source.schema import FoundColumn, can_hold

EVENT_ID = "timeUUID"
"""The key of the event that holds its id."""
_DATA = "data"
_SYNCED = "_fivetran_synced"


@dataclass(frozen=True, slots=True)
class LandedColumns:
    """How the table is read."""

    holds: FoundColumn
    """The column of the id itself, or of the JSON that holds it."""
    packed: bool
    synced: FoundColumn | None
    """When the row was written; None where the table does not say."""


def landed_columns(found: Sequence[FoundColumn], settings: ArrivalsSettings, dialect: Dialect) -> LandedColumns:
    """The columns to be read, of all that the table has.

    Raises ConfigError for a column of export.toml that is not there, for a choice between several and for a type that
    cannot be compared, SourceError where the table has none that fits.
    """
    named = settings.columns
    ids = _called(found, named.time_uuid, EVENT_ID, "time_uuid", settings)
    documents = _called(found, named.data, _DATA, "data", settings)
    synced = [] if named.synced == "" else _called(found, named.synced or None, _SYNCED, "synced", settings)
    packed = settings.mode == "packed" or (settings.mode == "auto" and not ids)
    holding = _only(documents, "data", settings) if packed else _only(ids, "time_uuid", settings)
    if holding is None:
        raise SourceError(
            f"arrivals.table: {_table(settings)} has no column {_wanted(settings)} "
            f"(its columns: {', '.join(column.name for column in found)})",
            hint="name the table of the Webhooks connection, or the column in [arrivals] columns",
        )
    columns = LandedColumns(holding, packed, _only(synced, "synced", settings))
    for column, kind in ((holding, Kind.JSON if packed else Kind.IDENTIFIER), (columns.synced, Kind.WINDOW)):
        if column is not None and not can_hold(column, kind, dialect):
            raise ConfigError(
                f"arrivals.table: {_table(settings)} has {column.name} as {column.declared} "
                f"(expected {EXPECTED[kind]})",
                hint="name a view that casts it, or another column in [arrivals] columns"
                + (': with synced = "" the whole table is read each time' if column is columns.synced else ""),
            )
    return columns


def _called(
    found: Sequence[FoundColumn], named: str | None, usual: str, key: str, settings: ArrivalsSettings
) -> list[FoundColumn]:
    if named is None:
        return [column for column in found if _plain(column.name) == _plain(usual)]
    exact = [column for column in found if column.name == named]
    near = exact or [column for column in found if column.name.lower() == named.lower()]
    if not near:
        raise ConfigError(
            f"arrivals.columns.{key}: {_table(settings)} has no column {named} "
            f"(its columns: {', '.join(column.name for column in found)})"
        )
    return near


def _only(columns: Sequence[FoundColumn], key: str, settings: ArrivalsSettings) -> FoundColumn | None:
    if len(columns) > 1:
        raise ConfigError(
            f"arrivals.table: {_table(settings)} has several columns for {key}: "
            f"{', '.join(column.name for column in columns)}",
            hint=f"name the one that is meant: [arrivals] columns = {{ {key} = ... }}",
        )
    return columns[0] if columns else None


def _wanted(settings: ArrivalsSettings) -> str:
    return {"packed": _DATA, "unpacked": EVENT_ID, "auto": f"{EVENT_ID} and no column {_DATA}"}[settings.mode]


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _table(settings: ArrivalsSettings) -> str:
    return settings.table if settings.schema_ is None else f"{settings.schema_}.{settings.table}"
