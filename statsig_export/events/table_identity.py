"""The identity of a source table: what the ids of its rows and the windows they fall into are made of. Pure.

The ledger remembers it per destination and table. What a configuration would make now is compared with that before
anything is read: other ids would send again, as new events, what was sent before.

Names of columns are those that the ledger came to know: `renamed` in export.toml leads from a later name to it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Self

from statsig_export.layouts.families import Family
from statsig_export.layouts.identity_names import identity_of
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import Kind, Role, SourceTable
from statsig_export.vocabulary import Category

DERIVATION: Final = 2
"""How the ids of a table that is new to a ledger are derived: derived_ids.py. One that it knows keeps its own."""
OLDEST_DERIVATION: Final = 1
INTEGER: Final = "integer"
_NUMERIC: Final = "numeric"
NUMBERS: Final = frozenset({INTEGER, _NUMERIC})
_TEXT: Final = "text"
_TYPES: Final[Mapping[Family, str]] = {
    Family.INTEGER: INTEGER,
    Family.NUMERIC: _NUMERIC,
    Family.FLOAT: _NUMERIC,
    Family.LABEL: "label",
}
"""A column's types, as far as they decide how a value is spelled; any other is text."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the ids of a table's rows, and their windows, are made of."""

    source: str
    table: str
    """Both as the ids are made with them (`SourceTable.salted`)."""
    key: str | None
    """The key column; None where rows are known by their content."""
    key_type: str | None
    own_id: str | None
    """The column that holds ids of the source's own."""
    window: str
    content: Mapping[str, str]
    """Without a key: the columns that the content is made of, by their canonical names."""
    numbers: tuple[str, ...]
    """Of these the values in columns that are numbers, and so are spelled as such."""
    repeats: bool
    """Without a key: whether rows of one content are one event."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        document = json.loads(text)
        return cls(**{**document, "numbers": tuple(document["numbers"])})


@dataclass(frozen=True, slots=True)
class Seen:
    """What kinds of ids the rows of a table had so far. What never was cannot have been sent."""

    own: bool = False
    derived: bool = False
    other_keys: bool = False
    """Whether ids were derived of keys that are no integers."""

    def __or__(self, other: "Seen") -> "Seen":
        return Seen(self.own or other.own, self.derived or other.derived, self.other_keys or other.other_keys)


NOTHING_SEEN: Final = Seen()


@dataclass(frozen=True, slots=True)
class TableIdentity:
    """A table's identity in a ledger."""

    role: Role
    derivation: int
    made: Made
    seen: Seen

    @property
    def keys_as_text(self) -> bool:
        """Whether its ids began as those of text keys do in derivation 1."""
        return self.derivation == OLDEST_DERIVATION and self.made.key_type not in {None, INTEGER}

    def having_seen(self, more: Seen | None) -> "TableIdentity":
        return self if more is None else replace(self, seen=self.seen | more)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would make other ids or windows, and how to say that it is the same under a new name."""

    what: str
    same: str | None
    """A line for the table's section of export.toml; None where there is no such thing."""


def made_of(table: SourceTable, families: Mapping[str, Family], source_name: str, renamed: Mapping[str, str]) -> Made:
    """What `table` would make ids and windows of. `families`: by column, its type as it was found."""

    def known(column: str) -> str:
        return renamed.get(column, column)

    content = () if table.key else table.columns
    source, name = table.salted(source_name)
    return Made(
        source=source,
        table=name,
        key=known(table.key) if table.key else None,
        key_type=_TYPES.get(families[table.key], _TEXT) if table.key else None,
        own_id=next((known(rule.column) for rule in table.columns if rule.canonical == "time_uuid"), None),
        window=known(table.window_column),
        content={rule.canonical: known(rule.column) for rule in content},
        numbers=tuple(
            sorted(
                rule.canonical
                for rule in content
                if rule.kind is Kind.VALUE and families[rule.column] in {Family.NUMERIC, Family.FLOAT}
            )
        ),
        repeats=table.repeats_are_duplicates,
    )


