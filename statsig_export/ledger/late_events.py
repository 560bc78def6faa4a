"""How much of what was exported lately came late: was added to a partition that had been exported before."""

from sqlalchemy import case, func, select

from statsig_export.ledger.conditions import is_late
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.tables import export_runs, generations, partitions


def events_laid_down(database: LedgerDatabase, destination: str, since_ms: int) -> tuple[int, int]:
    """The late ones, and all, of export runs that finished since then. A wider filter adds late ones, too."""
    columns = generations.c
    late = func.sum(case((is_late(), columns.rows), else_=0))
    wanted = (
        select(late, func.sum(columns.rows))
        .join(export_runs, export_runs.c.id == columns.export_run)
        .join(partitions, partitions.c.id == columns.partition)
        .where(partitions.c.destination == destination, export_runs.c.finished_ms >= since_ms)
    )
    with database.read() as connection:
        added, planned = connection.execute(wanted).one()
    return int(added or 0), int(planned or 0)
