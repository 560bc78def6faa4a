"""Which layout fits the tables that a database has, by the names of their columns. Pure.

A table fits a layout's table when it has the window column, the event's time, the key where there is one, and most of
the other columns; a column that it lacks is proposed as absent. The layout whose tables fit best is proposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import Form, Kind, Role, SourceTable

_FITS_FROM: Final = 0.7
_NO_IDS: Final = frozenset({Kind.TIME, Kind.WINDOW, Kind.KEY})


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table or view of the database."""

    name: str
    columns: tuple[str, ...]
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A table of a layout and the table of the database that fits it."""

    table: SourceTable
    found: FoundTable
    matched: int
    """How many of the layout's columns it has."""
    columns: Mapping[str, str]
    """The layout's column -> "", for those that the table lacks."""
    custom_ids: Mapping[str, str] = field(default_factory=dict)
    """Column -> itself, for columns that may each hold a custom ID: what the ID is called, only the user knows."""

    @property
    def placed(self) -> SourceTable:
        return replace(self.table, table=self.found.name, schema=self.found.schema)

    @property
    def fit(self) -> float:
        return self.matched / len(_needed(self.table))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A layout, and which tables it would read; None for a table that the database does not have."""

    layout: str
    tables: Mapping[Role, Match | None]

    @property
    def fit(self) -> tuple[float, int]:
        """How much of the layout is there, and in how many columns: the greater, the better."""
        matches = [match for match in self.tables.values() if match is not None]
        return sum(match.fit for match in matches) / len(self.tables), sum(match.matched for match in matches)


def propose(found: Sequence[FoundTable]) -> Proposal | None:
    """The layout that fits best; None where no table fits any."""
    proposals = [
        Proposal(layout, {table.role: _best(table, found) for table in tables}) for layout, tables in LAYOUTS.items()
    ]
    best = max(proposals, key=lambda proposal: proposal.fit)
    return best if any(best.tables.values()) else None


def _best(table: SourceTable, found: Sequence[FoundTable]) -> Match | None:
    matches = [match for each in found if (match := _match(table, each)) is not None]
    return max(matches, key=lambda match: (match.fit, match.found.name == table.table), default=None)


def _match(table: SourceTable, found: FoundTable) -> Match | None:
    present = set(found.columns)
    essential = {table.window_column} | {rule.column for rule in table.selected_rules if rule.kind in _NO_IDS}
    matched = len(_needed(table) & present)
    if essential - present or matched / len(_needed(table)) < _FITS_FROM:
        return None
    absent = {rule.column: "" for rule in table.columns if rule.column not in present}
    one_column_an_id = table.form is Form.EXPORTED and table.units and "custom_ids" not in present
    extra = [name for name in found.columns if name not in _needed(table)] if one_column_an_id else []
    return Match(table, found, matched, absent, {name: name for name in extra})


def _needed(table: SourceTable) -> set[str]:
    return {table.window_column, *(rule.column for rule in table.selected_rules)}