def adopted(role: Role, made: Made) -> TableIdentity:
    """A table that a ledger knew before it remembered identities: anything may have been sent of it."""
    other_keys = made.key_type not in {None, INTEGER}
    return TableIdentity(role, OLDEST_DERIVATION, made, Seen(own=True, derived=True, other_keys=other_keys))


def new_identity(role: Role, made: Made) -> TableIdentity:
    return TableIdentity(role, DERIVATION, made, NOTHING_SEEN)


def changes(known: TableIdentity, made: Made, source_name: str) -> list[Change]:
    """What of `made` would give rows that may have been sent other ids, or put them into other windows."""
    if known.seen == NOTHING_SEEN:
        return []
    found = [*_window(known.made, made), *_own_id(known, made)]
    if known.seen.derived:
        found = [*_names(known.made, made, source_name), *_key(known, made), *_content(known.made, made), *found]
    return found


def continued(known: TableIdentity, made: Made) -> TableIdentity:
    """The identity after a run that keeps all ids: what no id was made of yet is as it is now."""
    if known.seen == NOTHING_SEEN:
        return new_identity(known.role, made)
    if not known.seen.derived:
        return replace(known, derivation=DERIVATION, made=made)
    return known


def categories_of(role: Role) -> frozenset[Category]:
    """The categories whose events come from tables of this role."""
    return frozenset(
        category
        for tables in LAYOUTS.values()
        for table in tables
        if table.role is role
        for category in table.categories
    )


def _names(known: Made, made: Made, source_name: str) -> Iterator[Change]:
    before, now = (known.source, known.table), (made.source, made.table)
    if before != now:
        same = identity_of(before, source_name)
        yield Change(f"its identity was {identity_of(before)} and is {identity_of(now)}", f'identity = "{same}"')


def _key(known: TableIdentity, made: Made) -> Iterator[Change]:
    before, now = known.made.key, made.key
    if before is None or now is None:
        if before != now:
            yield Change(f"its rows were known by {_key_named(before)} and are by {_key_named(now)}", None)
    elif not _equal(before, now):
        yield Change(f"its key was the column {before} and is {now}", f'renamed = {{ {now} = "{before}" }}')
    elif known.seen.other_keys and made.key_type not in {known.made.key_type, _TEXT}:
        kinds = f"was {known.made.key_type} and is {made.key_type}"
        yield Change(f"the type of its key {kinds}, and not all of its keys were integers", None)


def _own_id(known: TableIdentity, made: Made) -> Iterator[Change]:
    before, now = known.made.own_id, made.own_id
    if known.made.key is None or made.key is None or _equal(before, now):
        return
    if now is None and not known.seen.own:  # there was nothing in that column
        return
    same = f'renamed = {{ {now} = "{before}" }}' if before and now else None
    yield Change(f"its time_uuid was {before or 'no column'} and is {now or 'no column'}", same)


def _window(known: Made, made: Made) -> Iterator[Change]:
    before, now = known.window, made.window
    if not _equal(before, now):
        yield Change(f"its window column was {before} and is {now}", f'renamed = {{ {now} = "{before}" }}')


def _content(known: Made, made: Made) -> Iterator[Change]:
    if known.key is not None or made.key is not None:
        return
    for canonical in sorted({*known.content, *made.content}):
        before, now = known.content.get(canonical), made.content.get(canonical)
        if not _equal(before, now):
            same = f'renamed = {{ {now} = "{before}" }}' if before and now else None
            what = f"{canonical}, part of what its rows are known by,"
            yield Change(f"{what} was {before or 'no column'} and is {now or 'no column'}", same)
        elif before and now and (canonical in known.numbers) != (canonical in made.numbers):
            yield Change(f"the type of {now}, part of what its rows are known by, is another", None)
    if known.repeats != made.repeats:
        words = {True: "duplicates", False: "events"}
        yield Change(f"its repeats were {words[known.repeats]} and are {words[made.repeats]}", None)


def _key_named(key: str | None) -> str:
    return "their content" if key is None else f"the key {key}"


def _equal(one: str | None, other: str | None) -> bool:
    """Databases find a column in whatever case it is written."""
    return (one or "").casefold() == (other or "").casefold()
