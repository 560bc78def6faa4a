"""JSON text that passes through: checked, stripped of what never leaves, and otherwise byte for byte as it was found.

Checked means: valid JSON by RFC 8259 (so no NaN), an object, and no escape that is half a surrogate pair, which the
syntax would allow. Numbers keep their text, members their order. Duplicate keys: text that passes through keeps them
all, as it stands; an object that had to be built again, because a key in it never leaves, keeps the last of each.

One check serves every database. PostgreSQL's json type already guarantees the syntax, but not the surrogates, and
the check costs less than 1 us for each distinct text, since no object is built of its members.
"""

import json
import re
from collections.abc import Sequence
from typing import Final, NoReturn

import msgspec
import numpy as np

from statsig_export.arrow.columns import TEXT, Column, Mask, array, pc, replaced, take, values_of, where
from statsig_export.events.faults import BadValueError, FailureMarks, Fault
from statsig_export.layouts.reasons import Reason
from statsig_export.vocabulary import NEVER_SENT


class _AnyObject(msgspec.Struct):
    """Decoding to it checks the syntax and that the text is an object; all its members are skipped."""


_OBJECT: Final = msgspec.json.Decoder(_AnyObject)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
_NEEDS_ESCAPE: Final = r'["\\\x00-\x1f]'
_ESCAPED_LETTER: Final = re.compile(r"\\u00[4-7]")
"""What it takes to write the key `privateAttributes` in other letters: an escaped ASCII letter."""
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
    try:
        found = _MEMBERS.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        if has_no_members(text):
            return {}
        raise BadValueError(fault_in(text, name, error)) from None
    return {key: str(value, "utf-8") for key, value in found.items()}


def checked_objects(texts: Column, name: str, marks: FailureMarks) -> Column:
    """The column without the keys that never leave; rows that are no valid object are marked.

    Each distinct text is looked at once: users and statsigMetadata repeat.
    """
    encoded = texts.dictionary_encode()
    distinct: list[str] = values_of(encoded.dictionary)
    faults: dict[int, Fault] = {}
    for position, text in enumerate(distinct):
        try:
            _OBJECT.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            faults[position] = fault_in(text, name, error)
    changed = False
    for position in np.flatnonzero(_suspicious(encoded.dictionary)).tolist():
        if position in faults:
            continue
        try:
            stripped = without_never_sent(distinct[position], name)
        except BadValueError as error:
            faults[position] = error.fault
            continue
        changed = changed or stripped is not distinct[position]
        distinct[position] = stripped
    _mark_rows(encoded.indices, faults, marks)
    return take(array(distinct, TEXT), encoded.indices) if changed else texts


def without_never_sent(text: str, name: str) -> str:
    """The same text, or, where some key in it never leaves, the text without it at whatever depth.

    `text` is valid JSON. Raises BadValueError where it is nested too deeply to be sure.
    """
    if not _may_hold_never_sent(text):
        return text
    try:
        return _rebuilt(text) if _holds_never_sent(text) else text
    except RecursionError:
        raise BadValueError(_too_deep(name)) from None


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


def _suspicious(texts: Column) -> Mask:
    """Texts with a name that never leaves, or with an escape that may spell one.

    One search a literal: for a plain literal the regex kernel is seven times as fast as for an alternation.
    """
    found = pc.match_substring_regex(texts, r"\\u00")
    for key in sorted(NEVER_SENT):
        found = pc.or_(found, pc.match_substring_regex(texts, key))
    return where(found)


def _may_hold_never_sent(text: str) -> bool:
    return any(map(text.__contains__, NEVER_SENT)) or _ESCAPED_LETTER.search(text) is not None


def _holds_never_sent(text: str) -> bool:
    """Whether any key, in any of several duplicates too, is one that never leaves; a value may well be."""
    found = False

    def see(pairs: Sequence[tuple[str, object]]) -> None:
        nonlocal found
        found = found or any(key in NEVER_SENT for key, _ in pairs)

    json.loads(text, object_pairs_hook=see, parse_int=str, parse_float=str)
    return found


def _rebuilt(text: str) -> str:
    if not _may_hold_never_sent(text):
        return text
    opening = text.lstrip(" \t\r\n")[0]
    if opening == "{":
        kept = {key: value for key, value in _MEMBERS.decode(text).items() if key not in NEVER_SENT}
        return "{" + ",".join(f"{quote(key)}:{_rebuilt(str(value, 'utf-8'))}" for key, value in kept.items()) + "}"
    if opening == "[":
        return "[" + ",".join(_rebuilt(str(item, "utf-8")) for item in _ITEMS.decode(text)) + "]"
    return text


def _mark_rows(indices: Column, faults: dict[int, Fault], marks: FailureMarks) -> None:
    if faults:
        codes = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(np.isin(codes, list(faults))).tolist():
            marks.mark_row(row, faults[int(codes[row])])


def _refuse_constant(_: str) -> NoReturn:
    raise BadValueError(Fault(Reason.NOT_JSON_NUMBER, ""))


def _too_deep(name: str) -> Fault:
    return Fault(Reason.MALFORMED_JSON, f"{name} is nested too deeply")
