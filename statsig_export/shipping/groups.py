"""Ships as many partitions at a time as may be locked at once; those that no other shipper holds."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import StatsigExportError
from statsig_export.ledger.evidence import make_due
from statsig_export.ledger.lanes import Held, lanes_of, partition_of
from statsig_export.ledger.locks import PartitionLocks, groups_to_lock, lock_name
from statsig_export.ledger.transactions import Ledger
from statsig_export.shipping.context import ShipContext
from statsig_export.shipping.receipt_book import ReceiptBook
from statsig_export.shipping.shipper import Shipper

_Locked = tuple[str, Held]
"""A partition's key, and what of it one lock is for."""


@dataclass(frozen=True, slots=True)
class LockedGroups:
    """One ship run over any number of partitions."""

    ledger: Ledger
    locks: PartitionLocks
    shipper: Shipper
    context: ShipContext
    receipts: ReceiptBook

    def ship(self, partitions: Mapping[str, int]) -> dict[str, int]:
        """Ship the partitions (key -> id). Returns those that belong to this run: no other shipper held all of them.

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

    def _groups(self, partitions: Mapping[str, int]) -> list[Sequence[_Locked]]:
        """Of partitions in shards one lane after another, so that several shippers find something to do in them."""
        lanes = lanes_of(self.ledger.database, list(partitions.values()))
        turns = max(map(len, lanes.values()), default=0)
        rounds = [
            [(key, lanes[partition][turn]) for key, partition in partitions.items() if turn < len(lanes[partition])]
            for turn in range(turns)
        ]
        return [group for of_round in rounds for group in groups_to_lock(self.ledger.database.engine, of_round)]

    def _ship(self, groups: Sequence[Sequence[_Locked]]) -> dict[str, int]:
        """One group after another; the partitions that no other shipper holds, or that no group has come to."""
        mine: dict[str, int] = {}
        for number, group in enumerate(groups):
            taken = self._take(group)
            mine |= _by_key(taken)
            self.shipper.partitions = [held for _, held in taken]
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
                return mine | {key: one for rest in groups[number + 1 :] for key, one in _by_key(rest).items()}
        return mine

    def _take(self, group: Sequence[_Locked]) -> list[_Locked]:
        """Those whose lock was free; what a dead shipper left under way in them is pending again."""
        taken = [(key, held) for key, held in group if self.locks.acquire(lock_name(held))]
        reach(CrashPoint.LOCKED)
        self.locks.check()
        self.ledger.recover([held for _, held in taken], self.context.timing.now_ms())
        return taken


def _by_key(locked: Sequence[_Locked]) -> dict[str, int]:
    return {key: partition_of(held) for key, held in locked}
