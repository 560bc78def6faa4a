"""The layout `sdk_log`: an SDK's own event objects, one per row, turned into the canonical columns.

The log's columns: row_key, event (JSON text, the object as the SDK logged it), statsig_metadata (JSON text of the
request that brought it, may be null), received_at (the window column), unreadable, unreadable_reason. Of an event the
keys eventName, user, value, metadata, time and statsigMetadata are read; secondaryExposures never is. What SDKs put
there was observed with the JavaScript and Python SDKs; what the log does not say is decided here:

- The metadata of an exposure says what it is of (logged_exposures.py).
- statsigMetadata is the request's, overlaid by the event's, each value with its exact text.
- An event without a time (Statsig's HTTP API asks for none) is of when the row was received.

Each row is a Python object here: an event has to be parsed, which costs some 20 us.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, array, of_kind, pc, values_of
from statsig_export.arrow.timestamps import to_epoch_ms
from statsig_export.events.faults import BadValueError, FailureMarks, Fault
from statsig_export.events.forms.logged_exposures import TYPES, logged_exposure
from statsig_export.events.json_text import fault_in, has_no_members, members, quote
from statsig_export.events.json_values import string_of
from statsig_export.events.room import Room
from statsig_export.layouts.model import RECEIVED_AT, UNREADABLE
from statsig_export.layouts.reasons import Reason
from statsig_export.settings import SourceSettings

_NULL: Final = msgspec.Raw(b"null")


class _Event(msgspec.Struct):
    eventName: msgspec.Raw = _NULL  # noqa: N815 - this and the others below are the keys' own spelling
    user: msgspec.Raw = _NULL
    value: msgspec.Raw = _NULL
    metadata: msgspec.Raw = _NULL
    time: msgspec.Raw = _NULL
    statsigMetadata: msgspec.Raw = _NULL  # noqa: N815


_EVENT: Final = msgspec.json.Decoder(_Event)


class _Row(NamedTuple):
    """A canonical row but for its key; the fields are the frame's columns."""

    event_name: str | None = None
    exposure_type: str | None = None
    name: str | None = None
    rule_id: str | None = None
    group_name: str | None = None
    reason: str | None = None
    unit_type: str | None = None
    gate_value: bool | None = None
    user: str | None = None
    metadata: str | None = None
    statsig_metadata: str | None = None
    value: str | None = None
    timestamp: str | None = None


def from_sdk_log(
    log: Mapping[str, Column], marks: FailureMarks, settings: SourceSettings, room: Room
) -> dict[str, Column]:
    """The canonical columns of a chunk of the log, row for row; a row at fault is marked and has nulls.

    `settings` say what the log does not: the ID types of exposures, and which configs are experiments.
    """
    absent = pa.nulls(len(log[UNREADABLE]), TEXT)  # a table without the request's statsigMetadata
    read = (values_of(of_kind(log.get(name, absent), TEXT)) for name in ("event", "statsig_metadata", UNREADABLE))
    rows = []
    for position, (event, request, unreadable) in enumerate(zip(*read, strict=True)):
        row = _Row()
        if event is not None:
            row, fault = _read(event, request, settings, room)
            if fault is not None:
                marks.mark_row(position, fault)
        elif unreadable is None:
            marks.mark_row(position, Fault(Reason.WRONG_TYPE, "event is null"))
        rows.append(row)
    values = dict(zip(_Row._fields, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(_Row._fields, ())
    columns = {name: array(of_rows, pa.bool_() if name == "gate_value" else TEXT) for name, of_rows in values.items()}
    nothing = pa.nulls(len(rows), TEXT)
    timestamp = _or_received(columns["timestamp"], log.get(RECEIVED_AT, nothing))
    return {**log, **columns, "timestamp": timestamp, "time_uuid": nothing, "user_id": nothing}


def _or_received(timestamp: Column, received_at: Column) -> Column:
    """The events' own times, null where they have none: those are of when their row was received."""
    return pc.coalesce(timestamp, to_epoch_ms(received_at).cast(TEXT)) if timestamp.null_count else timestamp


def _read(text: str, request: str | None, settings: SourceSettings, room: Room) -> tuple[_Row, Fault | None]:
    """A row, or what of it is known (its name, and so its category) and the fault."""
    row = _Row()
    try:
        event = _decoded(text)
        event_name = _event_name(_text(event.eventName))
        row = _Row(event_name=event_name, exposure_type=TYPES.get(event_name or ""))
        return _filled(row, event, request, settings, room), None
    except BadValueError as error:
        return row, error.fault


def _decoded(text: str) -> _Event:
    try:
        return _EVENT.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadValueError(fault_in(text, "event", error)) from None


def _filled(row: _Row, event: _Event, request: str | None, settings: SourceSettings, room: Room) -> _Row:
    metadata = _object_or_null(event.metadata)
    filled = row._replace(
        user=_object_or_null(event.user),
        metadata=metadata,
        statsig_metadata=_overlaid(request, _object_or_null(event.statsigMetadata)),
        value=string_of(_text(event.value), "value"),
        timestamp=string_of(_text(event.time), "time") or None,
    )
    if filled.exposure_type is None:
        return filled
    return filled._replace(**logged_exposure(filled.exposure_type, metadata, filled.user, settings, room)._asdict())


def _event_name(value: str) -> str | None:
    if value[0] not in '"n':
        raise BadValueError(Fault(Reason.WRONG_TYPE, "eventName is no string"))
    return string_of(value, "eventName")


def _overlaid(request: str | None, event: str | None) -> str | None:
    """The request's statsigMetadata, overlaid by the event's."""
    if event is None or event == "{}":
        return request
    if request is None or request == "{}":
        return event
    name = "statsigMetadata"
    merged = {**members(request, name), **members(event, name)}
    return "{" + ",".join(f"{quote(key)}:{value}" for key, value in merged.items()) + "}"


def _text(value: msgspec.Raw) -> str:
    return str(value, "utf-8")


def _object_or_null(value: msgspec.Raw) -> str | None:
    """An object's text as it stands; null for one without members that is spelled otherwise."""
    text = _text(value)
    return None if has_no_members(text) else text
