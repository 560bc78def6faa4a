"""Form.EVENT_LOG: one row an event of any kind, by its final name; what an exposure says is in its metadata. Pure.

Other events pass as they stand; only the rows that bear an exposure's name are taken apart, one by one.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, array, column, frame_of, pc, take, values_of, where
from statsig_export.events.faults import BadValueError, FailureMarks
from statsig_export.events.forms.logged_exposures import TYPES, LoggedExposure, logged_exposure
from statsig_export.settings import SourceSettings


def canonical_frame(log: pd.DataFrame, marks: FailureMarks, settings: SourceSettings) -> pd.DataFrame:
    """The canonical frame of a chunk that has its columns, with those of the exposures filled; faulty rows are marked.

    `settings` say what the log does not: the ID types of exposures, and which configs are experiments.
    """
    names = column(log, "event_name", TEXT)
    rows = np.flatnonzero(where(pc.is_in(names, array(list(TYPES), TEXT))))
    if not len(rows):
        return log
    read = (values_of(take(column(log, name, TEXT), rows)) for name in ("event_name", "metadata", "user"))
    found: list[LoggedExposure] = []
    for row, name, metadata, user in zip(rows.tolist(), *read, strict=True):
        try:
            found.append(logged_exposure(TYPES[name], metadata, user, settings))
        except BadValueError as error:
            marks.mark_row(row, error.fault)
            found.append(_untold(TYPES[name]))
    filled = zip(LoggedExposure._fields, zip(*found, strict=True), strict=True)
    columns = {name: column(log, name) for name in log.columns}
    return frame_of(columns | {name: _replaced(log, name, rows, values) for name, values in filled})


def _untold(kind: str) -> LoggedExposure:
    return LoggedExposure(kind, None, None, None, None, None, None, "{}")


def _replaced(log: pd.DataFrame, name: str, rows: "np.typing.NDArray[np.intp]", values: tuple[Any, ...]) -> Column:
    kind = pa.bool_() if name == "gate_value" else TEXT
    mask = np.zeros(len(log), dtype=np.bool_)
    mask[rows] = True
    result: Column = pc.replace_with_mask(column(log, name, kind), array(mask), array(values, kind))
    return result
