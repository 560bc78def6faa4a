"""Which rows a window holds: the half-open interval [start, end) as a predicate on the window column. Pure.

Databases compare timestamps; a column of numbers holds epoch times, in a unit that follows from their magnitude.
SQLite has no timestamps (backends/sqlite.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import and_, case, literal_column, not_, or_

from statsig_export.layouts.families import NUMBERS, Family
from statsig_export.source.backends.backend import Backend, FirstValue, SqlColumn
from statsig_export.source.epochs import EPOCH, PAST_NUMBERS, epoch_window
from statsig_export.source.outside import Place


def rows_between(
    column: SqlColumn, family: Family, start: datetime, end: datetime, backend: Backend, first_value: FirstValue
) -> SqlColumn:
    """The rows of [start, end): a column of timestamps, those without a zone taken to be in UTC, or of epoch numbers.

    `first_value` is called only for a database that needs to know what is stored.
    """
    if backend.window is not None:
        return backend.window(column, family, start, end, first_value)
    if family in NUMBERS:
        return epoch_window(column, start, end)
    low, high = (backend.bound(moment.astimezone(UTC), family) for moment in (start, end))
    return and_(column >= low, column < high)


def rows_outside(
    column: SqlColumn, family: Family, start: datetime, now: datetime, backend: Backend
) -> dict[Place, SqlColumn]:
    """The rows that no window from `start` to `now` holds: those of each place, if they are of no place before it.

    No bound lies far away, where a narrower type ends: DuckDB's TIMESTAMP_NS has no year 9999.
    """
    return {
        Place.UNPLACED: unplaced_rows(column, family, backend),
        Place.BEFORE_START: rows_before(column, family, start, backend),
        Place.IN_FUTURE: rows_since(column, family, now, backend),
    }


def rows_before(column: SqlColumn, family: Family, moment: datetime, backend: Backend) -> SqlColumn:
    """Of the rows that a window can hold, those before a moment."""
    if backend.before is not None:
        return backend.before(column, moment)
    if family in NUMBERS:
        return epoch_window(column, EPOCH, moment)
    return column < backend.bound(moment.astimezone(UTC), family)


def rows_since(column: SqlColumn, family: Family, moment: datetime, backend: Backend) -> SqlColumn:
    """Of the rows that a window can hold, those at a moment or later."""
    if backend.before is not None:
        return not_(backend.before(column, moment))
    if family in NUMBERS:
        return epoch_window(column, moment, None)
    return column >= backend.bound(moment.astimezone(UTC), family)


def part_of(
    column: SqlColumn, family: Family, bounds: Sequence[datetime], backend: Backend, stored: Sequence[object]
) -> SqlColumn:
    """For a row of [bounds[0], bounds[-1]): the number of the bound at or before it, by halves, so that a row is
    compared a few times whatever the number of bounds. `stored` is what `first_value` answered for the whole stretch:
    a part of it holds no kind of value that the whole does not.
    """

    def among(first: int, past: int) -> SqlColumn:
        if past - first == 1:
            return literal_column(str(first))
        middle = (first + past) // 2
        answers = iter(stored)
        lower = rows_between(column, family, bounds[first], bounds[middle], backend, lambda *_: next(answers))
        return case((lower, among(first, middle)), else_=among(middle, past))

    return among(0, len(bounds) - 1)


def unplaced_rows(column: SqlColumn, family: Family, backend: Backend) -> SqlColumn:
    """The rows that no window of `rows_between` can hold."""
    if backend.unplaced is not None:
        return backend.unplaced(column)
    if family is Family.INTEGER:
        return or_(column.is_(None), column < 0)
    if family in NUMBERS:
        # Put this way round, it holds for a NaN too, whatever the database takes that to be greater than.
        return or_(column.is_(None), not_(and_(column >= 0, column < literal_column(PAST_NUMBERS))))
    return backend.is_no_moment(column)
