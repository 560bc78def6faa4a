"""Which events are of people who are forgotten: a chunk at a time. Pure.

Each distinct id or user of a chunk is looked at once; where nobody is forgotten nothing is.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from statsig_export.arrow.columns import Column, Mask, pc, take, values_of, where
from statsig_export.events.faults import BadValueError
from statsig_export.events.json_values import string_of
from statsig_export.events.people import USER, Forgotten, plain

_STABLE: Final = "stableid"
"""The unit type that SDKs also write into statsigMetadata."""
_HOLDS_UNITS: Final = ("customIDs", "stableID", "\\u")
"""What the text of an event has that may hold an id of any other unit: keys, or an escape that may spell one."""


class _Event(msgspec.Struct):
    user: msgspec.Raw = msgspec.Raw(b"{}")
    statsigMetadata: msgspec.Raw = msgspec.Raw(b"{}")  # noqa: N815 - the key's own spelling


class _User(msgspec.Struct):
    customIDs: msgspec.Raw = msgspec.Raw(b"{}")  # noqa: N815 - likewise


class _Metadata(msgspec.Struct, frozen=True):
    stableID: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - likewise


class _PlainUser(msgspec.Struct, frozen=True):
    customIDs: dict[str, msgspec.Raw] = {}  # noqa: N815 - likewise


class _PlainEvent(msgspec.Struct):
    """An event whose members are of the types that they should be: decoded at once."""

    user: _PlainUser = _PlainUser()
    statsigMetadata: _Metadata = _Metadata()  # noqa: N815 - likewise


_PLAIN_EVENT: Final = msgspec.json.Decoder(_PlainEvent)
_EVENT: Final = msgspec.json.Decoder(_Event)
_USER: Final = msgspec.json.Decoder(_User)
_METADATA: Final = msgspec.json.Decoder(_Metadata)
_UNITS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


_plain = lru_cache(1_000)(plain)
"""Names of units are few."""


def of_rows(people: Forgotten, user_id: Column, user: Column, statsig_metadata: Column) -> Mask:
    """Which rows are of one of these people; `user` and `statsig_metadata` are JSON texts, or null."""
    found = _known(user_id, lambda identity: people.has(USER, identity, "userID"))
    if people.by_other_units:
        found |= _known(user, lambda text: _of_user(people, text))
        if people.digests.get(_STABLE):
            found |= _known(statsig_metadata, lambda text: _of_metadata(people, text))
    return found


def of_events(people: Forgotten, user_id: Column, event: Column) -> Mask:
    """The same of events as they are stored: their whole JSON text is looked at only where an id of another unit than
    the user is asked for.
    """
    found = _known(user_id, lambda identity: people.has(USER, identity))
    if people.by_other_units:
        may = np.zeros(len(event), dtype=np.bool_)
        for text in _HOLDS_UNITS:
            may |= where(pc.match_substring(event, text))
        rows = np.flatnonzero(may)
        found[rows] |= np.array([_of_event(people, text) for text in values_of(take(event, rows))], dtype=np.bool_)
    return found


def _known(texts: Column, is_one: Callable[[str], bool]) -> Mask:
    """Which of the texts are of one of them."""
    encoded = texts.dictionary_encode()
    ours = [position for position, text in enumerate(values_of(encoded.dictionary)) if text and is_one(text)]
    if not ours:
        return np.zeros(len(texts), dtype=np.bool_)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    mask: Mask = np.isin(codes, ours)
    return mask


def _of_event(people: Forgotten, text: str) -> bool:
    try:
        event = _PLAIN_EVENT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return _of_odd_event(people, text)
    return _has_unit(people, event.user.customIDs) or _has_stable_id(people, event.statsigMetadata.stableID)


def _of_odd_event(people: Forgotten, text: str) -> bool:
    """The same where one of the two is of another type than it should be."""
    try:
        event = _EVENT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return _of_user(people, str(event.user, "utf-8")) or _of_metadata(people, str(event.statsigMetadata, "utf-8"))


def _of_user(people: Forgotten, text: str) -> bool:
    try:
        return _has_unit(people, _UNITS.decode(_USER.decode(text).customIDs))
    except (msgspec.DecodeError, RecursionError):
        return False


def _has_unit(people: Forgotten, units: Mapping[str, msgspec.Raw]) -> bool:
    for name, value in units.items():
        unit_type = _plain(name)
        if unit_type != USER and unit_type in people.digests:
            identity = _text(value)
            if identity and people.has(unit_type, identity, name):
                return True
    return False


def _of_metadata(people: Forgotten, text: str) -> bool:
    try:
        return _has_stable_id(people, _METADATA.decode(text).stableID)
    except (msgspec.DecodeError, RecursionError):
        return False


def _has_stable_id(people: Forgotten, value: msgspec.Raw) -> bool:
    if _STABLE not in people.digests:
        return False
    identity = _text(value)
    return bool(identity) and people.has(_STABLE, identity, "stableID")


def _text(value: msgspec.Raw) -> str:
    """An id of JSON as a text, a number in its shortest form; empty for null and for what is no id."""
    try:
        return string_of(str(value, "utf-8"), "") or ""
    except (BadValueError, msgspec.DecodeError, RecursionError):
        return ""
