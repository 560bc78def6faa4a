"""Ships as many partitions at a time as may be locked at once; those that no other shipper holds."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import StatsigExportError
from statsig_export.ledger.evidence import make_due
from statsig_export.ledger.locks import PartitionLocks, groups_to_lock, lock_name
from statsig_export.ledger.transactions import Ledger
from statsig_export.shipping.context import ShipContext
from statsig_export.shipping.receipt_book import ReceiptBook
from statsig_export.shipping.shipper import Shipper


@dataclass(frozen=True, slots=True)
class LockedGroups:
    """One ship run over any number of partitions."""

    ledger: Ledger
    locks: PartitionLocks
    shipper: Shipper
    context: ShipContext
    receipts: ReceiptBook

    def ship(self, partitions: Mapping[str, int]) -> dict[str, int]:
        """Ship the partitions (key -> id). Returns those that belong to this run: no other shipper held them.

        Rejected events of which one group alone cannot tell whether they are at fault are seen to at the end, once more
        under their locks. Once the shipper is to stop, what no group has come to is left as it is, and belongs to the
        run all the same.
        """
        groups, shipper = self._groups(partitions), self.shipper
        shipper.last_partitions = len(groups) <= 1
        held = self._ship(groups)
        doubted = shipper.doubted_partitions
        if doubted and not shipper.last_partitions and not shipper.stopped:
            shipper.last_partitions = True
            self._ship(self._groups({key: partition for key, partition in held.items() if partition in doubted}))
        return held

    def _groups(self, partitions: Mapping[str, int]) -> list[dict[str, int]]:
        groups = groups_to_lock(self.ledger.database.engine, list(partitions))
        return [{key: partitions[key] for key in keys} for keys in groups]

    def _ship(self, groups: Sequence[Mapping[str, int]]) -> dict[str, int]:
        """One group after another; the partitions that no other shipper holds, or that no group has come to."""
        held: dict[str, int] = {}
        for number, group in enumerate(groups):
            taken = self._take(group)
            held |= taken
            self.shipper.partitions = list(taken.values())
            if self.context.now:
                make_due(self.ledger.database, self.shipper.partitions, self.context.timing.now_ms())
            try:
                self.shipper.run()
            except BaseException:  # what was sent before is kept all the same; then re-raise
                with suppress(StatsigExportError):
                    self.receipts.write()
                raise
            self.receipts.write()
            self.locks.release()
            if self.shipper.stopped:
                return held | {key: partition for rest in groups[number + 1 :] for key, partition in rest.items()}
        return held

    def _take(self, group: Mapping[str, int]) -> dict[str, int]:
        """The partitions whose lock was free; what a dead shipper left under way in them is pending again."""
        taken = {key: partition for key, partition in group.items() if self.locks.acquire(lock_name(partition))}
        reach(CrashPoint.LOCKED)
        self.locks.check()
        self.ledger.recover(list(taken.values()), self.context.timing.now_ms())
        return taken
