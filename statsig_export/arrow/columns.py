"""Arrow columns: out of a frame or table, and what is done with them.

Each column is one contiguous pa.Array, since the functions that build JSON join arrays element by element; text is
always large_string, whose offsets cannot overflow.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from statsig_export.arrow.contiguous import contiguous

Column: TypeAlias = "pa.Array[Any]"
Mask: TypeAlias = npt.NDArray[np.bool_]
Letters: TypeAlias = npt.NDArray[np.uint8]
Places: TypeAlias = npt.NDArray[np.int64]

TEXT: Final = pa.large_string()

pc: Final[Any] = pyarrow.compute
"""pyarrow.compute, untyped: its stubs refuse Python literals as arguments, which every kernel takes."""


def array(values: "Sequence[object] | npt.NDArray[Any]", kind: "pa.DataType | None" = None) -> Column:
    """A column of Python values (None is null) or of a numpy array."""
    made: Column = pa.array(values, kind)
    return made


def column(table: pa.Table, name: str, kind: "pa.DataType | None" = None) -> Column:
    """One column as one array, cast to `kind` where the table has another type (an all-null column, mostly)."""
    return of_kind(contiguous(table[name]), kind)


def of_kind(values: Column, kind: "pa.DataType | None") -> Column:
    """The column, cast to `kind` where it has another type."""
    return values if kind is None or values.type == kind else values.cast(kind)


def columns_of(frame: pd.DataFrame) -> dict[str, Column]:
    """The columns of a frame of pd.ArrowDtype, by name and in order, over the same memory."""
    return {str(name): contiguous(pa.array(series.array, from_pandas=True)) for name, series in frame.items()}


def frame_of(columns: Mapping[str, Column]) -> pd.DataFrame:
    """A frame of pd.ArrowDtype columns with a RangeIndex, over the same memory."""
    return pd.DataFrame({name: pd.arrays.ArrowExtensionArray(values) for name, values in columns.items()}, copy=False)


def text(value: str | None) -> "pa.Scalar[Any]":
    """A scalar that joins with text columns."""
    return pa.scalar(value, TEXT)


def join(*parts: "Column | pa.Scalar[Any] | str") -> Column:
    """The parts of each row in sequence. A null part makes the row null."""
    scalars_and_columns = [text(part) if isinstance(part, str) else part for part in parts]
    joined: Column = pc.binary_join_element_wise(*scalars_and_columns, text(""))
    return joined


def choose(condition: "Column | Mask", yes: "Column | pa.Scalar[Any]", no: "Column | pa.Scalar[Any]") -> Column:
    """`yes` where the condition holds, `no` where it does not, null where it is null."""
    chosen: Column = pc.if_else(array(condition) if isinstance(condition, np.ndarray) else condition, yes, no)
    return chosen


def take(values: Column, rows: "npt.NDArray[np.integer[Any]] | Column") -> Column:
    """The column's values at the given positions, in their order; null where a position is null."""
    taken: Column = values.take(array(rows) if isinstance(rows, np.ndarray) else rows)
    return taken


def values_of(values: Column) -> list[Any]:
    """The column as Python values."""
    return values.to_pylist()


def where(condition: Column) -> Mask:
    """A boolean column as a numpy mask, null counting as false."""
    known = pc.fill_null(condition, False) if condition.null_count else condition  # noqa: FBT003
    mask: Mask = known.to_numpy(zero_copy_only=False)
    return mask


def letters(texts: Column) -> tuple[Letters, Places]:
    """The column's UTF-8 text in one piece, and where in it each row's begins; the last place is where the last ends.

    No copy: the piece may hold more than the column does, before and behind it.
    """
    _, offsets, data = (None if buffer is None else memoryview(buffer) for buffer in texts.buffers())
    if offsets is None or data is None:
        return np.empty(0, dtype=np.uint8), np.zeros(len(texts) + 1, dtype=np.int64)
    places = np.frombuffer(offsets, dtype=np.int64, count=texts.offset + len(texts) + 1)
    return np.frombuffer(data, dtype=np.uint8), places[texts.offset :]


def of_letters(piece: Letters, places: Places) -> Column:
    """The column of the texts that begin at these places of a piece of UTF-8; the last place is where the last ends."""
    begins, data = (pa.py_buffer(np.ascontiguousarray(values).data) for values in (places, piece))
    texts: Column = pa.LargeStringArray.from_buffers(len(places) - 1, begins, data)
    return texts


def mapped(texts: Column, function: Callable[[str], str | None]) -> Column:
    """`function` of each text, called once per distinct text: for columns of few distinct values. Null stays null."""
    encoded = texts.dictionary_encode()
    return take(array([function(value) for value in values_of(encoded.dictionary)], TEXT), encoded.indices)


def replaced(texts: Column, rows: npt.NDArray[np.intp], values: "Column | list[str | None]") -> Column:
    """The column with the values at `rows` (ascending positions) replaced."""
    if not len(rows):
        return texts
    mask = np.zeros(len(texts), dtype=np.bool_)
    mask[rows] = True
    others = array(values, TEXT) if isinstance(values, list) else values
    result: Column = pc.replace_with_mask(texts, array(mask), others)
    return result


def shortest(decimals: Column) -> Column:
    """Positional numbers as text, without zeros that say nothing: 1.00 -> 1, 6.50 -> 6.5."""
    shorter = pc.replace_substring_regex(decimals, pattern=r"(\.[0-9]*[1-9])0+$", replacement=r"\1")
    result: Column = pc.replace_substring_regex(shorter, pattern=r"\.0*$", replacement="")
    return result
