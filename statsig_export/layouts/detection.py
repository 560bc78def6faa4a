"""Which layout fits the tables that a database has, by the names and types of their columns. Pure.

Each table of the database is compared with each table of each layout (`Match`): a column counts in full under the
layout's own name, for less under another usual name of it (synonyms.py). A table is proposed if it has every column
without which no row becomes an event, and enough of the others. The layout whose tables fit best is proposed, each of
its tables another table of the database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import (
    ROW_KEY,
    WINDOW_COLUMN,
    ColumnRule,
    Form,
    Kind,
    Role,
    SourceTable,
    is_unit_column,
)
from statsig_export.layouts.synonyms import quality

FITS_FROM: Final = 0.6
"""The score from which a table is proposed, and that from which it is told of."""
_TOLD_FROM: Final = 0.4
_MOST_COMPARED: Final = 8
"""How many of the best matches of each role are combined."""
_SHARED: Final = 0.5
"""The quality of a column that stands for another as well: the event's time for the time of insertion."""
_REQUIRED_WEIGHT: Final = 2.0
_LIGHT: Final = dict.fromkeys(("time_uuid", "statsig_metadata", "user_dimensions", "reason", "custom_ids"), 0.5)
_TELLS_WHAT: Final = ("event", "event_name", "name")
_OF_EXPOSURES: Final = ("exposure_type", "rule_id", "group_name", "gate_value")
_SURE: Final = 0.8
_OWN: Final = 0.95
_DECISIVE: Final = ColumnRule("gate_value", "gate_value", Kind.BOOLEAN)
"""What a table of exposures has in some layouts alone: others take a gate's value from its group."""
_UNREAD: Final = 0.8
"""What is left of the score of a layout that would leave such a column unread."""
_A_USER: Final = frozenset({"user_id", "user", "unit_id"})


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table or view of the database."""

    name: str
    columns: tuple[str, ...]
    schema: str | None = None
    """None where the connection finds the table without it."""
    kinds: Mapping[str, frozenset[Kind]] = field(default_factory=dict)
    """Column -> what its type can hold; a column that is not here may hold anything."""
    uuids: frozenset[str] = frozenset()
    """The columns that hold UUIDs, by their type or their values."""
    readable: bool = True
    """Whether the user has the right to read it."""
    barred: frozenset[str] = frozenset()
    """Columns that the user has no right to read."""
    files: str | None = None
    """The files that it is, as the configuration names them."""


@dataclass(frozen=True, slots=True)
class Match:
    """A table of a layout, and a table of the database compared with it."""

    table: SourceTable
    found: FoundTable
    sources: Mapping[str, str]
    """Canonical column -> the column that is taken for it."""
    columns: Mapping[str, str]
    """The layout's column (`row_key` for the key) -> its name here, "" for none: of those that differ."""
    window_column: str | None
    """The name of the window column, where `columns` does not say it and it is not the layout's own."""
    missing: tuple[str, ...]
    """The columns that it cannot do without, and lacks: the layout's names, or `user_id or user`."""
    score: float
    """From 0 to 1: how many of the columns are there and how sure it is that they are meant."""
    tells_what: float
    """From 0 to 1: how sure it is that it has the column that says which event or which gate a row is about."""
    custom_ids: Mapping[str, str] = field(default_factory=dict)
    """Column -> itself, for columns that may each hold a custom ID: what the ID is called, only the user knows."""

    @property
    def placed(self) -> SourceTable:
        """The layout's table where this one is, by the same name of its window column as export.toml gives it."""
        time = next((rule for rule in self.table.columns if rule.column == self.table.window_column), None)
        renamed = None if time is None else self.columns.get(time.column)
        window = self.window_column or renamed or self.table.window_column
        key = self.columns.get(ROW_KEY) or self.table.key
        return replace(self.table, table=self.found.name, schema=self.found.schema, window_column=window, key=key)

    @property
    def fit(self) -> float:
        return len(self.sources) / len(_rules(self.table))

    @property
    def absent(self) -> tuple[str, ...]:
        """The columns that it lacks, required or not."""
        return (*self.missing, *(name for name, own in self.columns.items() if not own))

    @property
    def barred(self) -> tuple[str, ...]:
        """Of these, those that are there under the layout's own name, and that the user may not read."""
        return tuple(name for name in self.absent if name in self.found.barred)

    @property
    def unusable(self) -> tuple[str, ...]:
        """Of these, those that are there under the layout's own name, and whose type cannot hold what is meant."""
        return tuple(name for name in self.absent if name in {*self.found.columns} - self.found.barred)

    @property
    def proposable(self) -> bool:
        return self.found.readable and not self.missing and self.score >= FITS_FROM

    @property
    def near(self) -> bool:
        """Whether it is worth telling of: a table with an ID, a name and a time alone could be anything."""
        sure = self.tells_what >= _SURE if self.missing else self.tells_what > 0
        return sure and self.score >= _TOLD_FROM


