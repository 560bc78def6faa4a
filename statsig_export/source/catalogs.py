"""The columns of a table from a view of the database's catalog, where SQLAlchemy's inspection cannot be used. Pure.

The view (`Backend.catalog`) lists the columns of tables and views alike.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, TableClause, func, literal, select
from sqlalchemy.engine import Dialect

from statsig_export.layouts.families import Family
from statsig_export.source.expressions import compiled
from statsig_export.source.schema import FoundColumn

# The first that matches the beginning of a type's name, in whatever case.
_FAMILIES: Final[tuple[tuple[str, Family], ...]] = (
    (r".*\]$", Family.OTHER),  # a list of something
    (r"bool", Family.BOOLEAN),
    (r"bit\b", Family.BITS),
    (r"date$", Family.DATE),
    (r"u?(tinyint|smallint|integer|int|bigint|hugeint)\b", Family.INTEGER),
    (r"(float|double|real)", Family.FLOAT),
    (r"(decimal|numeric)", Family.NUMERIC),
    (r"(varchar|character|char|nchar|bpchar|text|string)", Family.TEXT),
    (r"(uuid|enum)", Family.LABEL),
    (r"json", Family.JSON),
    (r"(struct|map|variant|super)", Family.NESTED),
    (r"timestamp(tz| with time zone)", Family.TIMESTAMP_TZ),
    (r"timestamp", Family.TIMESTAMP),
)


def columns_query(catalog: TableClause, dialect: Dialect, table: str, schema: str | None) -> str:
    """A statement for the names and types of a table's columns, in their order."""
    columns = select(catalog.c.column_name, catalog.c.data_type).where(
        func.lower(catalog.c.table_name) == table.lower(), _in_schema(catalog, schema)
    )
    return compiled(columns.order_by(catalog.c.ordinal_position), dialect)


def tables_query(catalog: TableClause, dialect: Dialect, schema: str | None) -> str:
    """A statement for the names of a schema's tables and views."""
    return compiled(select(catalog.c.table_name).where(_in_schema(catalog, schema)).distinct(), dialect)


def found_columns(rows: Iterable[Sequence[Any]], families: Mapping[str, Family]) -> list[FoundColumn]:
    """What `columns_query` yields, as columns; `families` are those of the database (`Backend.families`)."""
    return [FoundColumn(str(name), _family(str(kind), families), str(kind)) for name, kind in rows]


def _family(kind: str, families: Mapping[str, Family]) -> Family:
    """The family of a type by its name in the catalog, such as `DECIMAL(10,2)` or `character varying`."""
    own = families.get(kind.partition("(")[0].strip().lower())
    if own is not None:
        return own
    return next((family for pattern, family in _FAMILIES if re.match(pattern, kind, re.IGNORECASE)), Family.OTHER)


def _in_schema(catalog: TableClause, schema: str | None) -> ColumnElement[bool]:
    current: ColumnElement[Any] = func.current_schema() if schema is None else literal(schema.lower())
    return func.lower(catalog.c.table_schema) == current
