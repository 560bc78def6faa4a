"""Takes the keys that never leave out of JSON text. Pure.

Two walks over the tokens, however deep and wide the text is: the first finds the objects and arrays that may hold such
a key, the second writes the text again without it. Neither makes objects of the values, and neither recurses, so memory
is that of a copy of the text. What surely holds no such key stays byte for byte; an object or array that may is written
without blanks between its members, and of duplicate keys keeps the last value in the first place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from statsig_export.events.faults import BadValueError
from statsig_export.events.json_text import members, quote
from statsig_export.vocabulary import NEVER_SENT

ESCAPED_LETTER: Final = r"\\u00[4-7]"
"""What it takes to write a key in other letters: an escaped ASCII letter. A pattern."""
_ESCAPED_LETTER: Final = re.compile(ESCAPED_LETTER)
_HIT: Final = re.compile("|".join((*sorted(NEVER_SENT), ESCAPED_LETTER)))
_ANY_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""Possessive: a string of many escapes would else be remembered escape by escape."""
_BRACKET: Final = re.compile(_ANY_STRING + r"|[{}\[\]]", re.DOTALL)
"""Strings, and where objects and arrays begin and end."""
_TOKEN: Final = re.compile(_ANY_STRING + r"|[{}\[\],]", re.DOTALL)
"""The same, and where members end."""
_COLON: Final = re.compile(r"[ \t\r\n]*:")
_STRING: Final = msgspec.json.Decoder(str)
_BLANKS: Final = " \t\r\n"


def without_never_sent(text: str) -> str:
    """The same text, or, where some key in it never leaves, the text without it at whatever depth.

    `text` is a valid JSON object or array.
    """
    if not may_hold_never_sent(text):
        return text
    shallow = _without_own_members(text)
    if shallow is not None:
        return shallow
    holders = _holders(text)
    return _rewritten(text, holders) if holders else text


def may_hold_never_sent(text: str) -> bool:
    if any(map(text.__contains__, NEVER_SENT)):
        return True
    return "\\u00" in text and _ESCAPED_LETTER.search(text) is not None


def _without_own_members(text: str) -> str | None:
    """The frequent case, at a tenth of the price of the walks: an object with members of its own that never leave, and
    no other value that may hold one. None in every other case.
    """
    try:
        found = members(text, "") if text[0] == "{" else {}
    except BadValueError:  # nested more deeply than msgspec goes
        return None
    kept = {key: value for key, value in found.items() if key not in NEVER_SENT}
    if len(kept) == len(found) or any(map(may_hold_never_sent, kept.values())):
        return None
    return "{" + ",".join(f"{quote(key)}:{value}" for key, value in kept.items()) + "}"


def _holders(text: str) -> set[int]:
    """Where the objects and arrays begin that hold a name that never leaves, as a key or within any string.

    Empty where it is nowhere a key.
    """
    hits = _positions(text)
    hit = next(hits)
    holders: set[int] = set()
    found = False
    open_at: list[int] = []
    for token in _BRACKET.finditer(text):
        kind = text[token.start()]
        if kind == '"':
            if hit >= token.end():
                continue
            found = found or (_key(token[0]) in NEVER_SENT and _COLON.match(text, token.end()) is not None)
            for holder in reversed(open_at):
                if holder in holders:
                    break
                holders.add(holder)
            while hit < token.end():
                hit = next(hits)
        elif kind in "{[":
            open_at.append(token.start())
        else:
            open_at.pop()
    return holders if found else set()


def _positions(text: str) -> Iterator[int]:
    """Where a name that never leaves may be spelled; at last a position behind the text."""
    for hit in _HIT.finditer(text):
        yield hit.start()
    yield len(text)


@dataclass(slots=True)
class _Open:
    """An object or array that is being written."""

    is_object: bool
    begin: int
    """Where the text of the present member's value begins."""
    key: str | None = None
    """The present member's."""
    value_at: int = 0
    """The first piece of the present member's value."""
    written: bool = False
    """Whether the present member's value is written already, being an object or array that was written itself."""
    pieces: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Key -> the pieces of its value."""
    members: int = 0

    def see_string(self, text: str, token: re.Match[str]) -> None:
        """Take the member's key where the string is one: then its value begins behind the colon."""
        if self.is_object and self.key is None:
            self.key = _key(token[0])
            self.begin = text.index(":", token.end()) + 1


def _rewritten(text: str, holders: set[int]) -> str:
    out: list[str] = []
    open_: list[_Open] = []
    token = _TOKEN.search(text)
    while token is not None:
        kind, behind = text[token.start()], token.end()
        if kind in "{[":
            if token.start() in holders and not (open_ and open_[-1].key in NEVER_SENT):
                _open(out, open_, kind, behind)
            else:
                behind = _end_of(text, token.start())
        elif kind == '"':
            open_[-1].see_string(text, token)
        else:
            _end_member(out, open_[-1], text, token.start())
            open_[-1].begin = behind
            if kind in "}]":
                out.append(kind)
                open_.pop()
                if open_:
                    open_[-1].written = True
        token = _TOKEN.search(text, behind)
    return "".join(out)


def _end_of(text: str, begin: int) -> int:
    """Where the object or array ends that begins there."""
    depth = 0
    for token in _BRACKET.finditer(text, begin):
        kind = text[token.start()]
        depth += (kind in "{[") - (kind in "}]")
        if not depth:
            return token.end()
    return len(text)


def _open(out: list[str], open_: list[_Open], bracket: str, end: int) -> None:
    if open_:
        _begin_member(out, open_[-1])
    out.append(bracket)
    open_.append(_Open(bracket == "{", end))


def _begin_member(out: list[str], into: _Open) -> None:
    """The comma and the key, unless the key was there before: its value then replaces the earlier one."""
    if into.key is None or into.key not in into.pieces:
        comma = "," if into.members else ""
        into.members += 1
        out.append(comma if into.key is None else f"{comma}{quote(into.key)}:")
    into.value_at = len(out)


def _end_member(out: list[str], of: _Open, text: str, end: int) -> None:
    """Write the value if it passes as it is, and put it where its key has its place."""
    if of.key not in NEVER_SENT:
        raw = "" if of.written else text[of.begin : end].strip(_BLANKS)
        if raw:  # else the object or array is empty
            _begin_member(out, of)
            out.append(raw)
        if of.key is not None:
            first, past = of.pieces.setdefault(of.key, (of.value_at, len(out)))
            if first != of.value_at:
                value = "".join(out[of.value_at :])
                del out[of.value_at :]
                out[first:past] = [value, *[""] * (past - first - 1)]
    of.key, of.written = None, False


def _key(token: str) -> str:
    return _STRING.decode(token) if "\\" in token else token[1:-1]
