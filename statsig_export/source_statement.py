"""The one SELECT that reads a window of a source table, and how each of its columns is to be read. Pure.

What only passes through is cast to text: JSON parsed by the driver costs more than all the rest of an export. Values
are rendered into the statement. They are times and names of this project, never a payload, so the text that runs is
the text that the lineage keeps, and it can be run again by hand.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sqlalchemy import ClauseElement, ColumnElement, Select, Text, and_, case, cast, column, func, or_, select
from sqlalchemy import table as table_clause
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.expression import ColumnClause, TableClause

from statsig_export.events import Category
from statsig_export.layout_rules import ColumnRule, Kind, SourceTable
from statsig_export.source_schema import Family


class Reading(StrEnum):
    """How the driver's values of a column become an Arrow array (source_chunks.py)."""

    INTEGER = "integer"
    """Whole numbers."""
    TEXT = "text"
    """Text, or bytes that should be UTF-8."""
    BOOLEAN = "boolean"
    """Booleans, or what SQLite keeps in their place."""
    TIMESTAMP = "timestamp"
    """Naive datetimes in UTC."""
    NUMBER = "number"
    """The text of a number."""
    DYNAMIC = "dynamic"
    """SQLite: text as bytes, or a number, row by row."""


@dataclass(frozen=True, slots=True)
class SelectedColumn:
    """A canonical column of the result, in the statement's order."""

    canonical: str
    kind: Kind
    reading: Reading


_NUMBERS: Final = frozenset({Family.INTEGER, Family.FLOAT, Family.NUMERIC})
_TIMESTAMPS: Final = frozenset({Family.TIMESTAMP, Family.TIMESTAMP_TZ})
# What Python's datetime can hold: PostgreSQL's `infinity` and its far years would end the whole read.
_FIRST_YEAR: Final = "0001-01-01"
_PAST_YEARS: Final = "9999-12-31"


@cache
def named_table(table: SourceTable) -> TableClause:
    """The table with the columns that are read of it, all names quoted.

    Columns are written with their table: SQLite takes a quoted name alone, of a column that is not there, for a text.
    """
    schema = None if table.schema is None else quoted_name(table.schema, quote=True)
    names = dict.fromkeys(rule.column for rule in (*table.selected_rules, table.window_rule))
    columns: list[ColumnClause[Any]] = [column(quoted_name(name, quote=True)) for name in names]
    return table_clause(quoted_name(table.table, quote=True), *columns, schema=schema)


def select_rows(
    table: SourceTable, families: Mapping[str, Family], dialect: Dialect, where: ColumnElement[Any]
) -> tuple[Select[Any], tuple[SelectedColumn, ...]]:
    """The statement for the rows that `where` selects, and how to read its columns."""
    expressions = []
    selected = []
    for rule in table.selected_rules:
        expression, reading = _expression(rule, named_table(table).c[rule.column], families[rule.column], dialect.name)
        expressions.append(expression.label(rule.canonical))
        selected.append(SelectedColumn(rule.canonical, rule.kind, reading))
    return select(*expressions).select_from(named_table(table)).where(where), tuple(selected)


def rows_of(
    table: SourceTable, families: Mapping[str, Family], categories: Collection[Category]
) -> ColumnElement[Any] | None:
    """The predicate for all rows that may be of `categories`; None where all rows have to be read."""
    if not table.predicates or set(table.categories) <= set(categories):
        return None
    columns = {rule.canonical: rule.column for rule in table.columns}
    discriminator = table.predicates[0].column
    name = columns[discriminator]
    tested: ColumnElement[Any] = named_table(table).c[name]
    if families[name] is Family.LABEL:
        tested = cast(tested, Text)
    claimed = {predicate.value for predicate in table.predicates if predicate.category in categories}
    if table.home in categories:
        others = {predicate.value for predicate in table.predicates} - claimed
        return or_(tested.is_(None), tested.not_in(sorted(others)))
    return tested.in_(sorted(claimed))


def all_of(*conditions: ColumnElement[Any] | None) -> ColumnElement[Any]:
    return and_(*(condition for condition in conditions if condition is not None))


def compiled(statement: ClauseElement, dialect: Dialect) -> str:
    """The statement's text, its values in it. A named parameter style keeps "%" single, as no parameters follow."""
    named: Callable[..., Dialect] = type(dialect)
    return str(statement.compile(dialect=named(paramstyle="named"), compile_kwargs={"literal_binds": True}))


def _expression(
    rule: ColumnRule, named: ColumnElement[Any], family: Family, dialect: str
) -> tuple[ColumnElement[Any], Reading]:
    if rule.kind is Kind.BOOLEAN:
        return named, Reading.BOOLEAN
    if rule.kind is Kind.KEY and family is Family.INTEGER:
        return named, Reading.INTEGER
    if dialect == "sqlite":
        return named, Reading.DYNAMIC
    if rule.kind is Kind.TIME and family in _TIMESTAMPS:
        return _timestamp(named, family, dialect), Reading.TIMESTAMP
    if rule.kind in {Kind.TIME, Kind.VALUE} and family in _NUMBERS:
        return cast(named, Text), Reading.NUMBER
    return cast(named, Text), Reading.TEXT


def _timestamp(named: ColumnElement[Any], family: Family, dialect: str) -> ColumnElement[Any]:
    """In UTC and without a zone, so that the session's TimeZone has no say; null where Python has no such year."""
    if dialect != "postgresql":
        return named
    utc = func.timezone("UTC", named) if family is Family.TIMESTAMP_TZ else named
    return case((and_(utc >= _FIRST_YEAR, utc < _PAST_YEARS), utc))
