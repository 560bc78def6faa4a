"""Filling a ledger with the tables of a dump, in one transaction: all of it is there afterwards, or nothing is changed.

Tables of an earlier schema version are made as that version had them, filled, and then brought up to date by the same
migrations as any ledger.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, MetaData, Table, delete, func, insert, inspect, select, text, update
from sqlalchemy.engine import URL

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.ledger.database import BUSY_TIMEOUT_MS, LedgerDatabase, lock_setup
from statsig_export.ledger.dump import Row
from statsig_export.ledger.engine import engine_to_write
from statsig_export.ledger.errors import ledger_errors
from statsig_export.ledger.lanes import lanes_of
from statsig_export.ledger.locks import acquire_all, groups_to_lock, open_locks
from statsig_export.ledger.migrations.first_tables import FIRST
from statsig_export.ledger.partition_rows import Rows, put_back
from statsig_export.ledger.tables import (
    LEDGER,
    SCHEMA_VERSION,
    alembic_version,
    export_runs,
    meta,
    partitions,
    ship_runs,
)
from statsig_export.ledger.upgrade import upgrade

NEWEST: Final = SCHEMA_VERSION
"""The schema version that this library knows."""
NOT_EMPTY: Final = "the ledger that export.toml names is not empty"
_SIGNS: Final = (partitions, export_runs, ship_runs)
"""A ledger with a row in one of these holds something; `meta` alone is a ledger that was just made."""


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """A table to be filled: its columns, and its rows chunk by chunk."""

    name: str
    columns: Sequence[str]
    chunks: Iterable[Sequence[Row]]


def holds_anything(database: LedgerDatabase) -> bool:
    """Whether anything was ever exported or shipped with this ledger."""
    with database.read() as connection:
        return _holds_anything(connection)


def take_id(database: LedgerDatabase, ledger_id: str) -> None:
    """Give a ledger that holds nothing the id of another one."""
    with database.write() as connection:
        connection.execute(update(meta).where(meta.c.key == "ledger_id").values(value=ledger_id))


def refuse_while_held(database: LedgerDatabase) -> None:
    """Raises LedgerError while a shipper, a prune or a forget holds one of the ledger's partitions."""
    with database.read() as connection:
        ids = list(connection.execute(select(partitions.c.id)).scalars())
    with closing(open_locks(database.engine)) as locks:
        lanes = [lane for of_partition in lanes_of(database, ids).values() for lane in of_partition]
        for group in groups_to_lock(database.engine, lanes):
            if not acquire_all(locks, group):
                raise LedgerError(
                    "a run is at work with the ledger that is to be replaced", hint="end it, then restore"
                )
            locks.release()


def load(
    url: URL,
    version: int,
    tables: Iterable[LoadedTable],
    *,
    force: bool = False,
    within: Callable[[Connection], object] = lambda _: None,
) -> None:
    """Make the ledger at `url` what these tables are, which are of schema version `version`; what is there is replaced
    with `force` alone. A table comes after those that it refers to. `within` is called last in the transaction.

    Raises ConfigError, and changes nothing, for a ledger that holds something, and for a database that can be no
    ledger; LedgerError.
    """
    with ledger_errors(url):
        engine = engine_to_write(url, BUSY_TIMEOUT_MS)
    try:
        with ledger_errors(url), engine.begin() as connection:
            lock_setup(connection)
            if not force and _holds_anything(connection):
                raise ConfigError(NOT_EMPTY, hint="--force replaces what it holds")
            _make_tables(connection, version)
            there = MetaData()
            there.reflect(connection, only=lambda name, _: name in LEDGER.tables)
            for table in tables:
                _fill(connection, there.tables[table.name], table)
            go_on_counting(connection, there)
            if version < SCHEMA_VERSION:
                upgrade(connection)
            within(connection)
            reach(CrashPoint.LOADING)
    finally:
        engine.dispose()
    reach(CrashPoint.RESTORED)


def _holds_anything(connection: Connection) -> bool:
    found = inspect(connection)
    return any(
        found.has_table(table.name) and connection.execute(select(table.c.id).limit(1)).first() for table in _SIGNS
    )


def _make_tables(connection: Connection, version: int) -> None:
    """Every table as it was in that version, empty. Tables of today's version stay, and what is granted on them."""
    found = set(inspect(connection).get_table_names()) & set(LEDGER.tables)
    if version == SCHEMA_VERSION and found == set(LEDGER.tables):
        for table in reversed(LEDGER.sorted_tables):
            connection.execute(delete(table))
        return
    LEDGER.drop_all(connection)
    if version == SCHEMA_VERSION:
        LEDGER.create_all(connection)
        return
    FIRST.create_all(connection)
    upgrade(connection, f"{version:04d}")
    connection.execute(delete(alembic_version))


def _fill(connection: Connection, table: Table, loaded: LoadedTable) -> None:
    for chunk in loaded.chunks:
        if chunk:
            connection.execute(insert(table), [dict(zip(loaded.columns, row, strict=True)) for row in chunk])


def put_all_back(database: LedgerDatabase, partitions: Iterable[Rows]) -> None:
    """Take over what others know of partitions, in one transaction. Raises LedgerError."""
    with database.write() as connection:
        for rows in partitions:
            put_back(connection, rows)
        go_on_counting(connection)


def go_on_counting(connection: Connection, there: MetaData = LEDGER) -> None:
    """PostgreSQL numbers new rows by sequences, which know nothing of rows that brought a number."""
    if connection.dialect.name != "postgresql":
        return
    for table in there.sorted_tables:
        for column in _numbered(table):
            sequence = select(func.pg_get_serial_sequence(table.fullname, column))
            if connection.execute(sequence).scalar() is not None:
                highest = connection.execute(select(func.max(table.c[column]))).scalar() or 0
                connection.execute(
                    text("SELECT setval(pg_get_serial_sequence(:table, :column), :value, :used)"),
                    {"table": table.fullname, "column": column, "value": max(1, highest), "used": highest > 0},
                )


def _numbered(table: Table) -> Iterator[str]:
    columns: Any = table.primary_key.columns
    yield from (column.name for column in columns if column.name == "id" and column.type.python_type is int)