@dataclass(frozen=True, slots=True)
class Proposal:
    """A layout, and which tables it would read; None for a table that the database does not have."""

    layout: str
    tables: Mapping[Role, Match | None]

    @property
    def matches(self) -> list[Match]:
        return [match for match in self.tables.values() if match is not None]


def propose(found: Sequence[FoundTable]) -> Proposal | None:
    """The layout that fits best; None where no table fits any.

    Where a table fits as well that the connection finds without a schema, tables of other schemas, on MySQL of other
    databases, are not what the URL means, however many they are.
    """
    best, own = (_fitting_best(tables) for tables in (found, [table for table in found if table.schema is None]))
    chosen = own if own.matches and _best_score(own) >= _best_score(best) else best
    return chosen if chosen.matches else None


def _fitting_best(found: Sequence[FoundTable]) -> Proposal:
    return max((_proposal(layout, tables, found) for layout, tables in LAYOUTS.items()), key=_rank)


def _best_score(proposal: Proposal) -> float:
    return max((match.score for match in proposal.matches), default=0.0)


def candidates(found: Sequence[FoundTable], proposal: Proposal | None) -> list[tuple[str, Match]]:
    """(layout, match) of the tables that are not proposed and come near a layout's, each once, the best first."""
    taken = {_place(match.found) for match in proposal.matches} if proposal else set()
    best: dict[tuple[str | None, str], tuple[str, Match]] = {}
    for layout, tables in LAYOUTS.items():
        for table, each in product(tables, found):
            match = compare(table, each)
            if _place(each) in taken or not match.near:
                continue
            known = best.get(_place(each))
            if known is None or _likelihood(match) > _likelihood(known[1]):
                best[_place(each)] = (layout, match)
    return sorted(best.values(), key=lambda pair: _likelihood(pair[1]), reverse=True)


def compare(table: SourceTable, found: FoundTable) -> Match:
    """How far a table of the database is the layout's."""
    rules, required = _rules(table), table.required
    chosen = _with_shared(table, found, _chosen(rules, found))
    weights = [(rule.canonical, _weight(rule, required)) for rule in rules]
    worth = sum(weight for _, weight in weights) / (_UNREAD if _leaves_unread(table, found) else 1)
    score = sum(weight * chosen[canonical][1] for canonical, weight in weights if canonical in chosen) / worth
    missing = [rule.column for rule in rules if rule.canonical in required and rule.canonical not in chosen]
    users = [rule for rule in rules if rule.canonical in _A_USER or is_unit_column(rule.canonical)]
    nobody = bool(users) and not any(rule.canonical in chosen for rule in users)
    missing += [" or ".join(rule.column for rule in users)] if nobody else []
    window = table.window_rule
    own_window = window in rules and WINDOW_COLUMN in chosen and chosen[WINDOW_COLUMN][0] != window.column
    return Match(
        table,
        found,
        sources={canonical: name for canonical, (name, _) in chosen.items()},
        columns=_differences(table, chosen, required | ({rule.canonical for rule in users} if nobody else set())),
        window_column=chosen[WINDOW_COLUMN][0] if own_window else None,
        missing=tuple(missing),
        score=score,
        tells_what=_tells_what(table, {name: sure for name, (_, sure) in chosen.items()}),
        custom_ids=_custom_ids(table, found, {name for name, _ in chosen.values()}),
    )


def _leaves_unread(table: SourceTable, found: FoundTable) -> bool:
    """Whether the table has gates' values in a column, and the layout would look for them elsewhere."""
    if table.role is not Role.EXPOSURES or any(rule.canonical == _DECISIVE.canonical for rule in table.columns):
        return False
    names = [name for name in found.columns if quality(_DECISIVE, name) >= _OWN]
    return any(_can_hold(found, name, _DECISIVE.kind) for name in names)


def _proposal(layout: str, tables: Sequence[SourceTable], found: Sequence[FoundTable]) -> Proposal:
    """The best choice of a table for each role: no table for two, and all of one schema.

    A table of another schema, which may be a copy of somebody's, is for the user to add.
    """
    matches = {table.role: [m for each in found if (m := compare(table, each)).proposable] for table in tables}
    schemas = {match.found.schema for of_role in matches.values() for match in of_role}
    combined = [
        Proposal(layout, dict(zip(matches, choice, strict=True)))
        for schema in schemas
        for choice in product(*(_best(of_role, schema) for of_role in matches.values()))
    ]
    nothing = Proposal(layout, dict.fromkeys(matches))
    return max((proposal for proposal in combined if _distinct(proposal)), key=_rank, default=nothing)


