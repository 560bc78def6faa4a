"""The latest figures of what arrived, by partition and by category."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from statsig_export.delivery.rules import State
from statsig_export.ledger.arrivals import SINCE_VERSION
from statsig_export.ledger.conditions import of_selection
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import Selection
from statsig_export.ledger.tables import arrivals, batches, partitions


class PartitionArrivals(NamedTuple):
    """The latest figures of one partition, of all its forwarded events."""

    partition: int
    category: str
    window: str
    checked: int
    """Events that a comparison has looked for; the others were never compared."""
    arrived: int
    missing: int
    not_yet: int
    repeated_replay: int
    repeated_unknown: int
    repeated_other: int
    unconfirmed: int


class CategoryArrivals(NamedTuple):
    """The same of all partitions of a category."""

    category: str
    checked: int
    arrived: int
    missing: int
    not_yet: int
    repeated_replay: int
    repeated_unknown: int
    repeated_other: int
    unconfirmed: int


def partition_arrivals(database: LedgerDatabase, selection: Selection) -> list[PartitionArrivals]:
    """The latest figures of these partitions, those that no comparison has looked at left out; oldest first."""
    columns = partitions.c
    by = (columns.id, columns.category, columns.window)
    wanted = _found(selection, *by).group_by(*by, columns.window_start_ms)
    wanted = wanted.order_by(columns.window_start_ms, columns.category)
    if database.version < SINCE_VERSION:
        return []
    with database.read() as connection:
        rows = connection.execute(wanted).all()
    return [PartitionArrivals(*row[:3], *map(int, row[3:])) for row in rows]


def category_arrivals(connection: Connection, destination: str) -> list[CategoryArrivals]:
    """The latest figures by category; none of a category that no comparison has looked at."""
    wanted = _found(Selection(destination), partitions.c.category).group_by(partitions.c.category)
    return [CategoryArrivals(row[0], *map(int, row[1:])) for row in connection.execute(wanted)]


def _found(selection: Selection, *by: ColumnElement[Any]) -> "Select[*tuple[Any, ...]]":
    """`by`, then the figures of the comparisons from `checked` on, still to be grouped."""
    # What was delivered since the comparison is no longer beside the sum: it is among the unchecked.
    delivered = batches.c.state == State.DELIVERED.value
    figures = {name: arrivals.c[name] for name in CategoryArrivals._fields[2:]}
    sums = [
        func.sum(case((delivered, 0), else_=column) if name == "unconfirmed" else column)
        for name, column in figures.items()
    ]
    checked = func.sum(arrivals.c.arrived + arrivals.c.missing + arrivals.c.not_yet)
    return (
        select(*by, checked, *sums)
        .select_from(partitions)
        .join(batches, batches.c.partition == partitions.c.id)
        .join(arrivals, arrivals.c.batch == batches.c.id)
        .where(*of_selection(selection), batches.c.state != State.SPLIT.value)
    )
