"""Whether a source table is what the layout says: its columns, and types that can be read as what they hold.

Pure: takes the columns that an inspection found. Extra columns are ignored.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import types
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

from statsig_export.errors import SchemaError
from statsig_export.layouts.families import ACCEPTED, EXPECTED, Family
from statsig_export.layouts.model import ColumnRule, Kind, SourceTable
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
    problems = []
    for rule in (*table.selected_rules, table.window_rule):
        name = named_as(rule.column, present, dialect)
        if name is None:
            problems.append(_missing(rule, present))
        elif present[name].family not in _accepted(rule.kind, dialect):
            problems.append(_mistyped(rule, present[name]))
        else:
            placed[rule.column] = present[name]
    if problems:
        raise SchemaError(f"table {table.qualified_name}: {'; '.join(problems)}", hint=_hint(table))
    return placed


def missing_table(table: SourceTable, present: list[str]) -> SchemaError:
    """The error for a table that is not there; `present` are the tables and views that are."""
    names = {name.lower(): name for name in present}
    near = difflib.get_close_matches(table.table.lower(), names, n=1)
    there = f" (did you mean {names[near[0]]}?)" if near else ""
    return SchemaError(
        f"the source database has no table {table.qualified_name}{there}",
        hint=f'set [source.{table.role}] table = "..." and schema = "..." to where it is, '
        "or create it with `statsig-export init --tables`",
    )


def _accepted(kind: Kind, dialect: Dialect) -> frozenset[Family]:
    return ACCEPTED[kind] | backend_of(dialect.name).also_accepted.get(kind, frozenset())


def _missing(rule: ColumnRule, present: Mapping[str, FoundColumn]) -> str:
    names = {name.lower(): name for name in present}
    near = [names[name] for name in difflib.get_close_matches(rule.column.lower(), names, n=1)]
    return f'column "{rule.column}" is missing (expected {EXPECTED[rule.kind]}, found ' + (
        f'no such column, the nearest is "{near[0]}")' if near else "no such column)"
    )


def _mistyped(rule: ColumnRule, found: FoundColumn) -> str:
    return f'column "{rule.column}" has the wrong type (expected {EXPECTED[rule.kind]}, found {found.declared})'


def _hint(table: SourceTable) -> str:
    section = f"[source.{table.role}]"
    return (
        f'mend the table, or map the column: {section} columns = {{ canonical = "yours" }}, '
        f'and for the window column {section} window_column = "..."'
    )
