"""Lists in the ledger's statements: one parameter per list, however long it is.

`IN (?, ?, ...)` has one parameter per value, and databases limit the parameters per statement: PostgreSQL to 65,535,
SQLite to 32,766 or as few as 999. So lists that grow with partitions, batches or windows are not written that way.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Dialect, Integer, Text, TypeDecorator, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class _List(TypeDecorator[Sequence[Any]]):
    """An array where the database has them, else a JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(self.of) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:  # noqa: ANN401  as the driver
        return value if dialect.name == "postgresql" else json.dumps(value)


_INTEGERS: Final = _List(BigInteger())
_TEXTS: Final = _List(Text())


class _Each(FunctionElement[Any]):
    """The values of a list, one per row."""

    inherit_cache = True


def among(column: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """The condition that a column (of integers or texts) holds one of these values, however many they are."""
    kind = _INTEGERS if isinstance(column.type, Integer) else _TEXTS
    each = _Each(bindparam(None, list(values), kind, unique=True))
    return column.bool_op("IN")(each)  # an operator of its own: SQLite has no boolean functions that use an index


def among_given(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The same of the values that each execution gives as the parameter `name`, a list: for statements built once."""
    kind = _INTEGERS if isinstance(column.type, Integer) else _TEXTS
    return column.bool_op("IN")(_Each(bindparam(name, type_=kind)))


@compiles(_Each)
def _each_of_array(element: _Each, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401  SQLAlchemy's own
    return f"(SELECT unnest({compiler.process(element.clauses, **words)}))"


@compiles(_Each, "sqlite")
def _each_of_json(element: _Each, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401  SQLAlchemy's own
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **words)}))"  # noqa: S608  a parameter
