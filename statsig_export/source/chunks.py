"""What a driver yields -> one canonical frame, a column at a time: no Python object per row but the driver's own. Pure.

A driver yields rows, as PEP 249 has it, or Arrow record batches. The same table gives the same frame either way.

A value that cannot be what its column should hold does not stop the read. The row keeps a null there, `unreadable`
names the canonical column, and `unreadable_reason` is the reason of the failed row that the reshape makes of it:

    NOT_UNICODE      text whose bytes are not UTF-8
    NOT_JSON_NUMBER  a numeric `value` that is NaN or infinite: JSON has no such number
    WRONG_TYPE       neither true nor false in a boolean column, or no whole number in a key that is an integer column
                     (SQLite keeps what it is given, and 2**63 and more as a float that has lost digits)
    MISSING_KEY      a null key
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, array, frame_of, pc, shortest, values_of, where
from statsig_export.errors import SourceError
from statsig_export.layouts.model import RECEIVED_AT, TRUTHS, UNREADABLE, UNREADABLE_REASON, Kind, SourceTable
from statsig_export.layouts.reasons import Reason
from statsig_export.source.statement import Reading, SelectedColumn

Chunk: TypeAlias = "Sequence[Sequence[Any]] | pa.RecordBatch"
"""Rows of a driver's cursor, or the same as Arrow columns."""
Values: TypeAlias = "Sequence[Any] | Column"
"""One column of a chunk as the driver gave it."""
Faults = dict[int, Reason]
"""Position in the chunk -> reason."""

_TRUTHS: Final[Mapping[Any, bool]] = {**TRUTHS, 1: True, "\x01": True, 0: False, "\x00": False}
"""A number is a boolean too, and a byte, as MySQL has a bit(1)."""
_NOT_POSITIONAL: Final = r"[eEnN]|^-0(\.0*)?$"


def rows_of(chunk: Chunk) -> Iterable[Sequence[Any]]:
    """The rows of a small result, as Python has their values."""
    if isinstance(chunk, pa.RecordBatch):
        return zip(*(column.to_pylist() for column in chunk.columns), strict=True)
    return chunk


def to_frame(chunk: Chunk, selected: Sequence[SelectedColumn], table: SourceTable) -> pd.DataFrame:
    """The canonical frame of a chunk: `table.frame_columns`, `unreadable`, `unreadable_reason`, all Arrow-backed.

    Text and JSON are large_string, `gate_value` is bool, `row_key` int64 or large_string, `timestamp` timestamp[us]
    in UTC or large_string; columns that the table does not have are all null. Needs one row at least, with the values
    of `selected` in that order. Integer keys that 64 bits do not hold make `row_key` large_string.
    Raises SourceError where a driver gives what the column's type cannot be.
    """
    arrays: dict[str, Column] = {}
    first_faults: dict[int, tuple[str, Reason]] = {}
    for column, values in zip(selected, _columns(chunk), strict=True):
        spelled = _respelled(values, dict(column.truths)) if column.truths else values
        try:
            read, faults = _READERS[column.reading](spelled)
        except pa.ArrowTypeError:
            raise _not_as_described(column, table) from None
        if column.kind is Kind.KEY and read.null_count:
            nulls = np.flatnonzero(where(read.is_null())).tolist()
            faults = {**dict.fromkeys(nulls, Reason.MISSING_KEY), **faults}
        arrays[column.canonical] = read
        for position, reason in faults.items():
            if column.kind is Kind.TIME and reason is Reason.NOT_JSON_NUMBER:
                continue  # a null time fails as bad_timestamp, which says it better
            if column.canonical == RECEIVED_AT:
                continue  # likewise, where it is asked for at all
            first_faults.setdefault(position, (column.canonical, reason))
    height = len(chunk)
    columns = {name: arrays[name] if name in arrays else _absent(name, height) for name in table.frame_columns}
    columns |= _fault_columns(first_faults, height)
    return frame_of(columns)


def _not_as_described(column: SelectedColumn, table: SourceTable) -> SourceError:
    """As a JSON column that the database describes as text, of which a driver makes a dict."""
    return SourceError(
        f"table {table.qualified_name}: the driver gives values for {column.canonical} that are not of the type that"
        " the database says its column has",
        hint="nothing of the window was planned: let a view cast the column to text, or try another version of the"
        " driver (docs/databases.md, JSON and other types)",
    )


def _columns(chunk: Chunk) -> Iterable[Values]:
    return chunk.columns if isinstance(chunk, pa.RecordBatch) else zip(*chunk, strict=True)


def _absent(name: str, height: int) -> Column:
    return pa.nulls(height, pa.bool_() if name == "gate_value" else TEXT)


def _fault_columns(faults: Mapping[int, tuple[str, Reason]], height: int) -> dict[str, Column]:
    if not faults:
        return dict.fromkeys((UNREADABLE, UNREADABLE_REASON), pa.nulls(height, TEXT))
    found = [faults.get(position, (None, None)) for position in range(height)]
    names, reasons = zip(*found, strict=True)
    return {
        UNREADABLE: array(names, TEXT),
        UNREADABLE_REASON: array(reasons, TEXT),
    }


