"""JSON columns that pass through, a whole column at a time: checked, and stripped of what never leaves. Pure."""

from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from statsig_export.arrow.columns import Column, Mask, pc, replaced, take, values_of, where
from statsig_export.events.faults import FailureMarks, Fault
from statsig_export.events.json_text import fault_in
from statsig_export.events.never_sent import ESCAPED_LETTER, without_never_sent
from statsig_export.vocabulary import NEVER_SENT


class _AnyObject(msgspec.Struct):
    """Decoding to it checks the syntax and that the text is an object; all its members are skipped."""


_OBJECT: Final = msgspec.json.Decoder(_AnyObject)
_SHORT: Final = 2_048
_remembered: Final = lru_cache(maxsize=2_048)(without_never_sent)
"""For texts of at most _SHORT letters, since the same users come with every chunk: some 2 MB, 16 MB at most."""


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
    suspects = np.flatnonzero(_suspicious(distinct))
    for position, text in zip(suspects.tolist(), values_of(take(distinct, suspects)), strict=True):
        if position in faults:
            continue
        sent = (_remembered if len(text) <= _SHORT else without_never_sent)(text)
        if sent != text:
            stripped[position] = sent
    _mark_rows(encoded.indices, faults, marks)
    if not stripped:
        return texts
    return take(replaced(distinct, np.array([*stripped]), [*stripped.values()]), encoded.indices)


def _suspicious(texts: Column) -> Mask:
    """Texts with a name that never leaves, or with an escape that may spell one.

    One search a literal: for a plain literal the regex kernel is seven times as fast as for an alternation.
    """
    found = pc.match_substring_regex(texts, ESCAPED_LETTER)
    for key in sorted(NEVER_SENT):
        found = pc.or_(found, pc.match_substring_regex(texts, key))
    return where(found)


def _mark_rows(indices: Column, faults: dict[int, Fault], marks: FailureMarks) -> None:
    if faults:
        codes = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(np.isin(codes, list(faults))).tolist():
            marks.mark_row(row, faults[int(codes[row])])
