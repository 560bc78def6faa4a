"""The expressions of a statement that depend on the database: text, times, numbers. Pure.

What each database says differently, and by which of its documents, is in its file in `backends`.

Floating-point numbers are taken from the driver as they are if the database would print fewer digits than they have.
"""

from typing import Final

from sqlalchemy import DateTime, and_, case, cast

from statsig_export.layouts.families import Family
from statsig_export.source.backends.backend import Backend, SqlColumn

# What Python's datetime can hold: the `infinity` and the far years of some databases would end the whole read.
_FIRST_YEAR: Final = "0001-01-01"
_PAST_YEARS: Final = "9999-12-31"


def as_text(column: SqlColumn, family: Family, backend: Backend) -> SqlColumn:
    """The column as text: JSON as JSON text, a number in the database's own spelling of it."""
    if family is Family.NESTED:
        return case((column.is_not(None), backend.json_text(column)))
    if family is Family.TEXT and not backend.casts_text:
        return column
    return cast(column, backend.text_type)


def as_utc(column: SqlColumn, family: Family, backend: Backend) -> SqlColumn:
    """A timestamp column in UTC and without a zone, whatever the session's zone is.

    Null where Python has no such year. A column without a zone is taken to be in UTC, a date to be its midnight.
    """
    if family is Family.DATE:
        column, family = cast(column, DateTime()), Family.TIMESTAMP
    utc = backend.utc(column, family)
    return case((and_(utc >= _FIRST_YEAR, utc < _PAST_YEARS), utc)) if backend.far_years else utc
