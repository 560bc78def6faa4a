"""What was exported and shipped since a place in the ledger, for whoever shows it elsewhere (Dagster does)."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from statsig_export.config import Config
from statsig_export.ledger import changes, queries, standings
from statsig_export.ledger.changes import ChangedPartition, Mark
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import PartitionStatus, Shipment
from statsig_export.ledger.shipments import shipments
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.runs import REAL_TIME


class LedgerPartition(NamedTuple):
    """A partition as the ledger knows it now."""

    changed: ChangedPartition
    status: PartitionStatus


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """The ledger of one destination, open to read. Raises LedgerError."""

    database: LedgerDatabase
    destination: str

    @property
    def ledger_id(self) -> str:
        return queries.ledger_id(self.database)

    def alone(self) -> AbstractContextManager[bool]:
        """False where another process shows partitions of this ledger; while it is open, no other one does."""
        return changes.showing_alone(self.database)

    def mark(self) -> Mark:
        """What differs as soon as anything was exported or sent."""
        return changes.mark(self.database)

    def last_finished_ms(self) -> int:
        """When the newest export or ship run finished; 0 if none has."""
        return changes.last_finished_ms(self.database, self.destination)

    def runs_until(self, until_ms: int) -> int:
        """How many runs finished at `until_ms` or before."""
        return changes.runs_until(self.database, self.destination, until_ms)

    def ids_since(self, since_ms: int, runs: Collection[str], after: int, limit: int) -> list[int]:
        """The partitions that were exported or sent after `since_ms` (0: all), or by one of these runs of the
        orchestrator. By their ids in the ledger: at most `limit` of those that are greater than `after`, in order.
        """
        return changes.changed_since(self.database, self.destination, since_ms, runs, after, limit)

    def partitions(self, ids: Sequence[int]) -> list[LedgerPartition]:
        """In the order of their ids."""
        lines = standings.statuses(self.database, self.destination, REAL_TIME.now_ms(), only=ids)
        by_key = {line.partition: line for line in lines}
        found = changes.changed_partitions(self.database, ids)
        return [LedgerPartition(each, by_key[each.partition]) for each in found if each.partition in by_key]

    def last_shipments(self, partitions: Sequence[LedgerPartition]) -> dict[str, Shipment]:
        """Partition -> what the last ship run that delivered something of it did for it, where there is one."""
        by_run: dict[str, list[LedgerPartition]] = defaultdict(list)
        for each in partitions:
            if each.changed.shipped is not None:
                by_run[each.changed.shipped.id].append(each)
        found: dict[str, Shipment] = {}
        for run, sent in by_run.items():
            ids = {each.changed.partition: each.changed.id for each in sent}
            found |= shipments(self.database, run, ids, [each.status for each in sent])
        return found


@contextmanager
def ledger_changes(config: Config) -> Iterator[LedgerChanges | None]:
    """None where there is no ledger yet."""
    with ledger_to_read(config) as ledger:
        yield None if ledger is None else LedgerChanges(ledger.database, config.webhook.name)
