"""Metadata of numbers, booleans, nulls and nested values, made flat a whole column at a time. Pure.

Where objects are written plainly, making every value a string takes no parser: a quote goes before and behind what is
not quoted, a backslash before each quote within it, and members that are null go. That is done here to the letters of
all texts at once, by where their quotes, brackets, colons and commas stand, in less than half the time of decoding.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from statsig_export.arrow.columns import (
    TEXT,
    Column,
    Letters,
    Mask,
    Places,
    array,
    choose,
    letters,
    of_letters,
    pc,
    replaced,
    text,
    where,
)
from statsig_export.events.json_values import SHORTEST_NUMBER

_KEY: Final = r'"[^"\\\x00-\x1f]*"'
_STRING: Final = r'"(?:[^"\\\x00-\x1f]|\\["\\bfnrt])*"'
_CONSTANT: Final = "true|false|null"
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"


def _list_of(item: str) -> str:
    return rf"\[(?:(?:{item})(?:,(?:{item}))*)?\]"


def _object_of(value: str) -> str:
    return rf"\{{(?:{_KEY}:(?:{value})(?:,{_KEY}:(?:{value}))*)?\}}"


_SCALAR: Final = f"{_STRING}|{_CONSTANT}|{_NUMBER}"
_SHALLOW: Final = f"{_SCALAR}|{_list_of(_SCALAR)}|{_object_of(_SCALAR)}"
_OWN_NUMBER: Final = rf"{SHORTEST_NUMBER}|-?[1-9][0-9]*\.0|0\.0"
_VALUE: Final = f"{_STRING}|{_CONSTANT}|{_OWN_NUMBER}|{_list_of(_SHALLOW)}|{_object_of(_SHALLOW)}"
_PLAIN_OBJECT: Final = rf"^\{{{_KEY}:(?:{_VALUE})(?:,{_KEY}:(?:{_VALUE}))*\}}$"
"""Valid JSON without blanks between its tokens, nested to three levels, its keys without escapes and its strings with
those alone that events have too; its own numbers are written as events write them, or end in a zero behind the point.
"""

_QUOTE, _BACKSLASH, _COLON, _COMMA, _NULL, _POINT, _ZERO = b'"\\:,n.0'
_OPENING, _CLOSING = b"{}"
_ROUND: Final = 0x20
"""The bit that makes a curly bracket of a square one."""
_WORD: Final = 8
_FIRST_LETTERS: Final = np.array([(1 << 8 * count) - 1 for count in range(_WORD + 1)], dtype="<u8")
"""By their number, what keeps them of a word."""
_MIXERS: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


def quoted_members(texts: Column) -> Column:
    """For each text (no null) what `flat_object(carried_members(text))` is.

    Null, for a text that has to be decoded, where it is not written plainly, may have a key twice, or has no member
    but nulls. The texts are taken to have no key that never leaves.
    """
    plain = where(pc.match_substring_regex(texts, _PLAIN_OBJECT))
    if not plain.any():
        return pa.nulls(len(texts), TEXT)
    written = _written(texts.filter(array(plain)))
    members = _members(written)
    good = np.zeros(len(written.begins) - 1, dtype=np.bool_)
    good[members.row[~members.null]] = True
    good[_rows_with_a_key_twice(written, members)] = False
    quoted = choose(good, _quoted(written, members), text(None))
    return replaced(pa.nulls(len(texts), TEXT), np.flatnonzero(plain), quoted)


@dataclass(frozen=True, slots=True)
class _Written:
    """The letters of plain objects, one object behind the other."""

    letters: Letters
    begins: Places
    """Where each object begins, and the last ends."""
    outside: Mask
    """Whether a letter is outside of strings; the quote that ends one is."""
    depth: npt.NDArray[np.int8]
    """In how many brackets a letter is: an opening one is in itself, a closing one is not."""


def _written(objects: Column) -> _Written:
    piece, places = letters(objects)
    text, begins = piece[places[0] : places[-1]], places - places[0]
    delimiters = text == _QUOTE
    delimiters[_escaped(text)] = False
    outside = np.cumsum(delimiters, dtype=np.uint8) & 1 == 0
    brackets = text | _ROUND
    opening, closing = (outside & (brackets == bracket) for bracket in (_OPENING, _CLOSING))
    depth = np.cumsum(opening.view(np.int8) - closing.view(np.int8), dtype=np.int8)
    return _Written(text, begins, outside, depth)


def _escaped(text: Letters) -> Places:
    """The letters behind a backslash that is none itself."""
    backslashes = np.flatnonzero(text == _BACKSLASH)
    numbers = np.arange(len(backslashes))
    first_of_run = np.ones(len(backslashes), dtype=np.bool_)
    first_of_run[1:] = backslashes[1:] != backslashes[:-1] + 1
    place_in_run = numbers - np.maximum.accumulate(np.where(first_of_run, numbers, 0))
    escaped: Places = backslashes[place_in_run % 2 == 0] + 1
    return escaped


@dataclass(frozen=True, slots=True)
class _Members:
    """The members of objects, in order."""

    row: Places
    """Which object each is of."""
    starts: Places
    """Where its key's first quote is."""
    colons: Places
    ends: Places
    """The comma or bracket behind it."""
    last: Mask
    """Whether it is the last of its object."""
    null: Mask


