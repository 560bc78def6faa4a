"""Form.EXPORTED: the tables of Statsig's own exports, turned into the canonical columns. Pure.

They hold a user's IDs and dimensions in columns, and spell exposure types and ID types in their own way. What their
documentation does not say is decided here:

- An exposure is of the type that `exposure_type` says; where the table has no such column (Warehouse Native), of the
  type that the configuration gives its name; else a gate where the group is `pass` or `fail`, else an experiment.
- The group of a gate is its value: `pass` is true, `fail` is false. No group and the group "" are the same.
- The ID type of an exposure is what `unit_type` says; where the table has one column an ID, what the configuration says
  for its name, else the first ID type of the layout that the row has an ID of.
- The user is `user_object`, with the IDs of the columns where it has none of that type; without a user_object, the IDs
  alone. userID stands by itself, all others in customIDs, as in the SDKs' own traffic. `user_dimensions` is the user's
  `custom`, which is what Statsig takes dimensions from.
- Dates of snapshots, shares of a rollout and names of rules are no part of an event and are left behind.

Each user is put together row by row, some 5 us each.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import pyarrow as pa

from statsig_export.arrow.columns import (
    TEXT,
    Column,
    array,
    choose,
    mapped,
    pc,
    text,
    values_of,
    where,
)
from statsig_export.events.faults import BadValueError, FailureMarks
from statsig_export.events.json_text import members, quote
from statsig_export.layouts.model import (
    CANONICAL_COLUMNS,
    EXPORTED_TYPES,
    EXPORTED_UNITS,
    UNREADABLE,
    UNREADABLE_REASON,
    Role,
    SourceTable,
    unit_column,
)
from statsig_export.settings import SourceSettings

_GATE_GROUPS: Final = ("pass", "fail")
_UNKNOWN: Final = pa.scalar(None, pa.bool_())
_USER_ID: Final = "userID"
_EMPTY: Final = frozenset({"null", '""'})

Members = Mapping[str, str]
"""Key -> the JSON text of its value."""


def from_exports(
    exported: Mapping[str, Column], table: SourceTable, marks: FailureMarks, settings: SourceSettings
) -> dict[str, Column]:
    """The canonical columns of a chunk that has the table's own columns; a row whose user cannot be read is marked."""
    columns = dict(exported)
    height = len(columns[UNREADABLE])
    if table.role is Role.EXPOSURES:
        columns |= _exposures(columns, table, settings)
    ids = _ids(columns, table)
    columns |= {"user": _users(columns, ids, marks), "user_id": ids.get(_USER_ID, pa.nulls(height, TEXT))}
    nothing = pa.nulls(height)
    return {name: columns.get(name, nothing) for name in (*CANONICAL_COLUMNS, UNREADABLE, UNREADABLE_REASON)}


def _exposures(columns: Mapping[str, Column], table: SourceTable, settings: SourceSettings) -> dict[str, Column]:
    group = _filled(columns, "group_name")
    lowered = pc.utf8_lower(group)
    verdict = choose(pc.is_in(lowered, array(_GATE_GROUPS, TEXT)), pc.equal(lowered, "pass"), _UNKNOWN)
    if "exposure_type" in columns:
        types = _mapped(_text(columns, "exposure_type"), EXPORTED_TYPES)
    else:
        shown = choose(verdict.is_valid(), text("gate"), text("experiment"))
        types = pc.coalesce(mapped(_text(columns, "name"), settings.exposure_types.get), shown)
    gates = where(pc.equal(types, "gate"))
    return {
        "exposure_type": types,
        "group_name": choose(gates, text(None), group),
        "gate_value": choose(gates, verdict, _UNKNOWN),
        "unit_type": _unit_types(columns, table, settings),
    }


def _unit_types(columns: Mapping[str, Column], table: SourceTable, settings: SourceSettings) -> Column:
    if not table.units:
        return _mapped(_text(columns, "unit_type"), EXPORTED_UNITS)
    configured = mapped(_text(columns, "name"), settings.unit_types.get)
    present = (choose(values.is_valid(), text(unit), text(None)) for unit, values in _ids(columns, table).items())
    unit_types: Column = pc.coalesce(configured, *present)
    return unit_types


def _ids(columns: Mapping[str, Column], table: SourceTable) -> dict[str, Column]:
    """ID type -> each row's ID of it, null where it has none."""
    if table.units:
        return {unit: _filled(columns, unit_column(unit)) for unit in table.units}
    if "unit_id" not in columns:
        return {}
    unit_ids, types = _filled(columns, "unit_id"), _text(columns, "unit_type")
    found = [unit for unit in values_of(types.unique()) if unit]
    return {unit: choose(where(pc.equal(types, unit)), unit_ids, text(None)) for unit in found}


def _users(columns: Mapping[str, Column], ids: Mapping[str, Column], marks: FailureMarks) -> Column:
    """Each row's user as JSON text, null where nothing is known of it."""
    rows = zip(*(values_of(_text(columns, name)) for name in ("user", "custom_ids", "user_dimensions")), strict=True)
    ids_of_rows = _rows_of(ids, len(columns[UNREADABLE]))
    users: list[str | None] = []
    for row, ((given, custom_ids, dimensions), known) in enumerate(zip(rows, ids_of_rows, strict=True)):
        try:
            every_id = {**_present(_members(custom_ids, "custom_ids")), **known}
            users.append(_user(given, every_id, dimensions))
        except BadValueError as error:
            marks.mark_row(row, error.fault)
            users.append(None)
    return array(users, TEXT)


def _rows_of(ids: Mapping[str, Column], height: int) -> Iterator[Members]:
    """Row by row, the IDs that it has."""
    if not ids:
        yield from ({} for _ in range(height))
    for row in zip(*(values_of(values) for values in ids.values()), strict=True):
        yield {unit: quote(value) for unit, value in zip(ids, row, strict=True) if value is not None}


def _user(given: str | None, ids: Members, dimensions: str | None) -> str | None:
    """The user object with what the columns know of it; as it was given where they add nothing."""
    known = _members(given, "user_object")
    known_ids = _present(_members(known.get("customIDs"), "user_object.customIDs"))
    added: dict[str, str] = {}
    if _USER_ID in ids and _USER_ID not in _present(known):
        added[_USER_ID] = ids[_USER_ID]
    if custom := {unit: value for unit, value in ids.items() if unit != _USER_ID and unit not in known_ids}:
        added["customIDs"] = _object({**known_ids, **custom})
    if _members(dimensions, "user_dimensions"):
        added["custom"] = dimensions or ""
    return _object({**known, **added}) if added else given


def _members(value: str | None, name: str) -> Members:
    """An object's members; none where there is no object. Raises BadValueError for what is no valid object."""
    return {} if value is None or value in _EMPTY or not value else members(value, name)


def _present(values: Members) -> Members:
    return {key: value for key, value in values.items() if value not in _EMPTY}


def _object(values: Members) -> str:
    return "{" + ",".join(f"{quote(key)}:{value}" for key, value in values.items()) + "}"


def _text(columns: Mapping[str, Column], name: str) -> Column:
    return columns[name].cast(TEXT) if name in columns else pa.nulls(len(columns[UNREADABLE]), TEXT)


def _filled(columns: Mapping[str, Column], name: str) -> Column:
    """Text, with null for the empty text."""
    values = _text(columns, name)
    return choose(pc.not_equal(values, ""), values, text(None))


def _mapped(values: Column, spellings: Mapping[str, str]) -> Column:
    return mapped(values, lambda value: spellings.get(value, value))
