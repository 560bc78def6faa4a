"""Folders named `key=value`, of which DuckDB makes a column, also in place of one that the files themselves have. Pure.

A time of the files would become the day or the hour of their folder. Texts and numbers mean the same in either place:
`007` stays a text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from statsig_export.layouts.families import Family
from statsig_export.source.schema import FoundColumn

_TIME: Final = "TIMESTAMP"
"""So begin DuckDB's types that have a time of the day."""


def keys_of(paths: Iterable[str]) -> set[str]:
    """The keys of the folders that each of these files is in, in lower case: DuckDB makes no column of another."""
    return set.intersection(*map(_keys, paths))


def without_overridden_times(
    columns: Sequence[FoundColumn], keys: set[str], own: Mapping[str, str]
) -> list[FoundColumn]:
    """The same columns; one for whose times a folder's value stands has no type that can be read. `own` are the columns
    of the files themselves, with DuckDB's types.
    """
    types = {name.lower(): declared for name, declared in own.items() if name.lower() in keys}
    return [_told(column, types.get(column.name.lower(), "")) for column in columns]


def _keys(path: str) -> set[str]:
    parts = (part.partition("=") for part in PurePosixPath(path).parent.parts)
    return {key.lower() for key, equals, _ in parts if key and equals}


def _told(column: FoundColumn, own: str) -> FoundColumn:
    if not own.startswith(_TIME):
        return column
    words = f"the name of the folder {column.name}=..., which stands for the files' own {own}: rename either"
    return replace(column, family=Family.OTHER, declared=words)
