"""What an exposure says if only its metadata says it: as the SDKs log it, and in Statsig's ingestion table. Pure.

A config exposure is an experiment where its metadata has configExposureType "experiment" or an experimentGroupName,
or where the configuration says so of its name: SDKs log both under one name, and some without any sign. The ID type is
what the configuration says for the name; else, for a user without userID and with exactly one custom ID, that ID's
name; else userID (which reshape fills in).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from statsig_export.events.json_values import Carried, carried_members, carried_string, flat_object
from statsig_export.events.room import Room
from statsig_export.layouts.model import EXPOSURE_TYPES, TRUTHS
from statsig_export.settings import SourceSettings
from statsig_export.vocabulary import EVENT_NAMES, Category

TYPES: Final = {EVENT_NAMES[category]: kind for category, kind in EXPOSURE_TYPES.items()}
"""Event name -> exposure type."""


_GATE: Final = EXPOSURE_TYPES[Category.GATE_EXPOSURE]
_CONFIG: Final = EXPOSURE_TYPES[Category.CONFIG_EXPOSURE]
_EXPERIMENT: Final = EXPOSURE_TYPES[Category.EXPERIMENT_EXPOSURE]
_NULL: Final = msgspec.Raw(b"null")
_EMPTY: Final = frozenset({b"null", b'""'})


class _Units(msgspec.Struct):
    userID: msgspec.Raw = _NULL  # noqa: N815 - the keys' own spelling
    customIDs: dict[str, msgspec.Raw] | None = None  # noqa: N815 - likewise


_UNITS: Final = msgspec.json.Decoder(_Units)


class LoggedExposure(NamedTuple):
    """The canonical columns that an exposure's metadata fills; `metadata` is what is left of it."""

    exposure_type: str
    name: str | None
    rule_id: str | None
    group_name: str | None
    reason: str | None
    unit_type: str | None
    gate_value: bool | None
    metadata: str


def logged_exposure(
    kind: str, metadata: str | None, user: str | None, settings: SourceSettings, room: Room
) -> LoggedExposure:
    """The exposure of type `kind` (a value of TYPES). Raises BadValueError where `metadata` is no valid object."""
    members = carried_members(metadata or "{}", "metadata", room)
    name = _taken(members, "gate" if kind == _GATE else "config")
    if kind == _CONFIG and _is_experiment(name, members, settings):
        kind = _EXPERIMENT
    gate_value = gate_value_in(members) if kind == _GATE else None
    if gate_value is not None:
        del members["gateValue"]
    return LoggedExposure(
        exposure_type=kind,
        name=name,
        rule_id=_taken(members, "ruleID"),
        group_name=_taken(members, "experimentGroupName") if kind == _EXPERIMENT else None,
        reason=_taken(members, "reason"),
        unit_type=None if name in settings.unit_types else _lone_custom_id(user),
        gate_value=gate_value,
        metadata=flat_object(members),
    )


def gate_value_in(metadata: Mapping[str, Carried]) -> bool | None:
    """What the metadata of a gate exposure says in gateValue: true, "True", 1, "1" and their opposites."""
    return TRUTHS.get(carried_string(metadata.get("gateValue", "")).lower())


def _taken(members: dict[str, Carried], key: str) -> str | None:
    """Take the member out; None where there is none."""
    member = members.pop(key, None)
    return None if member is None else carried_string(member)


def _is_experiment(name: str | None, metadata: Mapping[str, Carried], settings: SourceSettings) -> bool:
    said = carried_string(metadata.get("configExposureType", ""))
    named = said == _EXPERIMENT or "experimentGroupName" in metadata
    return named or (name is not None and settings.exposure_types.get(name) == _EXPERIMENT)


def _lone_custom_id(user: str | None) -> str | None:
    """The name of the only ID of a user without userID; None where the user says otherwise, or is no valid object."""
    if user is None:
        return None
    try:
        units = _UNITS.decode(user)
    except (msgspec.DecodeError, RecursionError):
        return None
    custom = [name for name, value in (units.customIDs or {}).items() if bytes(value) not in _EMPTY]
    return custom[0] if bytes(units.userID) in _EMPTY and len(custom) == 1 else None
