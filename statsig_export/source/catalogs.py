"""What a database's catalog says: the columns of one table, where SQLAlchemy's inspection cannot be used
(`Backend.catalog`), and all tables and views with their columns (`Backend.look`). Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, TableClause, func, literal, select
from sqlalchemy.engine import Dialect

from statsig_export.layouts.families import Family
from statsig_export.source.compiling import compiled
from statsig_export.source.schema import FoundColumn


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table or view with its columns."""

    schema: str | None
    name: str
    """Both as the database stores them."""
    columns: tuple[FoundColumn, ...]
    visible: bool = True
    """Whether the connection finds it without its schema."""
    readable: bool = True
    """Whether the user has the right to read it."""
    barred: frozenset[str] = frozenset()
    """The columns of a table that is readable otherwise which the user has no right to read."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables and views that there are."""

    tables: tuple[CatalogTable, ...]
    broken: tuple[str, ...] = ()
    """The names of those whose columns the database itself cannot tell: views of what is no longer there."""


# The first that matches the beginning of a type's name, in whatever case.
_FAMILIES: Final[tuple[tuple[str, Family], ...]] = (
    (r"(.*\]$|array)", Family.OTHER),  # a list of something
    (r"$", Family.UNTYPED),
    (r"bool", Family.BOOLEAN),
    (r"bit\b", Family.BITS),
    (r"date$", Family.DATE),
    (r"u?(tinyint|smallint|mediumint|integer|int|int64|bigint|hugeint)\b", Family.INTEGER),
    (r"(float|double|real)", Family.FLOAT),
    (r"(decimal|numeric|number|bignumeric)", Family.NUMERIC),
    (r"(varchar|character|n?v?char|bpchar|citext|(tiny|medium|long)?text|string)", Family.TEXT),
    (r"(uuid|enum)", Family.LABEL),
    (r"json", Family.JSON),
    (r"(struct|map|variant|super|object)", Family.NESTED),
    (r"timestamp(tz| with time zone)", Family.TIMESTAMP_TZ),
    (r"(timestamp|datetime)", Family.TIMESTAMP),
)


_PARAMETERS: Final = re.compile(r"\s*\([^()]*\)")


def columns_query(catalog: TableClause, dialect: Dialect, table: str, schema: str | None) -> str:
    """A statement for the names and types of a table's columns, in their order."""
    columns = select(catalog.c.column_name, catalog.c.data_type).where(
        func.lower(catalog.c.table_name) == table.lower(), _in_schema(catalog, schema)
    )
    return compiled(columns.order_by(catalog.c.ordinal_position), dialect)


def found_columns(rows: Iterable[Sequence[Any]], families: Mapping[str, Family]) -> list[FoundColumn]:
    """What `columns_query` yields, as columns; `families` are those of the database (`Backend.families`)."""
    return [FoundColumn(str(name), _family(str(kind), families), str(kind)) for name, kind in rows]


def catalog_of(rows: Iterable[Sequence[Any]], families: Mapping[str, Family]) -> Catalog:
    """What `Backend.look` yields, by table."""
    texts = ([_text(value) for value in row[:4]] + [bool(value) for value in row[4:]] for row in rows)
    tables = []
    for (schema, name), columns in groupby(texts, key=lambda row: (row[0], row[1])):
        (*_, visible, _), *_ = table = list(columns)
        found = found_columns(((row[2], row[3]) for row in table), families)
        readable = any(row[5] for row in table)
        barred = frozenset(str(row[2]) for row in table if readable and not row[5])
        tables.append(CatalogTable(str(schema), str(name), tuple(found), bool(visible), readable, barred))
    return Catalog(tuple(tables))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _family(kind: str, families: Mapping[str, Family]) -> Family:
    """The family of a type by its name in the catalog, such as `DECIMAL(10,2)` or `character varying`."""
    kind = _PARAMETERS.sub("", kind)
    own = families.get(kind.strip().lower())
    if own is not None:
        return own
    return next((family for pattern, family in _FAMILIES if re.match(pattern, kind, re.IGNORECASE)), Family.OTHER)


def _in_schema(catalog: TableClause, schema: str | None) -> ColumnElement[bool]:
    current: ColumnElement[Any] = func.current_schema() if schema is None else literal(schema.lower())
    return func.lower(catalog.c.table_schema) == current
