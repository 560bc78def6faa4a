"""Ranges of rows of an events file, read in order, and the row groups that a text may be in."""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from statsig_export.arrow.contiguous import contiguous


class EventReader:
    """Reads ranges of an events file and keeps the last row group, since ranges are read in order."""

    def __init__(self, file: pq.ParquetFile, close: Callable[[], None]) -> None:
        """`close` closes the file."""
        self.close = close
        self._file = file
        self._starts = [0]
        for group in range(file.num_row_groups):
            self._starts.append(self._starts[-1] + file.metadata.row_group(group).num_rows)
        self._group = -1
        self._events: pa.Array[Any] = pa.nulls(0, pa.large_string())

    def read(self, first_row: int, rows: int) -> pa.Array[Any]:
        end = first_row + rows
        if end > self._starts[-1]:
            raise pa.ArrowInvalid(f"rows up to {end} of {self._starts[-1]}")
        texts = []
        for group, (start, stop) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            if start < end and stop > first_row:
                events = self._load(group)
                begin = max(first_row - start, 0)
                texts.append(events.slice(begin, min(end, stop) - start - begin))
        return contiguous(pa.chunked_array(texts, pa.large_string()))

    def _load(self, group: int) -> pa.Array[Any]:
        if group != self._group:
            table = self._file.read_row_group(group, columns=["event"], use_threads=False)
            self._events = contiguous(table.column(0))
            self._group = group
        return self._events


def may_hold(statistics: pq.Statistics | None, value: str) -> bool:
    """Whether a column chunk with these statistics can hold a text; they order texts as Python does."""
    least, greatest = (statistics.min, statistics.max) if statistics else (None, None)
    return least is None or greatest is None or bool(least <= value <= greatest)
