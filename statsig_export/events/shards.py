"""The shards of a window: its rows split by a stable hash of what they are known by. Pure, and light to import.

A row is known by its timeUUID, so two rows of one timeUUID are in one shard, and a duplicate is found there. A row of a
table without a key is known by its content: repeats of one content get timeUUIDs of their own by counting, so it is
their content that they share a shard by (shard_rows.py).

The hash puts a row into one of BUCKETS buckets (buckets.py), whatever the number of shards is; a shard is a range of
buckets.
"""

from dataclasses import dataclass
from typing import Final

BUCKETS: Final = 256


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One part of a window."""

    number: int
    """From 0."""
    of: int
    """How many there are."""

    def __str__(self) -> str:
        return f"{self.number + 1} of {self.of}"

    @property
    def buckets(self) -> range:
        """The buckets whose rows it holds: bucket b is in shard b * of // BUCKETS."""
        return range(-(-self.number * BUCKETS // self.of), -(-(self.number + 1) * BUCKETS // self.of))
