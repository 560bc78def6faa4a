"""Times as a source may hold them -> milliseconds since the epoch.

Statsig's field table says `timestamp` is a number of milliseconds; sources hold seconds, milliseconds, microseconds,
nanoseconds, ISO 8601 text and timestamp columns. All of them are accepted here, whole columns at a time.
"""

from typing import Any, Final

import pandas as pd
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, choose, pc
from statsig_export.arrow.contiguous import contiguous

EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z, the first time that is believed."""

LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z, the first time after it that is not."""

_SECONDS_BELOW: Final = 10**11
_MILLIS_BELOW: Final = 10**14
_MICROS_BELOW: Final = 10**17

# An int64 holds every 18-digit integer and the 19-digit ones up to 9.2e18; nanoseconds end at 4.1e18 in 2100.
_NUMBER = r"^(?P<whole>[0-9]{1,18}|[1-4][0-9]{18})(?:\.(?P<fraction>[0-9]+))?$"
# A whole date must stand first: pandas would also read "now", "today" and a lone year.
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
# What Arrow itself reads, five times as fast; each text of a column has to be one.
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?$"
# What pandas does not read: zones by name (those that name UTC alone: EST is five hours in one country and eleven in
# another) and a comma before the fraction. A zone follows a time, not a date alone, as an offset does.
_SPELLED_OTHERWISE = r"[A-SU-Ya-z,]"
_COMMA = r"^([^,]*[ T][0-9:]+),([0-9])"
_NAMED_UTC = r"^([0-9-]{10}[ T][0-9:.]+)(?: ?\+00:?00)? ?(?i:UTC|GMT|Z)$"
_NO_COUNT: Final = pa.scalar(None, pa.int64())
_ZERO: Final = pa.scalar(0, pa.int64())
_UNITS_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def to_epoch_ms(column: "Column | pa.ChunkedArray[Any]") -> Column:
    """int64 milliseconds since the epoch, null where `column` is null or holds no time from 2000 to 2099.

    Timestamp columns count from the epoch in UTC, with or without a zone. The unit of numbers, and of texts of digits,
    follows from their magnitude: seconds < 1e11 <= ms < 1e14 <= us < 1e17 <= ns. Other text is ISO 8601, in UTC where
    it has no offset; UTC may be named (`2026-11-01 10:30:00 UTC`, GMT, Z), no other zone: backends/sqlite.py has the
    same rule for windows. What is finer than a millisecond is cut, not rounded. A boolean is no time.
    """
    whole: Column = contiguous(column)
    kind = whole.type
    if pa.types.is_timestamp(kind):
        return _from_timestamp(whole)
    if pa.types.is_integer(kind):
        return _plausible(_from_integers(whole))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _plausible(_from_text(_number_text(whole)))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _plausible(_from_text(whole.cast(TEXT)))
    return pa.nulls(len(whole), pa.int64())


def _plausible(ms: Column) -> Column:
    return choose(_within(ms, EARLIEST_MS, LATEST_MS), ms, _NO_COUNT)


def _within(values: Column, first: float, past: float) -> Column:
    inside: Column = pc.and_(pc.greater_equal(values, first), pc.less(values, past))
    return inside


def _from_timestamp(times: Column) -> Column:
    per_second = _UNITS_PER_SECOND[times.type.unit]
    counts = times.cast(pa.int64())
    first, past = (bound // 1_000 * per_second for bound in (EARLIEST_MS, LATEST_MS))
    believed = choose(_within(counts, first, past), counts, _NO_COUNT)
    ms: Column = pc.multiply(believed, 1_000) if per_second == 1 else pc.divide(believed, per_second // 1_000)
    return ms


def _from_integers(numbers: Column) -> Column:
    """By magnitude; in integers all the way, since a float is exact up to 2**53 only."""
    if pa.types.is_uint64(numbers.type):
        numbers = choose(pc.less(numbers, pa.scalar(2**63, pa.uint64())), numbers, pa.scalar(None, pa.uint64()))
    counts = numbers.cast(pa.int64())
    counts = choose(pc.greater_equal(counts, 0), counts, _NO_COUNT)
    seconds = pc.less(counts, _SECONDS_BELOW)
    ms: Column = pc.case_when(
        pc.make_struct(seconds, pc.less(counts, _MILLIS_BELOW), pc.less(counts, _MICROS_BELOW)),
        pc.multiply(choose(seconds, counts, _NO_COUNT), 1_000),
        counts,
        pc.divide(counts, 1_000),
        pc.divide(counts, 1_000_000),
    )
    return ms


def _number_text(numbers: Column) -> Column:
    """The shortest positional text; of floats from 1e10 on, which Arrow writes with an exponent, the whole part.

    No believed time in seconds is that large, and of finer units the fraction is cut anyway.
    """
    text = numbers.cast(TEXT)
    if pa.types.is_decimal(numbers.type):
        return text
    numbers = numbers.cast(pa.float64())
    large = _within(numbers, 1e10, 9e18)
    whole = pc.floor(choose(large, numbers, pa.scalar(None, pa.float64()))).cast(pa.int64()).cast(TEXT)
    return choose(pc.fill_null(large, False), whole, text)  # noqa: FBT003 - the kernel's own signature


def _from_text(text: Column) -> Column:
    if bool(pc.all(pc.match_substring_regex(text, _MOMENT)).as_py()):
        try:
            return _from_timestamp(text.cast(pa.timestamp("us")))
        except pa.ArrowInvalid:  # the 30th of February
            pass
    text = pc.ascii_trim_whitespace(text)
    parts = pc.extract_regex(text, pattern=_NUMBER)
    number = _from_parts(pc.struct_field(parts, "whole"), pc.struct_field(parts, "fraction"))
    iso = choose(pc.match_substring_regex(text, _ISO), text, pa.scalar(None, TEXT))
    if iso.null_count == len(iso):
        return number
    either: Column = pc.coalesce(number, _from_iso(iso))
    return either


def _from_parts(whole: Column, fraction: Column) -> Column:
    """`whole` by magnitude; of seconds, the first three digits of `fraction` are milliseconds."""
    counts = whole.cast(pa.int64())
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, 3, padding="0"), 0, 3).cast(pa.int64())
    ms: Column = pc.add(_from_integers(counts), choose(pc.less(counts, _SECONDS_BELOW), digits, _ZERO))
    return ms


def _from_iso(text: Column) -> Column:
    if pc.any(pc.match_substring_regex(text, _SPELLED_OTHERWISE)).as_py():
        text = pc.replace_substring_regex(text, _COMMA, r"\1.\2")
        text = pc.replace_substring_regex(text, _NAMED_UTC, r"\1")
    moments = pd.to_datetime(text.to_pandas(), format="ISO8601", utc=True, errors="coerce")
    ms: Column = pa.Array.from_pandas(moments.dt.as_unit("ms"))
    return ms.cast(pa.int64())
