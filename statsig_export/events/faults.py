"""Rows that cannot become events: the marks that reshape and encoding set on the rows of a chunk.

A failed row is counted and kept in quarantine by its key; neither reason nor detail ever holds any of its payload.
"""

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, Mask, array, take
from statsig_export.layouts.reasons import Reason


class Fault(NamedTuple):
    """What is wrong with a row: the reason, and which column or rule (no payload)."""

    reason: Reason
    detail: str


class BadValueError(ValueError):
    """A value that fails its row. Never leaves the pure modules: they turn it into a mark."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


NONE_FAILED: Final = pa.table(
    {name: pa.nulls(0, TEXT) for name in ("row_key", "category", "time_uuid", "reason", "detail")}
)
"""The failed rows of a chunk that has none, which most have."""


class FailureMarks:
    """At most one fault for each row of a chunk: the first that was marked stays."""

    def __init__(self, rows: int) -> None:
        self._codes = np.zeros(rows, dtype=np.int32)
        self._faults: dict[Fault, int] = {}

    def mark(self, rows: Mask, reason: Reason, detail: str) -> None:
        """Fail every row of the mask that has not failed yet."""
        self._codes[rows & (self._codes == 0)] = self._code(Fault(reason, detail))

    def mark_row(self, row: int, fault: Fault) -> None:
        """Fail one row, unless it has failed already."""
        if self._codes[row] == 0:
            self._codes[row] = self._code(fault)

    @property
    def passed(self) -> Mask:
        """The rows without a fault."""
        passed: Mask = self._codes == 0
        return passed

    def failed(self, row_key: Column, category: Column, time_uuid: Column) -> pa.Table:
        """The failed rows: row_key, category, time_uuid (null unless known), reason, detail; all large_string."""
        failed = np.flatnonzero(self._codes)
        if not len(failed):
            return NONE_FAILED
        codes = self._codes[self._codes != 0] - 1
        faults = list(self._faults)
        return pa.table(
            {
                "row_key": take(row_key, failed),
                "category": take(category, failed),
                "time_uuid": take(time_uuid, failed),
                "reason": take(array([fault.reason.value for fault in faults], TEXT), codes),
                "detail": take(array([fault.detail for fault in faults], TEXT), codes),
            }
        )

    def _code(self, fault: Fault) -> int:
        return self._faults.setdefault(fault, len(self._faults) + 1)
