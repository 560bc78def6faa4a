"""The SELECTs that read a source table: its rows of a window, and how each of their columns is to be read. Pure.

What only passes through is cast to text: JSON parsed by the driver costs more than all the rest of an export. Values
are rendered into the statement. They are times and names of this project, never a payload, so the text that runs is
the text that the lineage keeps, and it can be run again by hand.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, cast, column, func, literal_column, or_, select
from sqlalchemy import table as table_clause
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.expression import ColumnClause, TableClause

from statsig_export.layouts.families import NUMBERS, TIMESTAMPS, Family
from statsig_export.layouts.model import ColumnRule, Kind, SourceTable
from statsig_export.source.backends.known import backend_of
from statsig_export.source.compiling import compiled
from statsig_export.source.expressions import as_text, as_utc
from statsig_export.source.names import written
from statsig_export.source.schema import FoundColumn
from statsig_export.vocabulary import Category


class Reading(StrEnum):
    """How the driver's values of a column become an Arrow array (chunks.py)."""

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
    """Row by row text, as text or as bytes, or a number: values with types of their own, floats as they are."""


@dataclass(frozen=True, slots=True)
class SelectedColumn:
    """A canonical column of the result, in the statement's order."""

    canonical: str
    kind: Kind
    reading: Reading
    truths: tuple[tuple[str, str], ...] = ()
    """What export.toml says of a boolean's spellings: as it is found, as "true" or "false"."""


_NO_LABEL: Final = re.compile(r"[^A-Za-z0-9_]")


