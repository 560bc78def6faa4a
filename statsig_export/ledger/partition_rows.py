"""All rows of the ledger that belong to one partition: as a receipt keeps them, and as a restore puts them back.

Which tables these are follows from the foreign keys: what refers to the partition, to its batches or to their attempts,
and the runs that these name.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, func, insert, select, update

from statsig_export.delivery.rules import State
from statsig_export.ledger import forgotten
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.list_parameters import among_given
from statsig_export.ledger.tables import (
    LEDGER,
    SCHEMA_VERSION,
    attempts,
    batches,
    export_runs,
    former_requests,
    identities,
    partitions,
    pruned_partitions,
    ship_runs,
)

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Table -> its rows, column by column."""
OF_VERSION: Final = SCHEMA_VERSION
"""The schema version whose rows these are."""
_KEY: Final = ("destination", "category", "window")


def _refers_to(table: Table, other: Table) -> "list[ColumnElement[Any]]":
    return [key.parent for key in table.foreign_keys if key.column.table is other]


_OWN: Final = [
    table
    for table in LEDGER.sorted_tables
    if any(_refers_to(table, other) for other in (partitions, batches, attempts))
]
"""In an order in which they can be filled."""
_RUNS: Final = [export_runs, *(table for table in LEDGER.sorted_tables if _refers_to(table, export_runs)), ship_runs]
_SHARED: Final = [table for table in _RUNS if table not in _OWN and table is not partitions]
"""Tables whose rows other partitions may need as well: they are added where they are not there."""


def _reference(table: Table) -> "tuple[ColumnElement[Any], Table]":
    """The column by which a row belongs to a partition, and what that column names."""
    ((column, owner),) = (
        (column, owner) for owner in (partitions, batches, attempts) for column in _refers_to(table, owner)
    )
    return column, owner


def _among_mine(table: Table) -> ColumnElement[bool]:
    """Of the rows that belong to the partitions which an execution gives as `wanted`."""
    column, owner = _reference(table)
    if owner is partitions:
        return among_given(column, "wanted")
    return column.in_(select(owner.c.id).where(_among_mine(owner)))


def _run_column(table: Table) -> ColumnElement[Any]:
    """The column by which a shared row belongs to a run."""
    return table.c.id if "id" in table.c else _refers_to(table, export_runs)[0]


_ROWS: Final = {
    table: select(table).where(condition).order_by(*table.primary_key.columns)
    for table, condition in [
        (partitions, among_given(partitions.c.id, "wanted")),
        *((table, _among_mine(table)) for table in _OWN),
        *((table, among_given(_run_column(table), "wanted")) for table in _SHARED),
        (identities, among_given(identities.c.destination, "wanted")),
    ]
}
"""The statement for the rows of each table that belong to what is `wanted`. Built once: a receipt needs them all."""
_BATCHES: Final = (
    select(batches.c.partition, func.count())
    .where(among_given(batches.c.partition, "wanted"))
    .group_by(batches.c.partition)
)


