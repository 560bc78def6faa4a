"""The whole ledger as tables, at one moment: what a backup holds of it, whatever database it lives in.

A value is a whole number, a text, a truth value or a float, and so are the columns of a dump. What may be kept of an
answer is filtered again on the way (tables.Reason). A ledger of an earlier schema version is dumped as it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, inspect, select
from sqlalchemy.types import TypeDecorator

from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.tables import LEDGER, meta

AT_ONCE: Final = 5_000
"""Rows of a chunk: what is in memory of a ledger at a time."""
Row = tuple[Any, ...]


class Kind(StrEnum):
    """What the values of a column are."""

    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"
    NUMBER = "number"


_KINDS: Final = {int: Kind.INTEGER, str: Kind.TEXT, bool: Kind.BOOLEAN, float: Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class DumpedTable:
    """A table at the moment of the dump."""

    name: str
    columns: Sequence[tuple[str, Kind]]
    chunks: Iterator[Sequence[Row]]
    """Its rows by primary key, AT_ONCE at a time."""


@dataclass(frozen=True, slots=True)
class Dump:
    """A ledger at one moment, as long as its reader holds it open."""

    version: int
    """Of its schema."""
    ledger_id: str
    tables: Iterator[DumpedTable]
    """One after another: the rows of one are read before the next is asked for. A table comes after those that it
    refers to."""


@contextmanager
def dumped(database: LedgerDatabase) -> Iterator[Dump]:
    """Open a dump: one consistent view, which keeps nobody from writing. Raises LedgerError."""
    with database.read() as connection:
        facts = {key: value for key, value in connection.execute(select(meta.c.key, meta.c.value))}  # noqa: C416
        yield Dump(int(facts["schema_version"]), facts["ledger_id"], _tables(connection))


def kind_of(column: "Column[Any]") -> Kind:
    """What the values of a column of the ledger are."""
    bare = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return _KINDS[bare.python_type]


def _tables(connection: Connection) -> Iterator[DumpedTable]:
    found = inspect(connection)
    names = set(found.get_table_names())
    for table in LEDGER.sorted_tables:
        if table.name in names:
            there = {column["name"] for column in found.get_columns(table.name)}
            columns = [column for column in table.columns if column.name in there]
            described = [(column.name, kind_of(column)) for column in columns]
            yield DumpedTable(table.name, described, _rows(connection, table, columns))


def _rows(connection: Connection, table: Table, columns: "Sequence[Column[Any]]") -> Iterator[Sequence[Row]]:
    wanted = select(*columns).order_by(*table.primary_key.columns)
    with connection.execute(wanted.execution_options(stream_results=True, yield_per=AT_ONCE)) as result:
        for rows in result.partitions(AT_ONCE):
            yield [tuple(row) for row in rows]