def _best(matches: Iterable[Match], schema: str | None) -> list[Match | None]:
    of_schema = (match for match in matches if match.found.schema == schema)
    return [*sorted(of_schema, key=_likelihood, reverse=True)[:_MOST_COMPARED], None]


def _rank(proposal: Proposal) -> tuple[float, ...]:
    """What the tables have beyond the least that is proposed; of equals, the one with more columns and likelier names.

    A mean would let a layout of one table win over one of two that fit a little less.
    """
    matches = proposal.matches
    beyond = round(sum(match.score - FITS_FROM for match in matches), 6)
    likelihoods = [_likelihood(match)[2:] for match in matches]
    return (beyond, *(sum(each) for each in zip(*likelihoods, strict=True))) if matches else (-1.0,)


def _likelihood(match: Match) -> tuple[float, ...]:
    """What makes one of several tables the likelier one, the weightiest first."""
    own_name = match.found.name.lower() == match.table.table
    return (match.proposable, match.score, len(match.sources), match.found.schema is None, own_name)


def _distinct(proposal: Proposal) -> bool:
    places = [_place(match.found) for match in proposal.matches]
    return len(set(places)) == len(places)


def _place(found: FoundTable) -> tuple[str | None, str]:
    return found.schema, found.name


def _rules(table: SourceTable) -> list[ColumnRule]:
    """The columns that a table should have, each once: a window column that is the event's time is one of those."""
    window = [] if any(rule.column == table.window_column for rule in table.columns) else [table.window_rule]
    return [*table.named_rules, *window]


def _weight(rule: ColumnRule, required: AbstractSet[str]) -> float:
    return _REQUIRED_WEIGHT if rule.canonical in required else _LIGHT.get(rule.canonical, 1.0)


def _tells_what(table: SourceTable, sure: Mapping[str, float]) -> float:
    """Almost anything has a name: what has been exposed needs a rule, a group, a type or a value beside it."""
    what = max(sure.get(name, 0.0) for name in _TELLS_WHAT)
    return min(what, max(sure.get(name, 0.0) for name in _OF_EXPOSURES)) if table.role is Role.EXPOSURES else what


def _chosen(rules: Iterable[ColumnRule], found: FoundTable) -> dict[str, tuple[str, float]]:
    """Canonical column -> the column that is taken for it, with its quality; the surest are chosen first."""
    pairs = sorted(_pairs(rules, found), key=lambda pair: -pair[2])
    chosen: dict[str, tuple[str, float]] = {}
    used = set()
    for canonical, name, sure in pairs:
        if canonical not in chosen and name not in used:
            chosen[canonical] = name, sure
            used.add(name)
    return chosen


def _pairs(rules: Iterable[ColumnRule], found: FoundTable) -> Iterator[tuple[str, str, float]]:
    for rule, name in product(rules, found.columns):
        sure = quality(rule, name)
        if sure and _can_hold(found, name, rule.kind):
            yield rule.canonical, name, sure


def _with_shared(
    table: SourceTable, found: FoundTable, chosen: Mapping[str, tuple[str, float]]
) -> dict[str, tuple[str, float]]:
    """With the columns that stand for another one that is not there: key and event ID, time and time of insertion."""
    kinds = {rule.canonical: rule.kind for rule in _rules(table)}
    shared = dict(chosen)
    for canonical, other in ((ROW_KEY, "time_uuid"), (WINDOW_COLUMN, "timestamp"), ("timestamp", WINDOW_COLUMN)):
        if canonical in kinds and canonical not in chosen and other in chosen:
            name = chosen[other][0]
            if _can_hold(found, name, kinds[canonical]):
                shared[canonical] = name, _SHARED
    key = shared.get(ROW_KEY)
    if "time_uuid" in kinds and "time_uuid" not in chosen and key is not None and key[0] in found.uuids:
        shared["time_uuid"] = key
    return shared


def _can_hold(found: FoundTable, name: str, kind: Kind) -> bool:
    kinds = found.kinds.get(name)
    return kinds is None or kind in kinds


def _differences(
    table: SourceTable, chosen: Mapping[str, tuple[str, float]], needed: AbstractSet[str]
) -> dict[str, str]:
    """A column that is needed and not there is left for the user to name."""
    differences = {}
    for rule in table.named_rules:
        name = chosen[rule.canonical][0] if rule.canonical in chosen else ""
        if name != rule.column and (name or rule.canonical not in needed):
            differences[ROW_KEY if rule.canonical == ROW_KEY else rule.column] = name
    return differences


def _custom_ids(table: SourceTable, found: FoundTable, chosen: set[str]) -> dict[str, str]:
    one_column_an_id = table.form is Form.EXPORTED and table.units and "custom_ids" not in chosen
    spare = [name for name in found.columns if name not in chosen and _can_hold(found, name, Kind.IDENTIFIER)]
    return {name: name for name in spare} if one_column_an_id else {}