class PlacedTable:
    """A source table as one database has it: the layout's columns under the names and of the types that are there."""

    def __init__(self, table: SourceTable, columns: Mapping[str, FoundColumn], dialect: Dialect) -> None:
        """`columns`: by the name in the layout or in export.toml, what was found for it (`check_columns`)."""
        self.table = table
        self.dialect = dialect
        self.backend = backend_of(dialect.name)
        self._columns = columns
        self.clause = _clause(table, (found.name for found in columns.values()), dialect)

    @property
    def window_column(self) -> ColumnElement[Any]:
        return self.column(self.table.window_column)

    @property
    def window_name(self) -> str:
        """As it is stored."""
        return self._columns[self.table.window_column].name

    @property
    def window_family(self) -> Family:
        return self.family(self.table.window_column)

    def column(self, name: str) -> ColumnElement[Any]:
        """Written with its table: SQLite takes a quoted name alone, of a column that is not there, for a text."""
        return self.clause.c[self._columns[name].name]

    def family(self, name: str) -> Family:
        return self._columns[name].family

    def select_rows(self, where: ColumnElement[Any]) -> tuple[str, tuple[SelectedColumn, ...]]:
        """The statement for the rows that `where` selects, and how to read its columns."""
        all_rows, selected = self._all_rows
        return f"{all_rows}\nWHERE {compiled(where, self.dialect)}", selected

    @cached_property
    def _all_rows(self) -> tuple[str, tuple[SelectedColumn, ...]]:
        """The same without `where`: of all windows of a run only that differs."""
        expressions: list[ColumnElement[Any]] = []
        selected = []
        for position, rule in enumerate(self.table.selected_rules):
            expression, reading = self._expression(rule)
            expressions.append(expression.label(_label(rule.canonical, position, expressions)))
            truths = self.table.meanings_of(rule.canonical) if reading is Reading.BOOLEAN else {}
            selected.append(SelectedColumn(rule.canonical, rule.kind, reading, tuple(truths.items())))
        return compiled(select(*expressions).select_from(self.clause), self.dialect), tuple(selected)

    def count_rows(self, where: ColumnElement[Any]) -> str:
        return compiled(select(func.count()).select_from(self.clause).where(where), self.dialect)

    def count_places(self, places: Sequence[ColumnElement[Any]]) -> str:
        """How many rows each predicate selects, by its number; a row counts for the first that does."""
        place = case(*((where, literal_column(str(number))) for number, where in enumerate(places)))
        return self.count_rows_by(place, or_(*places))

    def window_text(self, where: ColumnElement[Any]) -> str:
        """The window column of one row that `where` selects, as text: no driver stumbles over what is no time."""
        text = cast(self.window_column, self.backend.text_type)
        return compiled(select(text).select_from(self.clause).where(where).limit(1), self.dialect)

    def count_rows_by(self, group: ColumnElement[Any], where: ColumnElement[Any]) -> str:
        """Two columns: each value of `group` among the rows, and how many of them have it.

        Grouped by a column of a subquery: MariaDB's ONLY_FULL_GROUP_BY does not know an expression again.
        """
        rows = select(group.label("part")).select_from(self.clause).where(where).subquery("counted")
        return compiled(select(rows.c.part, func.count()).select_from(rows).group_by(rows.c.part), self.dialect)

    def window_value(self, where: ColumnElement[Any], order: ColumnElement[Any] | None = None) -> str:
        """The window column of one row that `where` selects: the first in an order, or any."""
        statement = select(self.window_column).select_from(self.clause).where(where).limit(1)
        return compiled(statement if order is None else statement.order_by(order), self.dialect)

    def window_reach(self, where: ColumnElement[Any]) -> str:
        """The least and the greatest value of the window column in the rows that `where` selects."""
        column = self.window_column
        return compiled(select(func.min(column), func.max(column)).select_from(self.clause).where(where), self.dialect)

    def first_rows(self, names: Sequence[str], most: int) -> str:
        """Some columns of the rows that come first, whichever they are."""
        return compiled(select(*map(self.column, names)).select_from(self.clause).limit(most), self.dialect)

    def rows_of(self, categories: Collection[Category]) -> ColumnElement[Any] | None:
        """The predicate for all rows that may be of `categories`; None where all rows have to be read.

        It may let other rows through, but must hold back none: the rows of the home category are those that no
        predicate claims, so where the database compares text loosely, they are all rows.
        """
        predicates = self.table.predicates
        if not predicates or set(self.table.categories) <= set(categories):
            return None
        name = next(rule.column for rule in self.table.columns if rule.canonical == predicates[0].column)
        claimed = {predicate.value for predicate in predicates if predicate.category in categories}
        tested = self.backend.exact_text(self.column(name), self.family(name))
        if self.table.home not in categories:
            return (self.column(name) if tested is None else tested).in_(sorted(claimed))
        if tested is None:
            return None
        others = {predicate.value for predicate in predicates} - claimed
        return or_(tested.is_(None), tested.not_in(sorted(others)))

    def _expression(self, rule: ColumnRule) -> tuple[ColumnElement[Any], Reading]:
        named, family = self.column(rule.column), self.family(rule.column)
        if rule.kind is Kind.BOOLEAN:
            as_it_is = family in {Family.BOOLEAN, Family.INTEGER} or self.backend.values_have_types
            return named if as_it_is else as_text(named, family, self.backend), Reading.BOOLEAN
        if rule.kind is Kind.KEY and family is Family.INTEGER:
            return named, Reading.INTEGER
        if self.backend.values_have_types:
            return named, Reading.DYNAMIC
        if rule.kind is Kind.TIME and family in TIMESTAMPS | {Family.DATE}:
            return as_utc(named, family, self.backend), Reading.TIMESTAMP
        if family is Family.FLOAT and not self.backend.floats_as_text:
            return named, Reading.DYNAMIC
        counted = rule.kind in {Kind.TIME, Kind.VALUE} and family in NUMBERS
        counted = counted or (rule.kind is Kind.IDENTIFIER and family is Family.NUMERIC)
        return as_text(named, family, self.backend), Reading.NUMBER if counted else Reading.TEXT


def all_of(*conditions: ColumnElement[Any] | None) -> ColumnElement[Any]:
    return and_(*(condition for condition in conditions if condition is not None))


def _clause(table: SourceTable, columns: Iterable[str], dialect: Dialect) -> TableClause:
    schema = None if table.schema is None else written(table.schema, dialect)
    clauses: list[ColumnClause[Any]] = [column(quoted_name(name, quote=True)) for name in dict.fromkeys(columns)]
    return table_clause(written(table.table, dialect), *clauses, schema=schema)


def _label(canonical: str, position: int, taken: Iterable[ColumnElement[Any]]) -> str:
    """A name for a column of the result that every database takes: values are read by their position."""
    label = _NO_LABEL.sub("_", canonical)
    return f"{label}_{position}" if any(label == other.key for other in taken) else label
