"""Values of JSON as the strings that events carry: in `metadata` every value is one, and so is `value`.

The rules, which no documentation gives: a string stays, a boolean is "true" or "false", a number its shortest
positional text ("7", "19.99", never "7.0" or "1e+21"; digits are never lost), an object or array its compact JSON
text, and null is left out.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import msgspec

from statsig_export.arrow.columns import Column, Mask, pc, where
from statsig_export.events.faults import BadValueError, Fault
from statsig_export.events.json_text import raw_members
from statsig_export.events.never_sent import without_never_sent
from statsig_export.events.room import ENDLESS, Room
from statsig_export.layouts.reasons import Reason
from statsig_export.vocabulary import NEVER_SENT

Carried: TypeAlias = str | msgspec.Raw
"""A member of metadata as events carry it: a string, or, where it may stand as it was found, its JSON text."""

MAX_EXPONENT: Final = 400
"""Beyond every double (1.8e308): a number written with a larger exponent would be written out in so many zeros."""

SHORTEST_NUMBER: Final = r"0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]"
"""Numbers that are written as they are to be."""
_SHORTEST: Final = re.compile(SHORTEST_NUMBER)
_STRING: Final = msgspec.json.Decoder(str)
_BLANK: Final = re.compile(r"[ \t\r\n]")
"""JSON text without one is compact as it stands."""

_HEX: Final = "[0-9a-fA-F]"
_UNICODE_ESCAPE: Final = (
    rf"u[0-9abcefABCEF]{_HEX}{{3}}|u[dD][0-7]{_HEX}{{2}}|u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}"
)
_PLAIN_KEY: Final = r'"[^"\\\x00-\x1f]*"'
_STRING_VALUE: Final = rf'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|{_UNICODE_ESCAPE}))*"'
_MEMBER: Final = f"{_PLAIN_KEY} ?: ?{_STRING_VALUE}"
_FLAT_OBJECT: Final = rf"^\{{{_MEMBER}(?:, ?{_MEMBER})*\}}$"


def number_text(literal: str, name: str) -> str:
    """A JSON number's shortest positional text. Works on the text, so no digit is lost.

    Raises BadValueError (not_json_number) for an exponent beyond MAX_EXPONENT.
    """
    if _SHORTEST.fullmatch(literal):
        return literal
    try:
        number = Decimal(literal)
    except InvalidOperation:
        raise BadValueError(_bad_exponent(name)) from None
    if not number:
        return "0"
    if abs(number.adjusted()) > MAX_EXPONENT and ("e" in literal or "E" in literal):
        raise BadValueError(_bad_exponent(name))
    positional = format(number, "f")
    return positional.rstrip("0").rstrip(".") if "." in positional else positional


def string_of(value: str, name: str) -> str | None:
    """The string that an event carries for a JSON value; None for null.

    `value` is the value's valid JSON text. Raises BadValueError for an absurd exponent.
    """
    match value[0]:
        case '"':
            return _STRING.decode(value) if "\\" in value else value[1:-1]
        case "n":
            return None
        case "t" | "f":
            return value
        case "{" | "[":
            sent = without_never_sent(value)
            return str(msgspec.json.format(sent.encode(), indent=-1), "utf-8") if _BLANK.search(sent) else sent
        case _:
            return number_text(value, name)


def carried_members(text: str, name: str, room: Room = ENDLESS) -> dict[str, Carried]:
    """An object's members as events carry them, without nulls and without the keys that never leave.

    Raises BadValueError where the text is no valid JSON object, or where what is written anew needs more room than a
    row has.
    """
    found: dict[str, Any] = raw_members(text, name)
    gone = [key for key in NEVER_SENT if key in found]
    size = 0
    for key, raw in found.items():
        value = str(raw, "utf-8")
        if value[0] == '"' and "\\" not in value:
            continue
        found[key] = string = string_of(value, name)
        if string is None:
            gone.append(key)
        elif key not in NEVER_SENT:
            size += len(string)
            if size > room.row:
                break
    room.take(size, name)
    for key in gone:
        found.pop(key, None)
    return found


def carried_string(member: Carried) -> str:
    """The string that a carried member stands for."""
    return member if isinstance(member, str) else str(member, "utf-8")[1:-1]


def flat_object(members: Mapping[str, Carried]) -> str:
    """The compact JSON object of members."""
    return str(msgspec.json.encode(members), "utf-8")


def are_flat(texts: Column) -> Mask:
    """Texts that may be spliced as they stand: an object of one string or more, its keys without escapes.

    Anything that is not written in this plain way, valid or not, is left for `strings_of` to judge.
    """
    return where(pc.match_substring_regex(texts, _FLAT_OBJECT))


def have_key(texts: Column, keys: Iterable[str]) -> Mask:
    """Flat texts that have one of the keys."""
    return where(pc.match_substring_regex(texts, f'"(?:{"|".join(sorted(keys))})" ?:'))


def _bad_exponent(name: str) -> Fault:
    return Fault(Reason.NOT_JSON_NUMBER, f"{name}: exponent beyond {MAX_EXPONENT}")