def portions(database: LedgerDatabase, wanted: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    """The partitions, in order, in portions of so many batches together at most; one that has more is alone."""
    with database.read() as connection:
        of_partition = {row[0]: int(row[1]) for row in connection.execute(_BATCHES, {"wanted": list(wanted)})}
    portion: list[int] = []
    held = 0
    for partition in wanted:
        more = of_partition.get(partition, 0)
        if portion and held + more > most:
            yield portion
            portion, held = [], 0
        portion.append(partition)
        held += more
    if portion:
        yield portion


def rows_of(database: LedgerDatabase, wanted: Collection[int]) -> Mapping[int, Rows]:
    """Partition -> all its rows; those of all partitions are of one moment."""
    with database.read() as connection:
        of_partition = {row["id"]: row for row in _read(connection, partitions, wanted)}
        found: dict[int, dict[str, list[Mapping[str, Any]]]] = {
            partition: {**{table.name: [] for table in _OWN}, partitions.name: [row]}
            for partition, row in of_partition.items()
        }
        owners: dict[str, dict[int, int]] = {partitions.name: {partition: partition for partition in found}}
        for table in _OWN:
            column, owner = _reference(table)
            mine = owners.setdefault(table.name, {})
            for row in _read(connection, table, wanted):
                partition = owners[owner.name][row[column.name]]
                found[partition][table.name].append(row)
                if "id" in row:
                    mine[row["id"]] = partition
        _add_shared(connection, found)
    return found


def _add_shared(connection: Connection, found: Mapping[int, dict[str, list[Mapping[str, Any]]]]) -> None:
    """To the rows of each partition those that others may need as well."""
    exported = {
        partition: {row["export_run"] for name in ("partitions", "generations") for row in rows[name]}
        for partition, rows in found.items()
    }
    shipped = {partition: {row["ship_run"] for row in rows["attempts"]} for partition, rows in found.items()}
    for table in _SHARED:
        column = _run_column(table)
        runs = shipped if table is ship_runs else exported
        read = _read(connection, table, sorted(set().union(*runs.values()) - {None}))
        for partition, rows in found.items():
            rows[table.name] = [row for row in read if row[column.name] in runs[partition]]
    destinations = {partition: rows["partitions"][0]["destination"] for partition, rows in found.items()}
    read = _read(connection, identities, sorted(set(destinations.values())))
    for partition, rows in found.items():
        rows[identities.name] = [row for row in read if row["destination"] == destinations[partition]]


def delivered_ids(rows: Rows) -> list[str]:
    """The ids of the batches that were delivered, among the rows of a partition."""
    return sorted({row["batch_id"] for row in rows["batches"] if row["state"] == State.DELIVERED.value})


_KNOWN: Final = (
    select(partitions.c.id, partitions.c.category, partitions.c.window)
    .where(partitions.c.destination == bindparam("named"))
    .where(among_given(partitions.c.window, "windows"))
)
_PRUNED: Final = select(pruned_partitions.c.partition).where(among_given(pruned_partitions.c.partition, "of"))
_SENT: Final = (
    select(batches.c.partition, batches.c.batch_id)
    .where(among_given(batches.c.partition, "of"))
    .where(batches.c.state == State.DELIVERED.value)
)
_SENT_BEFORE: Final = (
    select(batches.c.partition, former_requests.c.batch_id)
    .join(attempts, attempts.c.batch == batches.c.id)
    .join(former_requests, former_requests.c.attempt == attempts.c.id)
    .where(among_given(batches.c.partition, "of"))
)


class Known:
    """What the ledger knows of some partitions, for comparison with their receipts."""

    def __init__(self, database: LedgerDatabase, destination: str, keys: Iterable[tuple[str, str]]) -> None:
        wanted = set(keys)
        windows = sorted({window for _, window in wanted})
        with database.read() as connection:
            found = connection.execute(_KNOWN, {"named": destination, "windows": windows})
            self._ids = {(row.category, row.window): row.id for row in found if (row.category, row.window) in wanted}
            ids = {"of": list(self._ids.values())}
            self._pruned = set(connection.execute(_PRUNED, ids).scalars())
            self._rewritten = forgotten.rewritten_ms(connection, self._ids.values())
            self._sent: dict[int, set[str]] = {}
            for statement in (_SENT, _SENT_BEFORE):
                for partition, batch_id in connection.execute(statement, ids):
                    self._sent.setdefault(partition, set()).add(batch_id)

    def is_behind(
        self, key: tuple[str, str], delivered: Iterable[str], *, pruned: bool, rewritten_ms: int | None
    ) -> bool:
        """Whether a partition's receipt says of something that it was sent, pruned or taken out that is not known."""
        partition = self._ids.get(key)
        if partition is None:
            return pruned or rewritten_ms is not None or any(True for _ in delivered)
        if partition in self._pruned:
            return False
        later = (rewritten_ms or 0) > self._rewritten.get(partition, 0)
        return pruned or later or not self._sent.get(partition, set()).issuperset(delivered)


def put_back(connection: Connection, rows: Rows) -> None:
    """Make a partition what these rows are, whatever the ledger had of it; in the caller's transaction, with nobody
    else at work. Rows get numbers of this ledger.
    """
    (row,) = rows["partitions"]
    mine = [partitions.c[name] == row[name] for name in _KEY]
    partition = connection.execute(select(partitions.c.id).where(*mine)).scalar()
    facts = {name: value for name, value in row.items() if name != "id"}
    if partition is None:
        partition = _next(connection, partitions)
        connection.execute(insert(partitions).values(id=partition, **facts))
    else:
        for table in reversed(_OWN):
            connection.execute(delete(table).where(_among_mine(table)), {"wanted": [partition]})
        connection.execute(update(partitions).where(partitions.c.id == partition).values(**facts))
    for table in (*_SHARED, identities):
        _add_missing(connection, table, rows.get(table.name, ()))
    numbers = {"partitions": {row["id"]: partition}}
    for table in _OWN:
        _fill(connection, table, rows.get(table.name, ()), numbers)


def _fill(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], numbers: dict[str, dict[int, int]]
) -> None:
    """Add rows under new numbers; `numbers` are those of the tables before, and get this one's."""
    first = _next(connection, table) if "id" in table.c else 0
    mine = {row["id"]: first + place for place, row in enumerate(rows)} if "id" in table.c else {}
    numbers[table.name] = mine
    references = {key.parent.name: numbers.get(key.column.table.name) for key in table.foreign_keys}
    references |= dict.fromkeys({"parent", "replay_of"} & set(table.c.keys()), mine)
    new = []
    for row in rows:
        changed = {name: known.get(row[name]) for name, known in references.items() if known is not None}
        number = {"id": mine[row["id"]]} if mine else {}
        new.append({**{name: value for name, value in row.items() if name in table.c}, **changed, **number})
    if new:
        connection.execute(insert(table), new)


def _add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    key = [column.name for column in table.primary_key.columns]
    for row in rows:
        mine = [table.c[name] == row[name] for name in key]
        if connection.execute(select(func.count()).select_from(table).where(*mine)).scalar_one() == 0:
            connection.execute(insert(table).values({name: row[name] for name in row if name in table.c}))


def _next(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.max(table.c.id))).scalar() or 0) + 1


def _read(connection: Connection, table: Table, wanted: Collection[Any]) -> list[Mapping[str, Any]]:
    found = connection.execute(_ROWS[table], {"wanted": list(wanted)})
    return [dict(row._mapping) for row in found]  # noqa: SLF001  SQLAlchemy's own name for it
