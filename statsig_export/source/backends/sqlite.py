"""SQLite: what differs there. Times are stored as text, numbers or anything else."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Numeric, and_, case, cast, false, func, literal, literal_column, not_, or_

from statsig_export.source.expressions import SqlColumn
from statsig_export.source.window import _EPOCH, _PAST_NUMBERS, _SECOND, _UNITS, _epoch_window, _unit

Stored = bytes | int | float | None
"""A value of a SQLite window column as it is stored, text as its UTF-8 bytes."""


@dataclass(frozen=True, slots=True)
class StoredRange:
    """The least and the greatest value of a SQLite column, in SQLite's order: all numbers before all text."""

    lowest: Stored
    highest: Stored


# Of every second from September 2001 to 2286.
_SECOND_DIGITS: Final = 10


# UTC offsets run from -12:00 to +14:00; SQLite's own functions know them up to 14:59.
_WIDEST_OFFSET: Final = timedelta(hours=15)


_DAY: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"


# Nine digits are seconds of 1973, fewer are no epoch but a day or a year in figures.
_EPOCH_DIGITS: Final = "[0-9]" * 9 + "*"


_DATE_LENGTH: Final = len("2026-11-01")


_SIGN_AFTER_DATE: Final = "____-__-__%-%"


_NO_NUMBER: Final = "*[^0-9.]*"


def sqlite_window(
    column: SqlColumn, start: datetime, end: datetime, stored: StoredRange, *, epoch_texts: bool
) -> SqlColumn:
    """The window on a SQLite column that holds values from `stored.lowest` to `stored.highest`.

    Each of the spellings that can occur at all adds a range: ISO 8601 with a space or a T, with or without a fraction
    and a UTC offset; epoch numbers in one unit or several; and epoch numbers as text, where `epoch_texts` says that
    some lie in `epoch_text_range`.
    """
    ranges = []
    if isinstance(stored.highest, bytes):
        ranges.append(_iso_window(column, start, end))
    if epoch_texts:
        exact = _epoch_window(cast(column, Numeric), start, end, range(len(_UNITS)))
        ranges.append(and_(epoch_text_range(column, start, end), _is_epoch_text(column), exact))
    if isinstance(stored.lowest, int | float):
        last = _unit(stored.highest) if isinstance(stored.highest, int | float) else len(_UNITS) - 1
        ranges.append(_epoch_window(column, start, end, range(_unit(stored.lowest), last + 1)))
    return or_(*ranges) if ranges else false()


def epoch_text_range(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """Where epoch numbers of this window lie that are kept as text: in any unit they begin with the same ten digits."""
    first = (start - _EPOCH) // _SECOND
    last = (end - _EPOCH) // _SECOND
    if len(str(first)) == len(str(last)) == _SECOND_DIGITS:
        return and_(column >= str(first), column < str(last))
    return and_(column >= "0", column < ":")


def sqlite_unplaced(column: SqlColumn) -> SqlColumn:
    """The rows that no window of `sqlite_window` can hold: null, a BLOB, or a text or number that is no time."""
    dated = and_(column.op("GLOB")(_DAY), or_(not_(_has_offset(column)), _shifted(column).is_not(None)))
    known = or_(dated, _is_epoch_text(column))
    counted = and_(column >= 0, column < literal_column(_PAST_NUMBERS))
    return or_(
        column.is_(None),
        func.typeof(column) == "blob",
        and_(func.typeof(column).in_(["integer", "real"]), not_(counted)),
        and_(func.typeof(column) == "text", not_(known)),
    )


def _is_epoch_text(column: SqlColumn) -> SqlColumn:
    kind = func.typeof(column) == "text"
    return and_(kind, column.op("GLOB")(_EPOCH_DIGITS), column.op("NOT GLOB")(_NO_NUMBER))


def _iso_window(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """The range that the index answers, then the rows themselves, those with an offset by their moment in UTC."""
    wide = _text_range(column, start - _WIDEST_OFFSET, end + _WIDEST_OFFSET)
    last_second = f"{end.astimezone(UTC) - _SECOND:%Y-%m-%d %H:%M:%S}"
    shifted = _shifted(column).between(_bound(start), last_second)
    # This order measured twice as fast as one CASE over both.
    either = or_(_utc_window(column, start, end), _has_offset(column))
    return and_(wide, either, case((_has_offset(column), shifted), else_=literal(1)))


def _has_offset(column: SqlColumn) -> SqlColumn:
    signed = or_(column.op("LIKE")("%+%"), column.op("LIKE")(_SIGN_AFTER_DATE))
    return and_(signed, column.op("NOT LIKE")("%+00:00"))


def _utc_window(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """For text in UTC: as the bounds are whole seconds, a fraction or a Z that follows the seconds decides nothing."""
    first, last = _bound(start), _bound(end)
    if len(first) == len(last) == _DATE_LENGTH:
        return and_(column >= first, column < last)
    separator = func.substr(column, _DATE_LENGTH + 1, 1)
    spaced = and_(column >= first, column < last, separator != "T")
    first, last = (bound.replace(" ", "T") for bound in (first, last))
    return or_(spaced, and_(column >= first, column < last, separator == "T"))


def _text_range(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """Holds all spellings in UTC of all moments from `start` to `end`: as text, " " comes before "T"."""
    return and_(column >= _bound(start), column < f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")


def _bound(moment: datetime) -> str:
    """The shortest text that is not greater than any spelling of this moment or a later one, with a space, in UTC."""
    text = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return text.removesuffix(":00").removesuffix(" 00:00")


def _shifted(column: SqlColumn) -> SqlColumn:
    """The second in UTC of text with an offset (+02:00, +02 or +0200), as SQLite writes it; null where it is none."""
    seconds = func.substr(column, 1, 19)
    full, hours = func.substr(column, -6), func.substr(column, -3).concat(":00")
    digits = func.substr(column, -5, 3).concat(":").concat(func.substr(column, -2))
    return func.coalesce(*(func.datetime(seconds.concat(offset)) for offset in (full, hours, digits)))
