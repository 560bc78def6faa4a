"""Which rows of the partition files were sent, and how often each may have arrived. Pure.

A batch that was split is its parts; what is said of the whole before it was split is said of each part. A replay sends
some of a batch's rows again. So the rows of a batch are cut into segments of which all is alike.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from statsig_export.delivery.rules import State
from statsig_export.ledger.arrivals import SentBatch


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rows of a partition file, [first_row, first_row + rows), with one history."""

    batch: int
    """The batch of the account, which is no replay."""
    partition: int
    generation: int
    first_row: int
    rows: int
    forwarded: bool
    """Whether the account counts them as forwarded; else they are pending or failed, and may be there all the same."""
    sent_ms: int
    """When the first attempt began that may have brought them there."""
    ended_ms: int
    """When the last one ended, as far as that is known."""
    replayed: bool
    """Whether they were sent again after they were accepted."""
    doubtful: bool
    """Whether an attempt of them had a result that nobody can know."""


def segments(batches: Sequence[SentBatch]) -> Iterator[Segment]:
    """The segments of every batch that was sent, in the order of the batches."""
    by_id = {batch.id: batch for batch in batches}
    replays: dict[int, list[SentBatch]] = defaultdict(list)
    for batch in batches:
        if batch.replay_of is not None and batch.sent:
            replays[batch.replay_of].append(batch)
    for batch in batches:
        if batch.replay_of is None and batch.state != State.SPLIT.value:
            yield from _segments_of(batch, [*_lineage(batch, by_id)], replays[batch.id])


def _lineage(batch: SentBatch, by_id: Mapping[int, SentBatch]) -> Iterator[SentBatch]:
    """The batch and those it was split from, as far as they were sent."""
    one: SentBatch | None = batch
    while one is not None:
        if one.sent:
            yield one
        one = None if one.parent is None else by_id.get(one.parent)


def _segments_of(batch: SentBatch, whole: Sequence[SentBatch], replays: Sequence[SentBatch]) -> Iterator[Segment]:
    """`whole` are the batches whose attempts sent all of these rows."""
    edges = {batch.first_row, batch.end, *(edge for replay in replays for edge in (replay.first_row, replay.end))}
    cuts = sorted(edge for edge in edges if batch.first_row <= edge <= batch.end)
    for begin, end in pairwise(cuts):
        again = [replay for replay in replays if replay.first_row <= begin and end <= replay.end]
        sent = [*whole, *again]
        if sent:
            yield Segment(
                batch=batch.id,
                partition=batch.partition,
                generation=batch.generation,
                first_row=begin,
                rows=end - begin,
                forwarded=batch.state == State.DELIVERED.value,
                sent_ms=min(one.began_ms for one in sent),
                ended_ms=max(one.ended_ms for one in sent),
                replayed=any(one.accepted for one in again),
                doubtful=any(one.doubtful for one in sent),
            )
