"""Whether a source table is what the layout says: its columns, and types that can be read as what they hold.

Pure: takes the columns that an inspection found. Extra columns are nobody's business here.
"""

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import types
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

from statsig_export.errors import SourceError
from statsig_export.layout_rules import ColumnRule, Kind, SourceTable


class Family(StrEnum):
    """Database types that are read alike."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    NUMERIC = "numeric"
    TEXT = "text"
    LABEL = "label"
    """UUIDs and enumerations: text once they are cast to it."""
    JSON = "json"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with time zone"
    UNTYPED = "untyped"
    OTHER = "other"


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
    (types.NullType, Family.UNTYPED),
)

_ACCEPTED: Final[Mapping[Kind, frozenset[Family]]] = {
    Kind.KEY: frozenset({Family.INTEGER, Family.NUMERIC, Family.TEXT, Family.LABEL}),
    Kind.WINDOW: frozenset({Family.TIMESTAMP, Family.TIMESTAMP_TZ}),
    Kind.IDENTIFIER: frozenset({Family.TEXT, Family.LABEL, Family.INTEGER}),
    Kind.TEXT: frozenset({Family.TEXT, Family.LABEL}),
    Kind.JSON: frozenset({Family.JSON, Family.TEXT}),
    Kind.BOOLEAN: frozenset({Family.BOOLEAN, Family.INTEGER}),
    Kind.VALUE: frozenset({Family.TEXT, Family.INTEGER, Family.NUMERIC, Family.FLOAT}),
    Kind.TIME: frozenset(
        {Family.TIMESTAMP, Family.TIMESTAMP_TZ, Family.INTEGER, Family.NUMERIC, Family.FLOAT, Family.TEXT}
    ),
}

# In SQLite a declared type is a preference: a column without one, or with a name that SQLite does not know (which
# counts as NUMERIC), can hold anything, and times and booleans are text or numbers by nature.
_SQLITE_ANYWHERE: Final = frozenset({Family.UNTYPED, Family.NUMERIC})
_SQLITE_ALSO: Final[Mapping[Kind, frozenset[Family]]] = {
    Kind.WINDOW: frozenset({Family.INTEGER, Family.FLOAT, Family.TEXT}),
    Kind.BOOLEAN: frozenset({Family.TEXT}),
}

_EXPECTED: Final[Mapping[Kind, str]] = {
    Kind.KEY: "an integer or text",
    Kind.WINDOW: "a timestamp",
    Kind.IDENTIFIER: "text, a UUID or an integer",
    Kind.TEXT: "text",
    Kind.JSON: "JSON, or text that holds JSON",
    Kind.BOOLEAN: "a boolean",
    Kind.VALUE: "text or a number",
    Kind.TIME: "a timestamp, or an epoch or ISO 8601 time as a number or text",
}


def family_of(column_type: TypeEngine[Any]) -> Family:
    if isinstance(column_type, DOMAIN):
        return family_of(column_type.data_type)
    if isinstance(column_type, types.DateTime):
        return Family.TIMESTAMP_TZ if column_type.timezone else Family.TIMESTAMP
    return next((family for base, family in _FAMILIES if isinstance(column_type, base)), Family.OTHER)


def check_columns(table: SourceTable, found: Mapping[str, TypeEngine[Any]], dialect: Dialect) -> dict[str, Family]:
    """The family of every column that the layout reads, by its name in the database.

    Raises SourceError that names the table and each column that is missing or of a type that cannot be read.
    """
    families = {name: family_of(column_type) for name, column_type in found.items()}
    needed = (*table.selected_rules, table.window_rule)
    problems = []
    for rule in needed:
        if rule.column not in found:
            problems.append(_missing(rule, found))
        elif families[rule.column] not in _accepted(rule.kind, dialect):
            problems.append(_mistyped(rule, found[rule.column], dialect))
    if problems:
        raise SourceError(f"table {table.qualified_name}: {'; '.join(problems)}", hint=_hint(table))
    return {rule.column: families[rule.column] for rule in needed}


def missing_table(table: SourceTable, present: list[str]) -> SourceError:
    """The error for a table that is not there; `present` are the tables and views that are."""
    near = difflib.get_close_matches(table.table, present, n=1)
    there = f" (did you mean {near[0]}?)" if near else ""
    return SourceError(
        f"the source database has no table {table.qualified_name}{there}",
        hint=f'set [source.{table.role}] table = "..." and schema = "..." to where it is, '
        "or create it with `statsig-export init --tables`",
    )


def _accepted(kind: Kind, dialect: Dialect) -> frozenset[Family]:
    if dialect.name != "sqlite":
        return _ACCEPTED[kind]
    return _ACCEPTED[kind] | _SQLITE_ANYWHERE | _SQLITE_ALSO.get(kind, frozenset())


def _missing(rule: ColumnRule, found: Mapping[str, TypeEngine[Any]]) -> str:
    near = difflib.get_close_matches(rule.column, found, n=1)
    return f'column "{rule.column}" is missing (expected {_EXPECTED[rule.kind]}, found ' + (
        f'no such column, the nearest is "{near[0]}")' if near else "no such column)"
    )


def _mistyped(rule: ColumnRule, found: TypeEngine[Any], dialect: Dialect) -> str:
    try:
        name = found.compile(dialect=dialect)
    except CompileError:
        name = "a type this library does not know"
    return f'column "{rule.column}" has the wrong type (expected {_EXPECTED[rule.kind]}, found {name})'


def _hint(table: SourceTable) -> str:
    section = f"[source.{table.role}]"
    return (
        f'mend the table, or map the column: {section} columns = {{ canonical = "yours" }}, '
        f'and for the window column {section} window_column = "..."'
    )
