"""A table with a log, at one moment of it: which files hold its rows, which of these are deleted, and which column of a
file is which of the table. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import pyarrow as pa

Span: TypeAlias = tuple[datetime, datetime]
"""The least and the greatest time of a column in a file, in UTC, without a zone."""

EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC, as all spans
_TRUNCATED: Final = timedelta(milliseconds=1)
"""Delta's writers cut the greatest time of a file to a millisecond, and Iceberg's bounds that are made of them too."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the table, or a member of a struct."""

    name: str
    kind: str
    """Its type in the words of DuckDB; "" for one that is not read."""
    id: int | None = None
    """By which files know it; None where they know it by its name."""
    names: tuple[str, ...] = ()
    """What it is called in files that have no ids."""
    default: str | None = None
    """What it is in files that are older than it, as text."""
    members: tuple["Field", ...] = ()
    """Of a struct."""
    within: tuple["Field", ...] = ()
    """Elements of a list, keys and values of a map: they are read if they are called in the file as in the table."""


@dataclass(frozen=True, slots=True)
class Deletes:
    """Where the positions of deleted rows are."""

    file: str = ""
    form: str = ""
    of: str = ""
    """What that file calls the one whose rows they are."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file that counts."""

    name: str
    """As DuckDB is told of it."""
    number: int
    """Another one for each file of the snapshot."""
    partition: Mapping[str, str | None] = field(default_factory=dict)
    """What a column is in each of its rows, as text."""
    spans: Mapping[str, Span] = field(default_factory=dict)
    """Of the columns of times whose values are known, nulls aside."""
    whole: frozenset[str] = frozenset()
    """Those of these columns that have no null."""
    deletes: tuple[Deletes, ...] = ()
    """Where the positions of its deleted rows are."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one version of the log says."""

    version: str
    fields: tuple[Field, ...]
    files: tuple[LakeFile, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows that a statement can need: those whose `column` is in [start, end), or all others."""

    column: str
    start: datetime
    end: datetime
    outside: bool = False


def may_hold(file: LakeFile, stretch: Stretch | None) -> bool:
    """Whether the file can have a row that is needed, by what the log says of it."""
    span = None if stretch is None else file.spans.get(stretch.column)
    if stretch is None or span is None:
        return True
    start, end = (bound.replace(tzinfo=None) for bound in (stretch.start, stretch.end))
    last = span[1] + _TRUNCATED
    if stretch.outside:
        return span[0] < start or end <= last or stretch.column not in file.whole
    return span[0] < end and start <= last


Shape: TypeAlias = tuple[tuple[str, int | None, str, "Shape"], ...]
"""The columns of a file: name, id, type, members."""


def shape_of(fields: Iterable["pa.Field[Any]"]) -> Shape:
    return tuple((each.name, _id_of(each), str(each.type), _members(each.type)) for each in fields)


def selected(field_: Field, shape: Shape, source: str = "") -> str | None:
    """The expression for a column of the table in files of a shape; None where it cannot be told which is meant."""
    found = _found(field_, shape)
    if found is None:
        return f"CAST({'NULL' if field_.default is None else quoted_text(field_.default)} AS {field_.kind})"
    place = f"{source}.{quoted(found[0])}" if source else quoted(found[0])
    if _is_alike(field_, found):
        return f"CAST({place} AS {field_.kind})"
    if not field_.members or not found[3]:
        return None
    members = [(member, selected(member, found[3], place)) for member in field_.members]
    if any(expression is None for _, expression in members):
        return None
    packed = ", ".join(f"{quoted(member.name)} := {expression}" for member, expression in members)
    return f"CASE WHEN {place} IS NOT NULL THEN struct_pack({packed}) END"


def has_ids(shape: Shape) -> bool:
    return any(each[1] is not None for each in shape)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _found(field_: Field, shape: Shape) -> tuple[str, int | None, str, Shape] | None:
    if field_.id is not None and has_ids(shape):
        return next((each for each in shape if each[1] == field_.id), None)
    return next((each for each in shape if each[0] in field_.names), None)


def _is_alike(field_: Field, found: tuple[str, int | None, str, Shape]) -> bool:
    """Whether all that is within is called in the file what the table calls it, in this order."""
    if field_.within:
        return all(map(_is_alike, field_.within, _flat(found[3])))
    if not field_.members:
        return True
    pairs = list(zip(field_.members, found[3], strict=False))
    return len(field_.members) == len(found[3]) and all(
        _found(member, found[3]) is each and member.name == each[0] and _is_alike(member, each)
        for member, each in pairs
    )


def _flat(shape: Shape) -> Shape:
    """Arrow has the key and the value of a map in a struct."""
    return shape[0][3] if len(shape) == 1 and shape[0][0] in {"entries", "key_value"} else shape


def _id_of(each: "pa.Field[Any]") -> int | None:
    number = (each.metadata or {}).get(b"PARQUET:field_id")
    return None if number is None else int(number)


def _members(kind: Any) -> Shape:  # noqa: ANN401 - Arrow's types, of which the stubs know few
    return shape_of(kind.field(n) for n in range(kind.num_fields)) if pa.types.is_nested(kind) else ()
