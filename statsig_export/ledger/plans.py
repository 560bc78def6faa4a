"""What an export run hands to the ledger to write down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from statsig_export.delivery.batch import Batch
from statsig_export.events.shards import Shard
from statsig_export.storage.files import StoredFile
from statsig_export.vocabulary import Category


@dataclass(frozen=True, slots=True)
class ShardedRun:
    """That a run's window was read in shards."""

    basis: str
    """What they had in common (ledger.shards)."""
    shards: int


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """A generation that an export run adds to a partition."""

    number: int
    file: StoredFile
    """Durable."""
    batches: Sequence[Batch]
    shard: Shard | None = None
    """None where it holds the rows of the whole window."""


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """What an export run adds to one partition."""

    category: Category
    after_generation: int
    """The newest generation when the run read the window; planning on top of another raises StalePlanError, as it does
    where one of its files was written again without somebody since.
    """
    generations: Sequence[GenerationPlan]
    """None where there are no new events; of a window that was read in shards one for each that has some."""
    filtered_by: Mapping[str, int]
    failed_by: Mapping[str, int]
    quarantine: str | None
    forgotten: int = 0
    """Rows of people who are forgotten."""
    after_rewritten_ms: int | None = None
    """When the files were last written again, as the run read it."""
