"""The rows of the source that are in no window from `windows.start` until now: counted, told of, and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from statsig_export.config import Config
from statsig_export.export.window import tables_of
from statsig_export.source.outside import Outside, Place
from statsig_export.source.source import Source, open_source
from statsig_export.source.value_kinds import NULL
from statsig_export.vocabulary import Category, chosen

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""What is later than now by no more than this was written by a clock that is ahead of ours."""
_WHERE: Final[Mapping[Place, tuple[str, str]]] = {
    Place.UNPLACED: ("belongs to no window", "belong to no window"),
    Place.BEFORE_START: ("lies before the start of the windows", "lie before the start of the windows"),
    Place.IN_FUTURE: ("lies in the future", "lie in the future"),
}
"""Of one row, and of several."""
_THEN: Final[Mapping[Place, str]] = {
    Place.UNPLACED: "and will never be exported: the window column is null or not a time",
    Place.BEFORE_START: "and will never be exported unless windows.start is set to an earlier time",
    Place.IN_FUTURE: "and will not be exported before that time comes",
}


@dataclass(frozen=True, slots=True)
class RowsOutside:
    """What of the tables that a run reads is in no window from the start until now."""

    start: datetime
    """`windows.start`."""
    by_table: Mapping[str, Outside]
    misplaced: str | None = None
    """Why a run is no success though nothing failed: not one row of a table is in a window; None if it may be one."""

    def rows(self, place: Place) -> dict[str, int]:
        """Table -> its rows in this place."""
        return {table: outside.rows.get(place, 0) for table, outside in self.by_table.items()}

    @property
    def sentences(self) -> list[str]:
        """What to tell of each table, a sentence for each place where it has rows."""
        found = ((table, outside, place) for table, outside in self.by_table.items() for place in Place)
        return [_sentence(table, outside, place) for table, outside, place in found if outside.rows.get(place)]

    def to_dict(self) -> dict[str, object]:
        """For JSON: each place with its rows and those by table, what their values look like, and the verdict."""
        looks = {table: dict(outside.looks_like) for table, outside in self.by_table.items() if outside.rows}
        counted: dict[str, object] = {}
        for place in Place:
            rows = self.rows(place)
            counted |= {place.value: sum(rows.values()), f"{place}_by": rows}
        return {**counted, "looks_like": looks, "misplaced": self.misplaced}


def count_outside(config: Config, categories: Sequence[Category] | None = None) -> RowsOutside:
    """For the tables that hold one of `categories` (None: all), in one count per table. Raises SourceError."""
    with open_source(config) as source:
        return rows_outside(source, config.windows.start, chosen(categories))


def rows_outside(source: Source, start: datetime, categories: Sequence[Category]) -> RowsOutside:
    """The same over an open source."""
    until = datetime.now(UTC).replace(microsecond=0) + CLOCKS_DIFFER
    tables = tables_of(source, categories)
    by_table = {table.qualified_name: source.count_outside(table, start, until) for table in tables}
    whole = {name: outside for name, outside in by_table.items() if outside.whole}
    odd = {name: outside for name, outside in whole.items() if any(outside.looks_like.values())}
    if (
        whole
        and not odd
        and any(source.has_rows(table, start, until) for table in tables if table.qualified_name not in whole)
    ):
        whole = {}  # a table that only has rows of other times than the rest, and they are times
    return RowsOutside(start, by_table, _verdict(odd or whole))


def _verdict(whole: Mapping[str, Outside]) -> str | None:
    if not whole:
        return None
    told = "; ".join(f"{table}: {_reason(outside)}" for table, outside in whole.items())
    return f"not one row is in a window between windows.start and now ({told})"


def _reason(outside: Outside) -> str:
    kinds = sorted({kind for kind in outside.looks_like.values() if kind})
    if kinds:
        return f"{outside.window_column} looks like {', '.join(kinds)}; expected a timestamp or an epoch time"
    return ", ".join(_counted(rows, place) for place, rows in outside.rows.items())


def _sentence(table: str, outside: Outside, place: Place) -> str:
    kind = outside.looks_like.get(place)
    looks = f"; {outside.window_column} looks like {kind}" if kind and kind != NULL else ""
    return f"{table}: {_counted(outside.rows[place], place)} {_THEN[place]}{looks}."


def _counted(rows: int, place: Place) -> str:
    one, several = _WHERE[place]
    return f"1 row {one}" if rows == 1 else f"{rows:,} rows {several}"
