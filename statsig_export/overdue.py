"""What should have been sent by now, whatever keeps it from being sent: for alerts, not for starting ship runs."""

import time

from statsig_export import ledger_queries as queries
from statsig_export.config import Config
from statsig_export.ledger import ledger_to_read
from statsig_export.reports import DuePartition


def unsent_partitions(config: Config) -> list[DuePartition]:
    """Partitions with batches that are due, oldest window first; `overdue` says since when.

    `due_partitions` names none while the destination is halted or pauses after failures; these count all the same.
    Raises LedgerError.
    """
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return queries.due(ledger.database, config.webhook.name, round(time.time() * 1000))
