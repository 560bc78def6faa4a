"""The SQL of the ledger's statements, compiled once a process.

SQLAlchemy keeps what it compiled with the engine, and each verb, each run in Dagster and each tick of a sensor opens an
engine of its own: compiling again would be much of what a small one does.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement
from sqlalchemy.util import LRUCache

from statsig_export.ledger.tables import LEDGER

_KEPT: Final = 500
"""As many as SQLAlchemy keeps for one engine."""
_Key = tuple[Any, ...]


class CompiledStatements(LRUCache[_Key, Any]):
    """What SQLAlchemy takes as `compiled_cache`. It names a statement by a tuple that begins with the engine's dialect;
    here dialects of the same database, driver and server version are the same one.
    """

    def get(self, key: _Key, default: Any | None = None) -> Any | None:  # noqa: ANN401  as LRUCache has it
        return super().get(_of_any_engine(key), default)

    def __setitem__(self, key: _Key, value: Any) -> None:  # noqa: ANN401  likewise
        super().__setitem__(_of_any_engine(key), value)


def _of_any_engine(key: _Key) -> _Key:
    dialect: Dialect = key[0]
    return (dialect.name, dialect.driver, dialect.server_version_info, *key[1:])


COMPILED_STATEMENTS: Final = CompiledStatements(_KEPT)


@cache
def making_of_tables(dialect: Callable[[], Dialect]) -> Mapping[str, tuple[str, ...]]:
    """The ledger's tables, in the order in which they are defined -> the statements that make each and its indexes."""
    making: dict[str, list[ExecutableDDLElement]] = {
        table.name: [CreateTable(table), *map(CreateIndex, sorted(table.indexes, key=lambda index: str(index.name)))]
        for table in LEDGER.tables.values()
    }
    return {name: tuple(str(ddl.compile(dialect=dialect())) for ddl in ddls) for name, ddls in making.items()}