def _integers(values: Values) -> tuple[Column, Faults]:
    try:
        inferred = values.cast(pa.int64()) if isinstance(values, pa.Array) else array(values)
    except (pa.ArrowException, OverflowError):
        return _one_by_one(values_of(values) if isinstance(values, pa.Array) else values, _digits, TEXT)
    if pa.types.is_null(inferred.type):
        return inferred.cast(pa.int64()), {}
    return (inferred, {}) if pa.types.is_int64(inferred.type) else _one_by_one(values, _digits, TEXT)


def _texts(values: Values) -> tuple[Column, Faults]:
    try:
        return (values.cast(TEXT) if isinstance(values, pa.Array) else array(values, TEXT)), {}
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return _one_by_one(values_of(values) if isinstance(values, pa.Array) else values, _text, TEXT)


def _booleans(values: Values) -> tuple[Column, Faults]:
    if isinstance(values, pa.Array):
        return (values, {}) if pa.types.is_boolean(values.type) else _booleans(values_of(values))
    try:
        return array(values, pa.bool_()), {}
    except pa.ArrowInvalid:
        pass
    try:
        inferred = array(values)
    except pa.ArrowException:
        return _one_by_one(values, _truth, pa.bool_())
    if pa.types.is_int64(inferred.type) and pc.all(pc.is_in(inferred, array([0, 1, None]))).as_py():
        return inferred.cast(pa.bool_()), {}
    return _one_by_one(values, _truth, pa.bool_())


def _timestamps(values: Values) -> tuple[Column, Faults]:
    """What is no datetime is null: MySQL's drivers give text for a zero date."""
    if isinstance(values, pa.Array):
        return values.cast(pa.timestamp("us")), {}
    try:
        return array(values, pa.timestamp("us")), {}
    except pa.ArrowException:
        return array([value if isinstance(value, datetime) else None for value in values], pa.timestamp("us")), {}


def _number_texts(values: Values) -> tuple[Column, Faults]:
    """The shortest positional text: 7.00 -> 7, 1e+21 -> 1000000000000000000000."""
    text, faults = _texts(values)
    odd = pc.fill_null(pc.match_substring_regex(text, _NOT_POSITIONAL), fill_value=False)
    if pc.any(odd).as_py():
        text, faults = _one_by_one(text.to_pylist(), _number, TEXT)
    return shortest(text), faults


def _dynamic(values: Values) -> tuple[Column, Faults]:
    """Text stands as it is, also "7.0"; a number becomes its shortest positional text."""
    if isinstance(values, pa.Array):
        return _dynamic(values_of(values))
    try:
        return array(values, TEXT), {}
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    try:
        inferred = array(values)
    except pa.ArrowException:
        return _one_by_one(values, _text_or_number, TEXT)
    if pa.types.is_int64(inferred.type):
        return inferred.cast(TEXT), {}
    if pa.types.is_float64(inferred.type):
        return _number_texts(inferred.cast(TEXT))
    return _one_by_one(values, _text_or_number, TEXT)


_READERS: Final[Mapping[Reading, Callable[[Values], tuple[Column, Faults]]]] = {
    Reading.INTEGER: _integers,
    Reading.TEXT: _texts,
    Reading.BOOLEAN: _booleans,
    Reading.TIMESTAMP: _timestamps,
    Reading.NUMBER: _number_texts,
    Reading.DYNAMIC: _dynamic,
}


def _one_by_one(
    values: Values, convert: Callable[[Any], str | bool | None], kind: pa.DataType
) -> tuple[Column, Faults]:
    """The slow path, for chunks in which something is amiss."""
    converted: list[str | bool | None] = []
    faults: Faults = {}
    for position, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except _FaultyValueError as fault:
            converted.append(None)
            faults[position] = fault.reason
    return array(converted, kind), faults


class _FaultyValueError(ValueError):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def _text(value: bytes | str) -> str:
    try:
        return (value.encode() if isinstance(value, str) else value).decode()
    except UnicodeError:
        raise _FaultyValueError(Reason.NOT_UNICODE) from None


def _digits(value: object) -> str:
    """A whole number's; a float is none, for beyond 2**53 it may stand for several."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():  # of any length
        return str(int(value))
    if isinstance(value, bool) or not isinstance(value, int):
        raise _FaultyValueError(Reason.WRONG_TYPE)
    return str(value)


def _truth(value: object) -> bool:
    said = _plain(value).strip(" ").lower() if isinstance(value, str | bytes) else value
    if said not in _TRUTHS:
        raise _FaultyValueError(Reason.WRONG_TYPE)
    return _TRUTHS[said]


def _plain(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _respelled(values: Values, meanings: Mapping[str, str]) -> Values:
    found = values_of(values) if isinstance(values, pa.Array) else values
    return [None if value is None else meanings.get(_plain(value), value) for value in found]


def _number(text: str) -> str:
    number = Decimal(text)
    if not number.is_finite():
        raise _FaultyValueError(Reason.NOT_JSON_NUMBER)
    return format(number, "f") if number else "0"


def _text_or_number(value: bytes | str | float) -> str:
    if isinstance(value, int):
        return str(value)
    return _number(repr(value)).removesuffix(".0") if isinstance(value, float) else _text(value)