def _members(written: _Written) -> _Members:
    own = written.outside & (written.depth == 1)
    end = written.outside & (written.depth == 0)
    colons = np.flatnonzero(own & (written.letters == _COLON))
    ends = np.flatnonzero(end | (own & (written.letters == _COMMA)))
    last = end[ends]
    starts = np.ones_like(ends)
    starts[1:] = ends[:-1] + 1 + last[:-1]
    return _Members(np.cumsum(last) - last, starts, colons, ends, last, written.letters[colons + 1] == _NULL)


def _rows_with_a_key_twice(written: _Written, members: _Members) -> Places:
    """The objects that have two keys of one length, of which the first and the last eight bytes are equal."""
    begins, lengths = members.starts + 1, members.colons - members.starts - 2
    windows = np.lib.stride_tricks.sliding_window_view(np.append(written.letters, np.zeros(_WORD, np.uint8)), _WORD)
    kept = _FIRST_LETTERS[np.minimum(lengths, _WORD)]
    first, last = (
        windows[begins + skipped].view("<u8")[:, 0] & kept for skipped in (0, np.maximum(lengths - _WORD, 0))
    )
    lengths_of_rows = (members.row << 32 | lengths).astype(np.uint64)
    keys = (first * _MIXERS[0]) ^ (last * _MIXERS[1]) ^ (lengths_of_rows * _MIXERS[2])
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    return members.row[np.isin(keys, twice)] if len(twice) else members.row[:0]


def _quoted(written: _Written, members: _Members) -> Column:
    text, begins = written.letters, written.begins
    marked = ((text == _QUOTE) | (text == _BACKSLASH)) & (written.depth > 1)
    bare = (text[members.colons + 1] != _QUOTE) & ~members.null
    marked[members.colons[bare] + 1] = True
    marked[members.ends[bare]] = True
    places = np.flatnonzero(marked)
    to_mark = text[places]
    marks = np.where((to_mark == _QUOTE) | (to_mark == _BACKSLASH), np.uint8(_BACKSLASH), np.uint8(_QUOTE))
    gone = _superfluous(text, members)
    if gone.any():
        gone_at = np.flatnonzero(gone)
        text, begins = text[~gone], begins - np.searchsorted(gone_at, begins)
        places = places - np.searchsorted(gone_at, places)
    return of_letters(np.insert(text, places, marks), begins + np.searchsorted(places, begins))


def _superfluous(text: Letters, members: _Members) -> Mask:
    """The letters of members that are null, the commas that are then one too many, and `.0` at the end of a number."""
    gone = np.zeros(len(text), dtype=np.bool_)
    zero = members.ends[(text[members.ends - 1] == _ZERO) & (text[members.ends - 2] == _POINT)]
    if members.null.any():
        edges = gone.view(np.int8)
        edges[members.starts[members.null]] = 1
        edges[members.ends[members.null]] -= 1
        gone = np.cumsum(edges, dtype=np.int8).view(np.bool_)
        kept = np.flatnonzero(~members.null)
        followed = np.zeros(len(members.null), dtype=np.bool_)
        followed[kept[:-1]] = members.row[kept[1:]] == members.row[kept[:-1]]
        gone[members.ends[~members.last & ~followed]] = True
    gone[zero - 1] = True
    gone[zero - 2] = True
    return gone
