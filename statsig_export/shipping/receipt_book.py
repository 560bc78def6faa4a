"""Keeps the receipts of a ship run's partitions in the storage: at the end of each group, and now and then before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from statsig_export.ledger.database import LedgerDatabase
from statsig_export.receipts.receipts import keep_receipts
from statsig_export.storage.place import Place

_EVERY: Final = 30.0
"""Seconds at least between two receipts of a partition that is still being sent. What was sent since would be sent
again if the ledger were lost then."""
_SHARE: Final = 50
"""Receipts take at most one part in so many of the run's time."""


@dataclass(slots=True)
class ReceiptBook:
    """Of one ship run. It is used by one thread."""

    database: LedgerDatabase
    place: Place
    clock: Callable[[], float]
    """Monotonic seconds."""
    _open: set[int] = field(default_factory=set)
    """Partitions of which something was answered since their last receipt."""
    _next: float = 0.0

    def __post_init__(self) -> None:
        self._next = self.clock() + _EVERY

    def note(self, partition: int) -> None:
        """A request of this partition was answered."""
        self._open.add(partition)
        if self.clock() >= self._next:
            self.write()

    def write(self) -> None:
        """Write the receipts that are due, while the locks of their partitions are held."""
        began = self.clock()
        if self._open:
            keep_receipts(self.database, self.place, sorted(self._open))
            self._open.clear()
        self._next = self.clock() + max(_EVERY, _SHARE * (self.clock() - began))
