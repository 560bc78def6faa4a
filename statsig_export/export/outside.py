"""Counts the rows of the source that are in no window from `windows.start` until now, and judges them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from statsig_export.config import Config
from statsig_export.export.rows_outside import RowsOutside, counted
from statsig_export.export.window import tables_of
from statsig_export.source.outside import Outside, Place
from statsig_export.source.source import Source, open_source
from statsig_export.vocabulary import Category, chosen

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""What is later than now by no more than this was written by a clock that is ahead of ours."""


def count_outside(config: Config, categories: Sequence[Category] | None = None) -> RowsOutside:
    """For the tables that hold one of `categories` (None: all), in one count per table. Raises SourceError."""
    with open_source(config) as source:
        return rows_outside(source, config.windows.start, chosen(categories))


def rows_outside(source: Source, start: datetime, categories: Sequence[Category]) -> RowsOutside:
    """The same over an open source."""
    until = datetime.now(UTC).replace(microsecond=0) + CLOCKS_DIFFER
    tables = tables_of(source, categories)
    by_table = {table.qualified_name: source.count_outside(table, start, until) for table in tables}
    whole = {name: outside for name, outside in by_table.items() if outside.whole and not _only_earlier(outside)}
    odd = {name: outside for name, outside in whole.items() if any(outside.looks_like.values())}
    if (
        whole
        and not odd
        and any(source.has_rows(table, start, until) for table in tables if table.qualified_name not in whole)
    ):
        whole = {}  # a table that only has rows of other times than the rest, and they are times
    return RowsOutside(start, by_table, _verdict(odd or whole))


def _only_earlier(outside: Outside) -> bool:
    """Whether all rows are plain times before the start: the windows of another length, or a start that was chosen."""
    return set(outside.rows) == {Place.BEFORE_START} and not any(outside.looks_like.values())


def _verdict(whole: Mapping[str, Outside]) -> str | None:
    if not whole:
        return None
    told = "; ".join(f"{table}: {_reason(outside)}" for table, outside in whole.items())
    return f"not one row is in a window between windows.start and now ({told})"


def _reason(outside: Outside) -> str:
    kinds = sorted({kind for kind in outside.looks_like.values() if kind})
    if kinds:
        return f"{outside.window_column} looks like {', '.join(kinds)}; expected a timestamp or an epoch time"
    return ", ".join(counted(rows, place) for place, rows in outside.rows.items())
