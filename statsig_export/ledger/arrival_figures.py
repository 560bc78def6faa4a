"""The latest figures of what arrived, by partition and by category."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from statsig_export.delivery.rules import State
from statsig_export.ledger.arrivals import SINCE_VERSION
from statsig_export.ledger.conditions import of_selection
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import Selection
from statsig_export.ledger.tables import arrivals, batches, partitions


class ArrivalFigures(NamedTuple):
    """The latest of the forwarded events of a partition, or of a category."""

    checked: int
    """Events that a comparison has looked for; the others were never compared."""
    arrived: int
    missing: int
    not_yet: int
    repeated_replay: int
    repeated_unknown: int
    repeated_other: int
    unconfirmed: int


def partition_arrivals(database: LedgerDatabase, selection: Selection) -> dict[tuple[str, str], ArrivalFigures]:
    """(category, window) -> its figures, of these partitions; those that no comparison has looked at are left out."""
    if database.version < SINCE_VERSION:
        return {}
    by = (partitions.c.category, partitions.c.window)
    with database.read() as connection:
        rows = connection.execute(_found(selection, *by).group_by(*by))
        return {(category, window): ArrivalFigures(*map(int, figures)) for category, window, *figures in rows}


def destination_arrivals(database: LedgerDatabase, destination: str) -> ArrivalFigures:
    """The figures of all its partitions; zeros where no comparison has looked at any."""
    nothing = ArrivalFigures(*([0] * len(ArrivalFigures._fields)))
    if database.version < SINCE_VERSION:
        return nothing
    with database.read() as connection:
        found = category_arrivals(connection, destination).values()
    return ArrivalFigures(*map(sum, zip(nothing, *found, strict=True)))


def category_arrivals(connection: Connection, destination: str) -> dict[str, ArrivalFigures]:
    """Category -> its figures; none of a category that no comparison has looked at."""
    by = partitions.c.category
    rows = connection.execute(_found(Selection(destination), by).group_by(by))
    return {category: ArrivalFigures(*map(int, figures)) for category, *figures in rows}


def _found(selection: Selection, *by: ColumnElement[Any]) -> "Select[*tuple[Any, ...]]":
    """`by`, then the figures of the comparisons from `checked` on, still to be grouped."""
    # What was delivered since the comparison is no longer beside the sum: it is among the unchecked.
    delivered = batches.c.state == State.DELIVERED.value
    figures = {name: arrivals.c[name] for name in ArrivalFigures._fields[1:]}
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
