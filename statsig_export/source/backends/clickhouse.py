"""ClickHouse: what differs there.

Every DateTime and DateTime64 is a moment; the zone of its type or of the session decides only how it is shown.
`toDateTime64(t, 6, 'UTC')` comes as a timestamp in UTC, also of a DateTime, which Arrow would have as a number. A
cast keeps a null only as a cast to a Nullable. `toJSONString` makes JSON of a JSON, a Map, a Tuple, a Variant or a
Dynamic. A backslash escapes within quotes. Types are looked up without what is around them (`plain_type`): Nullable and
LowCardinality are no difference to a reader.

It is read without a SQLAlchemy dialect (readers/clickhouse.py): that of clickhouse-connect 1.12 holds a result as a
whole. Statements are compiled by the one below.
"""

import re
from datetime import datetime
from typing import Any, Final

from sqlalchemy import URL, func, literal_column
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Backend,
    DatasetName,
    Reader,
    SqlColumn,
    information_schema_look,
    labels_as,
    quoted_text,
    server_dataset,
)
from statsig_export.source.written_type import WrittenType

_WRAPPED: Final = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)|SimpleAggregateFunction\(\w+, (.*)\)", re.DOTALL)
_INTEGERS: Final = {f"{sign}int{bits}": Family.INTEGER for sign in ("", "u") for bits in (8, 16, 32, 64, 128, 256)}
_NULLABLE_STRING: Final = WrittenType("Nullable(String)")


class _Compiler(SQLCompiler):
    """Texts with their backslashes."""

    def render_literal_value(self, value: Any, type_: TypeEngine[Any]) -> str:  # noqa: ANN401 - as SQLAlchemy has it
        written = super().render_literal_value(value, type_)
        return written.replace("\\", "\\\\") if isinstance(value, str) else written


class ClickHouseDialect(DefaultDialect):
    """ClickHouse's SELECT is the standard's but for what the record says."""

    name = "clickhouse"
    supports_statement_cache = False
    statement_compiler = _Compiler


def plain_type(declared: str) -> str:
    """The type's name, without Nullable, LowCardinality and parameters: LowCardinality(Nullable(String)) -> String."""
    while match := _WRAPPED.fullmatch(declared):
        declared = match[1] or match[2]
    return declared if declared.startswith("Array(") else declared.partition("(")[0]


def columns_statement(table: str, schema: str | None) -> str:
    """Names and types of a table's columns, in their order."""
    place = "currentDatabase()" if schema is None else _quoted(schema)
    return (
        f"SELECT name, type FROM system.columns WHERE database = {place} "  # noqa: S608 - quoted
        f"AND table = {_quoted(table)} ORDER BY position"
    )


def _quoted(text: str) -> str:
    return quoted_text(text.replace("\\", "\\\\"))


def _bound(utc: datetime, _: Family) -> SqlColumn:
    return literal_column(f"toDateTime64('{utc:%Y-%m-%d %H:%M:%S}', 0, 'UTC')")


def _utc(column: SqlColumn, _: Family) -> SqlColumn:
    return func.toDateTime64(column, literal_column("6"), literal_column("'UTC'"))


def _look(schema: str | None) -> str:
    """Its information schema is there twice."""
    system = ("information_schema", "system")
    return information_schema_look(current="currentDatabase()", system=system)(
        None if schema is None else schema.replace("\\", "\\\\")
    )


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    return server_dataset(url, table, scheme="clickhouse", port=8123, schema="", host=url.host or "localhost")


CLICKHOUSE: Final = Backend(
    name="clickhouse",
    extra="clickhouse",
    reader=Reader.CLICKHOUSE,
    case_sensitive=True,
    look=_look,
    families={
        **_INTEGERS,
        **dict.fromkeys(("datetime", "datetime64"), Family.TIMESTAMP_TZ),
        **dict.fromkeys(("json", "object", "tuple", "variant", "dynamic"), Family.NESTED),
        "date32": Family.DATE,
        "fixedstring": Family.TEXT,
    },
    text_type=_NULLABLE_STRING,
    json_text=func.toJSONString,
    exact_text=labels_as(_NULLABLE_STRING),
    utc=_utc,
    bound=_bound,
    dataset=_dataset,
)
