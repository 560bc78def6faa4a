"""What should have been sent by now, whatever keeps it from being sent: for alerts, not for starting ship runs."""

import time

from statsig_export import ledger_queries as queries
from statsig_export.config import Config
from statsig_export.ledger import ledger_of
from statsig_export.ledger_database import exists
from statsig_export.reports import DuePartition


def unsent_partitions(config: Config) -> list[DuePartition]:
    """Partitions with batches that are due, oldest window first; `overdue` says since when.

    `due_partitions` names none while the destination is halted or pauses after failures; these count all the same.
    Raises LedgerError.
    """
    if not exists(config.ledger_url()):
        return []
    with ledger_of(config) as ledger:
        return queries.due(ledger.database, config.webhook.name, round(time.time() * 1000))
