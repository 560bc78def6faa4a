"""Which rows a window holds: the half-open interval [start, end) as a predicate on the window column. Pure.

Databases compare timestamps; a column of numbers holds epoch times, in a unit that their magnitude tells. SQLite has no
timestamps: its window columns hold text in one of several spellings, or numbers. Every row must still fall into exactly
one window, at the boundary too, and the index on (window column, id) must serve the read. So the predicate for text is
two things: a plain text range, wide enough for every UTC offset, that the index answers; and an exact comparison for
the rows in it. `strftime` is of no use for the latter, because it rounds 23:59:59.9999 up into the next day.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import and_, false, literal, literal_column, not_, or_

from statsig_export.source.expressions import SqlColumn, moment_of, no_moment
from statsig_export.source.schema import NUMBERS, Family

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
# The magnitudes of timestamps.py: a number from the first limit on and below the second counts in units of so many
# nanoseconds.
_UNITS: Final = ((0, 10**11, 10**9), (10**11, 10**14, 10**6), (10**14, 10**17, 10**3), (10**17, None, 1))
# 10000-01-01T00:00:00Z in nanoseconds, past every window. As a floating-point literal: it is no 64-bit integer.
_PAST_NUMBERS: Final = "253402300800e9"


def typed_window(column: SqlColumn, family: Family, start: datetime, end: datetime, database: str) -> SqlColumn:
    """The window on a column of timestamps, those without a zone taken to be in UTC, or of epoch numbers."""
    if family in NUMBERS:
        return _epoch_window(column, start, end, range(len(_UNITS)))
    return and_(column >= moment_of(start, family, database), column < moment_of(end, family, database))


def typed_unplaced(column: SqlColumn, family: Family, database: str) -> SqlColumn:
    """The rows that no window of `typed_window` can hold."""
    if family is Family.INTEGER:
        return or_(column.is_(None), column < 0)
    if family in NUMBERS:
        # Put this way round, it holds for a NaN too, whatever the database takes that to be greater than.
        return or_(column.is_(None), not_(and_(column >= 0, column < literal_column(_PAST_NUMBERS))))
    return no_moment(column, database)


def _epoch_window(number: SqlColumn, start: datetime, end: datetime, units: range) -> SqlColumn:
    """One range a unit, each within the magnitudes of its unit, so that a number is one time only."""
    ranges = []
    for least, past, nanoseconds in (_UNITS[unit] for unit in units):
        low, high = ((moment - _EPOCH) // _SECOND * (10**9 // nanoseconds) for moment in (start, end))
        low, high = max(low, least), high if past is None else min(high, past)
        if low < high:
            ranges.append(and_(number >= literal(low), number < literal(high)))
    return or_(*ranges) if ranges else false()


def _unit(number: float) -> int:
    return next(index for index, (_, past, _) in enumerate(_UNITS) if past is None or number < past)
