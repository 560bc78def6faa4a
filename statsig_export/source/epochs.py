"""Windows on columns of epoch numbers, in a unit that follows from their magnitude. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import and_, false, literal, or_

from statsig_export.source.backends.backend import SqlColumn

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
# The magnitudes of arrow/timestamps.py: a number from the first limit on and below the second counts in units of so
# many nanoseconds.
_UNITS: Final = ((0, 10**11, 10**9), (10**11, 10**14, 10**6), (10**14, 10**17, 10**3), (10**17, None, 1))
LAST_UNIT: Final = len(_UNITS) - 1
PAST_NUMBERS: Final = "253402300800e9"
"""10000-01-01T00:00:00Z in nanoseconds, past every window. A floating-point literal: it is no 64-bit integer."""


def epoch_window(
    number: SqlColumn, start: datetime, end: datetime | None, units: range = range(len(_UNITS))
) -> SqlColumn:
    """One range per unit (`unit_of`), each within the magnitudes of its unit, so that a number is one time only.

    `end` None is open.
    """
    ranges = []
    for least, past, nanoseconds in (_UNITS[unit] for unit in units):
        per_second = 10**9 // nanoseconds
        low = max((start - EPOCH) // SECOND * per_second, least)
        high = None if end is None else (end - EPOCH) // SECOND * per_second
        ends = [bound for bound in (past, high) if bound is not None]
        if not ends:
            ranges.append(number >= literal(low))
        elif low < min(ends):
            ranges.append(and_(number >= literal(low), number < literal(min(ends))))
    return or_(*ranges) if ranges else false()


def unit_of(number: float) -> int:
    """The unit that a number counts in: from 0, seconds, to LAST_UNIT, nanoseconds."""
    return next(index for index, (_, past, _) in enumerate(_UNITS) if past is None or number < past)
