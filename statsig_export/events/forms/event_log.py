"""Form.EVENT_LOG: one row per event of any kind, by its final name; what an exposure says is in its metadata. Pure.

Other events pass as they stand; only the rows that bear an exposure's name are taken apart, one by one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, array, of_kind, pc, take, values_of, where
from statsig_export.events.faults import BadValueError, FailureMarks
from statsig_export.events.forms.logged_exposures import TYPES, LoggedExposure, logged_exposure
from statsig_export.events.room import Room
from statsig_export.settings import SourceSettings


def from_event_log(
    log: Mapping[str, Column], marks: FailureMarks, settings: SourceSettings, room: Room
) -> Mapping[str, Column]:
    """The canonical columns of a chunk that has them, with those of the exposures filled; faulty rows are marked.

    `settings` say what the log does not: the ID types of exposures, and which configs are experiments.
    """
    names = of_kind(log["event_name"], TEXT)
    rows = np.flatnonzero(where(pc.is_in(names, array(list(TYPES), TEXT))))
    if not len(rows):
        return log
    read = (values_of(take(of_kind(log[name], TEXT), rows)) for name in ("event_name", "metadata", "user"))
    found: list[LoggedExposure] = []
    for row, name, metadata, user in zip(rows.tolist(), *read, strict=True):
        try:
            found.append(logged_exposure(TYPES[name], metadata, user, settings, room))
        except BadValueError as error:
            marks.mark_row(row, error.fault)
            found.append(_untold(TYPES[name]))
    filled = zip(LoggedExposure._fields, zip(*found, strict=True), strict=True)
    return {**log, **{name: _replaced(log[name], name, rows, values) for name, values in filled}}


def _untold(kind: str) -> LoggedExposure:
    return LoggedExposure(kind, None, None, None, None, None, None, "{}")


def _replaced(before: Column, name: str, rows: "np.typing.NDArray[np.intp]", values: tuple[Any, ...]) -> Column:
    kind = pa.bool_() if name == "gate_value" else TEXT
    mask = np.zeros(len(before), dtype=np.bool_)
    mask[rows] = True
    result: Column = pc.replace_with_mask(of_kind(before, kind), array(mask), array(values, kind))
    return result
