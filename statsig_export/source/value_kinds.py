"""What kind of value a window column holds where it is no time that an export could be of. Pure.

What is said of a value is one of the kinds below, never the value.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Final

import pyarrow as pa

from statsig_export.arrow.timestamps import to_epoch_ms
from statsig_export.source.outside import NULL

_NO_TIME: Final = "a number that is no time of 2000 to 2099"
_COMPACT: Final = re.compile(
    r"(?P<year>19[5-9]\d|20\d\d)(?P<month>0[1-9]|1[0-2])"
    r"(?:(?P<day>0[1-9]|[12]\d|3[01])(?:(?P<hour>[01]\d|2[0-3])(?:(?P<minute>[0-5]\d)(?:(?P<second>[0-5]\d)(?:\d{3}|\d{6})?)?)?)?)?"
)
_COMPACT_NAMES: Final = {"second": "YYYYMMDDHHMMSS", "minute": "YYYYMMDDHHMM", "hour": "YYYYMMDDHH", "day": "YYYYMMDD"}
_COUNTS: Final[tuple[tuple[float, float, str], ...]] = (
    (1_950, 2_100, "a year"),
    (10_957, 36_526, "days since 1970"),
    (36_526, 73_051, "a spreadsheet's serial day (Excel counts days since 1900)"),
    (2_451_544, 2_488_070, "a Julian day"),
    (262_968, 1_139_568, "hours since 1970"),
    (15_778_080, 68_374_080, "minutes since 1970"),
    (500_000_000, 946_684_800, "seconds since another year than 1970, such as Apple's 2001"),
    (12_591_158_400_000_000, 15_746_918_400_000_000, "microseconds since 1601 (Chrome)"),
    (125_911_584_000_000_000, 157_469_184_000_000_000, "a Windows FILETIME (100 ns since 1601)"),
    (630_822_816_000_000_000, 662_380_416_000_000_000, ".NET ticks (100 ns since the year 1)"),
)
"""From, before, what: numbers that are times of 2000 to 2099 when they are counted so, by epoch none of these years."""
_TEXTS: Final[tuple[tuple[str, str], ...]] = (
    (r"\s*", "empty text"),
    (r"[+-]?(inf|infinity)|[+-]?nan", "infinity, or no number"),
    (r"0{1,4}-\d\d?-\d\d?.*|000[01]-.*", "a zero date"),
    (r"\d{4}-00-.*|\d{4}-\d\d-00.*", "a zero date"),
    (r"1899-12-3.*|1900-01-0.*|1904-01-01.*", "a spreadsheet's zero date"),
    (r"1970-01-01.*", "a zero (1970-01-01)"),
    (r"1970-0[12]-.*", "epoch seconds that were taken for milliseconds (January 1970)"),
    (r".*\bBC\b.*", "a year before 2000"),
    (r"\d{8}T\d{4,6}.*", "ISO 8601 without hyphens (YYYYMMDDTHHMMSS)"),
    (r"\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d\d)\b.*", "a date by day and month, such as DD.MM.YYYY or MM/DD/YYYY"),
    (r"\d{4}[./]\d{1,2}[./]\d{1,2}.*", "a date without hyphens, such as YYYY/MM/DD"),
    (r"(mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec).*", "a date with names"),
    (r"\d{4}-\d\d-\d\d.*[a-z].*", "a time with a zone by name"),
    (r"[01]\d{3}-\d\d-\d\d.*", "a year before 2000"),
    (r"\d{4,}-\d\d-\d\d.*", "a year after 2099"),
)


def looks_like(value: str | bytes | None) -> str | None:
    """What kind of value a window column holds, by its text; None for a time of 2000 to 2099, as an event may have."""
    if value is None:
        return NULL
    text = (value.decode(errors="replace") if isinstance(value, bytes) else value).strip()
    if to_epoch_ms(pa.array([text]))[0].is_valid:
        return _compact(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_finite():
        return _kind_of_number(number)
    found = (kind for form, kind in _TEXTS if re.fullmatch(form, text, re.IGNORECASE | re.DOTALL))
    return next(found, "text that is no time")


def _kind_of_number(number: Decimal) -> str:
    if number < 0:
        return "a negative number"
    if not number:
        return "zero"
    whole = int(number) if number < Decimal(10) ** 20 else 0
    counted = (kind for least, past, kind in _COUNTS if least <= whole < past)
    return _compact(str(whole)) or next(counted, _NO_TIME)


def _compact(digits: str) -> str | None:
    """A date in digits, such as YYYYMMDD."""
    match = _COMPACT.fullmatch(digits)
    if match is None:
        return None
    return next((name for part, name in _COMPACT_NAMES.items() if match[part] is not None), "YYYYMM")
