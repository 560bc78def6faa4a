"""JSON columns that pass through, a whole column at a time: checked, and stripped of what never leaves. Pure."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from statsig_export.arrow.columns import Column, letters, pc, replaced, take, values_of
from statsig_export.events.faults import FailureMarks, Fault
from statsig_export.events.json_text import fault_in
from statsig_export.events.never_sent import without_never_sent
from statsig_export.vocabulary import NEVER_SENT


class _AnyObject(msgspec.Struct):
    """Decoding to it checks the syntax and that the text is an object; all its members are skipped."""


_OBJECT: Final = msgspec.json.Decoder(_AnyObject)
_SHORT: Final = 2_048
_remembered: Final = lru_cache(maxsize=2_048)(without_never_sent)
"""For texts of at most _SHORT letters, since the same users come with every chunk: some 2 MB, 16 MB at most."""
_SUSPICIOUS: Final = (*(name.encode() for name in sorted(NEVER_SENT)), rb"\u00")


def checked_objects(texts: Column, name: str, marks: FailureMarks) -> Column:
    """The column without the keys that never leave; rows that are no valid object are marked.

    Each distinct text is looked at once: users and statsigMetadata repeat.
    """
    encoded = texts.dictionary_encode()
    distinct = encoded.dictionary
    faults: dict[int, Fault] = {}
    for position, encoded_text in enumerate(values_of(distinct.view(pa.large_binary()))):
        try:
            _OBJECT.decode(encoded_text)
        except (msgspec.DecodeError, RecursionError) as error:
            faults[position] = fault_in(encoded_text.decode(), name, error)
    stripped: dict[int, str | None] = {}
    suspects = [position for position in _suspicious(distinct) if position not in faults]
    for position, text in zip(suspects, values_of(take(distinct, np.array(suspects, dtype=np.intp))), strict=True):
        sent = (_remembered if len(text) <= _SHORT else without_never_sent)(text)
        if sent != text:
            stripped[position] = sent
    _mark_rows(encoded.indices, faults, marks)
    if not stripped:
        return texts
    return take(replaced(distinct, np.array([*stripped]), [*stripped.values()]), encoded.indices)


def _suspicious(texts: Column) -> list[int]:
    """Where there is a text with a name that never leaves, or with an escape that may spell one; a few others too.

    Looked for in all texts at once: that takes a tenth of the time of a kernel that looks into each.
    """
    text, begins = letters(texts)
    whole = text.tobytes()
    places = sorted(place for name in _SUSPICIOUS for place in _places(whole, name))
    return sorted({int(place) - 1 for place in np.searchsorted(begins, places, side="right")})


def _places(text: bytes, name: bytes) -> Iterator[int]:
    place = text.find(name)
    while place >= 0:
        yield place
        place = text.find(name, place + 1)


def _mark_rows(indices: Column, faults: dict[int, Fault], marks: FailureMarks) -> None:
    if faults:
        codes = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(np.isin(codes, list(faults))).tolist():
            marks.mark_row(row, faults[int(codes[row])])
