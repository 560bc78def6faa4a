"""Columns and members of a Parquet file whose names differ only in the case of letters. Pure.

To DuckDB they are one name, so it calls every one but the first by another: `Email` beside `email` becomes `Email_1`.
An event would have a member that nobody wrote, which no path of [privacy] names, and a column that export.toml calls
`Value` would be the one called `value`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from statsig_export.layouts.families import Family
from statsig_export.source.lakes.snapshot import Field
from statsig_export.source.schema import FoundColumn

_RENAMED: Final = re.compile(r"(?P<name>.+)_\d+", re.DOTALL)
_A_NUMBER_BEHIND: Final = re.compile(r"_\d+\b")

Element: TypeAlias = tuple[str, str, int | None]
"""A file, a name and the number of its children: a row of `parquet_schema`, each before its children."""


def perhaps_renamed(columns: Sequence[FoundColumn]) -> bool:
    """Whether DuckDB may have renamed something: only then it is worth looking into each file."""
    names = {_folded(column.name) for column in columns}
    return any(
        (column.family is Family.NESTED and _A_NUMBER_BEHIND.search(column.declared))
        or ((match := _RENAMED.fullmatch(column.name)) and _folded(match["name"]) in names)
        for column in columns
    )


def told(columns: Sequence[FoundColumn], elements: Iterable[Element]) -> list[FoundColumn]:
    """The same columns, where none that was renamed passes for another: one is found under its own name too, and
    neither that nor one with renamed members has a type that can be read.
    """
    beside, inside = _twins(elements)
    members = {_folded(name): _members(twins) for name, twins in inside.items()}
    found = [
        replace(column, family=Family.OTHER, declared=members[_folded(column.name)])
        if column.family is Family.NESTED and _folded(column.name) in members
        else column
        for column in columns
    ]
    there = {_folded(column.name) for column in columns}
    found += [FoundColumn(name, Family.OTHER, members[_folded(name)]) for name in inside if _folded(name) not in there]
    for name in sorted(beside - {column.name for column in columns}):
        called = [each.name for each in columns if re.fullmatch(re.escape(name) + r"_\d+", each.name)]
        words = "a name that differs from another column's only in case"
        words += f'; name it as DuckDB does, "{called[0]}"' if called else ""
        found.append(FoundColumn(name, Family.OTHER, words))
    return found


def with_twins(fields: Iterable[Field]) -> set[str]:
    """The columns of a table with a log that DuckDB cannot tell apart in its files, or cannot hold."""
    beside, inside = _twins(elements_of(tuple(fields)))
    return beside | set(inside)


def elements_of(fields: Sequence[Field]) -> Iterator[Element]:
    """The columns of a table with a log, as `parquet_schema` would have them."""
    yield ("", "", len(fields))
    for field in fields:
        yield from _elements(field)


def _elements(field: Field) -> Iterator[Element]:
    below = field.members or field.within
    yield ("", field.name, len(below))
    for each in below:
        yield from _elements(each)


def _twins(elements: Iterable[Element]) -> tuple[set[str], dict[str, list[str]]]:
    """Names of columns that another has but for case; and by column the members of which that is true."""
    beside: set[str] = set()
    inside: dict[str, list[str]] = {}
    rows = iter(elements)
    for _, _, children in rows:  # the root of each file
        names: list[str] = []
        for _ in range(children or 0):
            members: list[str] = []
            names.append(_walk(rows, members))
            if members:
                inside.setdefault(names[-1], members)
        beside.update(_alike(names))
    return beside, inside


def _walk(rows: Iterator[Element], twins: list[str]) -> str:
    """The name of the next element, with all below it read; `twins` gets the names of children that are alike."""
    _, name, children = next(rows)
    twins += _alike([_walk(rows, twins) for _ in range(children or 0)])
    return name


def _alike(names: Sequence[str]) -> list[str]:
    by_folded: dict[bytes, list[str]] = defaultdict(list)
    for name in names:
        by_folded[_folded(name)].append(name)
    return [name for alike in by_folded.values() if len(alike) > 1 for name in alike]


def _folded(name: str) -> bytes:
    """As DuckDB compares names: of ASCII's letters alone."""
    return name.encode().lower()


def _members(twins: Sequence[str]) -> str:
    return f"members whose names differ only in case: {', '.join(dict.fromkeys(twins))}"
