"""The stand-in webhook's own reader of request bodies: strict JSON, and the nine keys with their types.

It shares nothing with the encoder, the names of the keys included: what it accepts, it accepts by its own reading of
Statsig's field table. A reason names the event's position and a key of the table, never anything of the body.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from json import JSONDecodeError, JSONDecoder

from statsig_export.testing.webhook.http_wire import RefusedError

Event = dict[str, object]

_TYPES: dict[str, type] = {
    "eventName": str,
    "user": dict,
    "userID": str,
    "statsigMetadata": dict,
    "value": str,
    "metadata": dict,
    "timeUUID": str,
}
_TYPE_NAMES: dict[type, str] = {str: "a string", dict: "an object"}
_CUSTOM_KEYS = frozenset({*_TYPES, "timestamp"})
_INTEGER = re.compile(r"-?[0-9]+")
_EXPOSURE_KEYS = _CUSTOM_KEYS | {"unitID"}
_EXPOSURES = frozenset(f"statsig::{kind}_exposure" for kind in ("gate", "config", "experiment", "layer"))
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """One event of a body: its text as it came, and what it says."""

    text: str
    event: Event


class _Repeated(dict[str, object]):
    """An object in which a key came twice: passed through inside `user`, refused among the event's own keys."""


def read_events(body: bytes) -> list[ReadEvent]:
    """The events of a request body, in order. Raises RefusedError (400) for anything but a good body."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("the body is not UTF-8") from None
    try:
        events = _read_array(text)
    except JSONDecodeError as error:
        raise _bad(f"the body is not JSON at character {error.pos}") from None
    except RecursionError:
        raise _bad("the body is nested too deeply") from None
    for position, read in enumerate(events):
        _check_event(read.event, position)
        if _SURROGATE.search(read.text):
            _check_unicode(read.event, position)
    return events


def _read_array(text: str) -> list[ReadEvent]:
    """The elements of the one array, each an object, each with the text it was read from."""
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise JSONDecodeError("no array", text, at)
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        raise _bad("the array is empty")
    events: list[ReadEvent] = []
    while True:
        event, end = _decode(text, at, len(events))
        events.append(ReadEvent(text[at:end], event))
        at = _skip(text, end)
        separator = text[at : at + 1]
        at = _skip(text, at + 1)
        if separator == "]":
            _end(text, at)
            return events
        if separator != ",":
            raise JSONDecodeError("no comma", text, at)


def _decode(text: str, at: int, position: int) -> tuple[Event, int]:
    try:
        event, end = _DECODER.raw_decode(text, at)
    except _ForbiddenError as error:
        raise _bad(f"event {position}: {error}") from None
    except JSONDecodeError:
        raise
    except ValueError:
        raise _bad(f"event {position}: a number is too long") from None
    if not isinstance(event, dict):
        raise _bad(f"event {position}: it is not an object")
    return event, end


class _ForbiddenError(ValueError):
    """Something that JSON does not have, or that must not leave."""


def _object(pairs: list[tuple[str, object]]) -> Event:
    found = dict(pairs)
    if "privateAttributes" in found:
        raise _ForbiddenError("it holds privateAttributes")
    return found if len(found) == len(pairs) else _Repeated(found)


def _constant(_: str) -> object:
    raise _ForbiddenError("NaN and Infinity are no JSON numbers")


_DECODER = JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _end(text: str, at: int) -> None:
    at = _skip(text, at)
    if at != len(text):
        raise JSONDecodeError("more after the array", text, at)


def _check_event(event: Event, position: int) -> None:
    if isinstance(event, _Repeated):
        raise _bad(f"event {position}: a key comes twice")
    name = event.get("eventName")
    expected = _EXPOSURE_KEYS if isinstance(name, str) and name in _EXPOSURES else _CUSTOM_KEYS
    if event.keys() != expected:
        _refuse_keys(event, expected, position)
    for key, kind in _TYPES.items():
        if type(event[key]) is not kind and not (kind is dict and isinstance(event[key], dict)):
            raise _bad(f"event {position}: {key} is not {_TYPE_NAMES[kind]}")
    if not _is_timestamp(event["timestamp"]):
        raise _bad(f"event {position}: timestamp is not an integer, nor the text of one")
    if expected is _EXPOSURE_KEYS and not (isinstance(event["unitID"], str) and event["unitID"]):
        raise _bad(f"event {position}: unitID is not the name of an ID type")
    for key in ("eventName", "timeUUID"):
        if not event[key]:
            raise _bad(f"event {position}: {key} is empty")
    metadata = event["metadata"]
    if isinstance(metadata, dict) and not all(type(value) is str for value in metadata.values()):
        raise _bad(f"event {position}: metadata holds something else than strings")


def _is_timestamp(value: object) -> bool:
    """A number, as in Statsig's example of a batch, or its text, as in those of single events."""
    return type(value) is int or (isinstance(value, str) and _INTEGER.fullmatch(value) is not None)


def _refuse_keys(event: Event, expected: frozenset[str], position: int) -> None:
    missing = sorted(expected - event.keys())
    if missing:
        raise _bad(f"event {position}: {', '.join(missing)} missing")
    if "unitID" in event and len(event) == len(_EXPOSURE_KEYS):
        raise _bad(f"event {position}: unitID on an event that is no exposure")
    raise _bad(f"event {position}: a key that is none of the nine")


def _check_unicode(event: Event, position: int) -> None:
    try:
        json.dumps(event, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise _bad(f"event {position}: a surrogate escape stands alone") from None


def _bad(reason: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, reason)
