"""Whether a source table is what the layout says: its columns, and types that can be read as what they hold.

Pure: takes the columns that an inspection found. Extra columns are ignored.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import types
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

from statsig_export.errors import SchemaError
from statsig_export.layouts.families import ACCEPTED, EXPECTED, Family
from statsig_export.layouts.model import (
    EXPORTED_UNITS,
    WINDOW_COLUMN,
    ColumnRule,
    Kind,
    SourceTable,
    is_unit_column,
    unit_column,
)
from statsig_export.layouts.synonyms import nearest
from statsig_export.source.backends.backend import Backend
from statsig_export.source.backends.known import backend_of
from statsig_export.source.names import named_as, stored_name


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column as an inspection found it."""

    name: str
    """As the database stores it."""
    family: Family
    declared: str
    """The type's name, for messages."""


# Subclasses stand before their bases: an Enum is a String, a Float a Numeric, in SQLAlchemy's tree.
_FAMILIES: Final[tuple[tuple[type[TypeEngine[Any]], Family], ...]] = (
    (types.Boolean, Family.BOOLEAN),
    (types.Integer, Family.INTEGER),
    (types.Float, Family.FLOAT),
    (types.Numeric, Family.NUMERIC),
    (types.Enum, Family.LABEL),
    (types.Uuid, Family.LABEL),
    (types.String, Family.TEXT),
    (types.JSON, Family.JSON),
    (types.Date, Family.DATE),
    (types.NullType, Family.UNTYPED),
)


_TIMES: Final = frozenset({Kind.WINDOW, Kind.TIME})
_TOO_SMALL: Final = re.compile(r"u?(tinyint|smallint|mediumint|int[12]\b)", re.IGNORECASE)
"""Integers that hold no epoch time of this century. MySQL's BOOLEAN is one of them, TINYINT(1)."""
_UNIT_SETTINGS: Final = {unit_column(unit): column for column, unit in EXPORTED_UNITS.items()}
"""What `columns` of export.toml calls the IDs that have a column each; custom IDs are named by `custom_ids`."""


def found_column(name: str, column_type: TypeEngine[Any], dialect: Dialect) -> FoundColumn:
    """A column as SQLAlchemy's inspection describes it."""
    try:
        declared = column_type.compile(dialect=dialect)
    except CompileError:
        declared = "a type this library does not know"
    return FoundColumn(stored_name(name, dialect), family_of(column_type, backend_of(dialect.name)), declared)


def family_of(column_type: TypeEngine[Any], backend: Backend) -> Family:
    if isinstance(column_type, DOMAIN):
        return family_of(column_type.data_type, backend)
    named = backend.families.get(column_type.__visit_name__)
    if named is not None:
        return named
    if column_type.__visit_name__ == "BIT":  # PostgreSQL's and MySQL's are no kin
        return Family.BITS
    if isinstance(column_type, types.DateTime):
        return Family.TIMESTAMP_TZ if column_type.timezone else Family.TIMESTAMP
    if backend.integers_are_numeric and isinstance(column_type, types.Numeric) and column_type.scale == 0:
        return Family.INTEGER
    return next((family for base, family in _FAMILIES if isinstance(column_type, base)), Family.OTHER)


def check_columns(table: SourceTable, found: Iterable[FoundColumn], dialect: Dialect) -> dict[str, FoundColumn]:
    """The columns that the layout reads, as they were found, by their names in the layout or in export.toml.

    Raises SchemaError that names the table and each column that is missing or of a type that cannot be read.
    """
    present = {column.name: column for column in found}
    placed: dict[str, FoundColumn] = {}
    problems: list[str] = []
    suggested: dict[str, str] = {}
    rules = (*table.named_rules, table.window_rule)
    taken = {named_as(rule.column, present, dialect) for rule in rules}
    spare = [column for column in present.values() if column.name not in taken]
    for rule in rules:
        name = named_as(rule.column, present, dialect)
        if name is None:
            near = nearest(rule, _fitting(spare, rule, dialect))
            problems.append(_missing(table, rule, near))
            suggested |= _suggestion(table, rule, near)
        elif not can_hold(present[name], rule.kind, dialect):
            problems.append(_mistyped(rule, present[name]))
        else:
            placed[rule.column] = present[name]
    if problems:
        lines = (f"table {table.qualified_name}: {problem}" for problem in problems)
        raise SchemaError("\n".join(lines), hint=_hint(table, suggested))
    return placed


def can_hold(column: FoundColumn, kind: Kind, dialect: Dialect) -> bool:
    """Whether a column of this kind may have the type in this database."""
    backend = backend_of(dialect.name)
    if kind in _TIMES and not backend.values_have_types and _TOO_SMALL.match(column.declared):
        return False
    return column.family in ACCEPTED[kind] | backend.also_accepted.get(kind, frozenset())


def _fitting(columns: Iterable[FoundColumn], rule: ColumnRule, dialect: Dialect) -> Iterator[str]:
    return (column.name for column in columns if can_hold(column, rule.kind, dialect))


def _missing(table: SourceTable, rule: ColumnRule, near: Sequence[str]) -> str:
    there = ", then ".join(f'"{name}"' for name in near)
    return (
        f'column "{rule.column}" is missing (expected {EXPECTED[rule.kind]}, found no such column'
        + (f", the nearest is {there}" if near else "")
        + ("; no row becomes an event without it" if rule.canonical in table.required else "")
        + ")"
    )


def _suggestion(table: SourceTable, rule: ColumnRule, near: Sequence[str]) -> dict[str, str]:
    """The line of export.toml that mends it: its key, and the column or "" for none; nothing where none can be said."""
    key = _UNIT_SETTINGS.get(rule.canonical, rule.canonical)
    if is_unit_column(key) or (rule.canonical in table.required and not near):
        return {}
    return {key: near[0] if near else ""}


def _mistyped(rule: ColumnRule, found: FoundColumn) -> str:
    return f'column "{rule.column}" has the wrong type (expected {EXPECTED[rule.kind]}, found {found.declared})'


def _hint(table: SourceTable, suggested: Mapping[str, str]) -> str:
    section = f"[source.{table.role}]"
    general = (
        f'mend the table, or map the column: {section} columns = {{ canonical = "yours" }} ("" where the table has no '
        f'such column), and for the window column {section} window_column = "..."'
    )
    columns = {name: column for name, column in suggested.items() if name != WINDOW_COLUMN}
    lines = [f'window_column = "{suggested[WINDOW_COLUMN]}"'] if WINDOW_COLUMN in suggested else []
    if columns:
        lines.append("columns = { " + ", ".join(f'{name} = "{column}"' for name, column in columns.items()) + " }")
    return "\n    ".join((f"{general}. If the nearest are meant:", section, *lines)) if lines else general
