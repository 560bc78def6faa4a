"""Reshapes a chunk within bounds of memory: what no request can hold is refused unread, what grows is cut. Pure."""

from collections.abc import Generator
from typing import Final

import pandas as pd

from statsig_export.arrow.columns import TEXT, Column, choose, columns_of, frame_of, pc, text, where
from statsig_export.events.reshape import Reshaped, reshape
from statsig_export.events.room import OutgrownError, Room
from statsig_export.layouts.model import ROW_KEY, UNREADABLE, UNREADABLE_REASON, SourceTable
from statsig_export.layouts.reasons import Reason
from statsig_export.settings import SourceSettings

FAR_BEYOND: Final = 4
"""A text of so many times what an event may have is refused before anything is made of it. A smaller one may still
become an event, since blanks and keys that never leave are taken out."""
GROWN_BYTES: Final = 8 * 2**20
"""What the metadata of the rows that are reshaped at once may be written out to."""


def without_giants(frame: pd.DataFrame, max_event_bytes: int) -> pd.DataFrame:
    """The chunk, its texts far beyond `max_event_bytes` marked unreadable, so that their rows fail as too large."""
    columns = columns_of(frame)
    limit = FAR_BEYOND * max_event_bytes
    giants = {name: values for name, values in columns.items() if name != ROW_KEY and _may_exceed(values, limit)}
    for name, values in giants.items():
        too_large = where(pc.greater(pc.binary_length(values), limit))
        columns[name] = choose(too_large, text(None), values)
        unmarked = too_large & ~where(columns[UNREADABLE].is_valid())
        columns[UNREADABLE] = choose(unmarked, text(name), columns[UNREADABLE])
        columns[UNREADABLE_REASON] = choose(unmarked, text(Reason.TOO_LARGE), columns[UNREADABLE_REASON])
    return frame_of(columns) if giants else frame


def bounded_reshape(
    frame: pd.DataFrame,
    table: SourceTable,
    settings: SourceSettings,
    max_event_bytes: int,
    row_keys: "Column | None" = None,
) -> Generator[Reshaped]:
    """`reshape` of the chunk, in parts that hold as many rows as may be in memory at once; in order."""
    rows = len(frame)
    room = Room(FAR_BEYOND * max_event_bytes, GROWN_BYTES if rows > 1 else None)
    try:
        whole = reshape(frame, table, settings, row_keys, room)
    except OutgrownError:
        pass
    else:
        yield whole
        return
    middle = rows // 2
    for part in (slice(0, middle), slice(middle, rows)):
        keys = None if row_keys is None else row_keys[part]
        yield from bounded_reshape(frame.iloc[part], table, settings, max_event_bytes, keys)


def _may_exceed(values: Column, limit: int) -> bool:
    if values.type != TEXT or values.nbytes <= limit:
        return False
    return bool(pc.any(pc.greater(pc.binary_length(values), limit)).as_py())
