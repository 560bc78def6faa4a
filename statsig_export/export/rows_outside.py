"""What is told of the rows of the source that are in no window from `windows.start` until now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from statsig_export.source.outside import NULL, Outside, Place

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


def _sentence(table: str, outside: Outside, place: Place) -> str:
    kind = outside.looks_like.get(place)
    looks = f"; {outside.window_column} looks like {kind}" if kind and kind != NULL else ""
    return f"{table}: {counted(outside.rows[place], place)} {_THEN[place]}{looks}."


def counted(rows: int, place: Place) -> str:
    one, several = _WHERE[place]
    return f"1 row {one}" if rows == 1 else f"{rows:,} rows {several}"
