"""JSON text that passes through: checked (checked_objects.py), stripped of what never leaves (never_sent.py), and
otherwise byte for byte as it was found.

Checked means: valid JSON by RFC 8259 (so no NaN), an object, and no escape that is half a surrogate pair, which the
syntax would allow. Numbers keep their text, members their order. Duplicate keys: text that passes through keeps them
all, as it stands; an object that had to be built again, because a key in it never leaves, keeps the last of each.

One check serves every database. PostgreSQL's json type already guarantees the syntax, but not the surrogates, and
the check costs less than 1 us for each distinct text, since no object is built of its members.
"""

import json
import re
from typing import Final, NoReturn

import msgspec
import numpy as np

from statsig_export.arrow.columns import Column, pc, replaced, values_of, where
from statsig_export.events.faults import BadValueError, Fault
from statsig_export.layouts.reasons import Reason

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
_NEEDS_ESCAPE: Final = r'["\\\x00-\x1f]'
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F])|.)", re.DOTALL
)
"""One escape of valid JSON text; scanned from left to right, a surrogate pair counts as one."""

_SPACE: Final = r"[ \t\r\n]*"
NO_MEMBERS: Final = rf"^(?:null|{_SPACE}\[{_SPACE}\]{_SPACE})$"
"""JSON text in place of an object that has no members: null, or PHP's empty map."""
_NO_MEMBERS: Final = re.compile(NO_MEMBERS)


def quote(text: str) -> str:
    """The JSON string: quotes, backslashes and control characters escaped, everything else raw."""
    return _ENCODER.encode(text)


def escaped(texts: Column) -> Column:
    """The texts as they stand between a JSON string's quotes, for columns of many distinct values."""
    needy = pc.match_substring_regex(texts, _NEEDS_ESCAPE)
    if not pc.any(needy).as_py():
        return texts
    values: list[str | None] = [quote(text)[1:-1] for text in values_of(texts.filter(needy))]
    return replaced(texts, np.flatnonzero(where(needy)), values)


def has_no_members(text: str) -> bool:
    """Whether JSON text stands in place of an object without members."""
    return _NO_MEMBERS.fullmatch(text) is not None


def members(text: str, name: str) -> dict[str, str]:
    """Key -> the exact JSON text of its value; of a duplicate key the last. None where there is no object
    (`has_no_members`).

    Raises BadValueError unless the text is a valid JSON object without half a surrogate pair. `name` says in the
    detail where it stood.
    """
    return {key: str(value, "utf-8") for key, value in raw_members(text, name).items()}


def raw_members(text: str, name: str) -> dict[str, msgspec.Raw]:
    """The same, each value's text as it lies in `text`."""
    try:
        return _MEMBERS.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        if has_no_members(text):
            return {}
        raise BadValueError(fault_in(text, name, error)) from None


def _has_lone_surrogate(text: str) -> bool:
    return any(escape["lone"] for escape in _ESCAPE.finditer(text))


def fault_in(text: str, name: str, error: Exception) -> Fault:
    """Why msgspec refused the text: it says neither that a constant is no number nor that half a pair is no text."""
    try:
        json.loads(text, parse_constant=_refuse_constant, parse_int=str, parse_float=str)
    except BadValueError:
        return Fault(Reason.NOT_JSON_NUMBER, name)
    except json.JSONDecodeError as syntax:
        return Fault(Reason.MALFORMED_JSON, f"{name}, character {syntax.pos}")
    except RecursionError:
        return _too_deep(name)
    if _has_lone_surrogate(text):
        return Fault(Reason.NOT_UNICODE, name)
    if isinstance(error, msgspec.ValidationError):
        return Fault(Reason.WRONG_TYPE, f"{name} is no JSON object")
    return _too_deep(name) if isinstance(error, RecursionError) else Fault(Reason.MALFORMED_JSON, name)


def _refuse_constant(_: str) -> NoReturn:
    raise BadValueError(Fault(Reason.NOT_JSON_NUMBER, ""))


def _too_deep(name: str) -> Fault:
    return Fault(Reason.MALFORMED_JSON, f"{name} is nested too deeply")
