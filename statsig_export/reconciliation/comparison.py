"""Compares what was sent with what is there, a bucket of hashed ids at a time. Pure."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from statsig_export.ledger.arrivals import BatchArrivals
from statsig_export.reconciliation.buckets import Records
from statsig_export.reconciliation.segments import Segment

SENT: Final = np.dtype([("first", "<u8"), ("second", "<u8"), ("segment", "<i4"), ("row", "<u4")])
"""The hash of an id, the number of its segment (KNOWN: of none that is compared), and its row in the segment."""
LANDED: Final = np.dtype([("first", "<u8"), ("second", "<u8"), ("synced", "<i8")])
"""The hash of an id, and when its row was written (ms since the epoch; NO_TIME where that is not known)."""
KNOWN: Final = -1
"""In place of a segment: an id of ours, of a batch that is not compared."""
NO_TIME: Final = -1
_FIELDS: Final = tuple(one.name for one in fields(BatchArrivals) if one.name not in {"batch", "landed_ms"})

Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Facts:
    """The segments as columns."""

    forwarded: npt.NDArray[np.bool_]
    replayed: npt.NDArray[np.bool_]
    doubtful: npt.NDArray[np.bool_]
    overdue: npt.NDArray[np.bool_]
    """Whether what is not there by now is missing."""

    @classmethod
    def of(cls, segments: Sequence[Segment], overdue_ms: int) -> "_Facts":
        def flags(name: str) -> npt.NDArray[np.bool_]:
            return np.fromiter((getattr(one, name) for one in segments), np.bool_, len(segments))

        overdue = np.fromiter((one.ended_ms <= overdue_ms for one in segments), np.bool_, len(segments))
        return cls(flags("forwarded"), flags("replayed"), flags("doubtful"), overdue)


@dataclass(slots=True)
class Comparison:
    """What is found, bucket by bucket. An id that several batches sent counts as arrived for each of them, and as
    repeated once it is there more often than they sent it. One that is not there is not yet there for each of them as
    long as the last of them may bring it.
    """

    segments: Sequence[Segment]
    overdue_ms: int
    """A segment whose last attempt ended by then is missing where it is not there; a later one is not there yet."""
    lost: frozenset[tuple[int, int]] = frozenset()
    """Partition and generation of the segments whose file cannot be read: nothing is said of their batches."""
    alien: int = 0
    """Rows of the table whose id is none of ours."""
    keep_missing: bool = False
    missing: list[Records] = field(default_factory=list)
    """The records of what is missing, if they are to be kept."""
    _facts: _Facts = field(init=False)
    _counts: dict[str, Counts] = field(init=False)
    _landed: Counts = field(init=False)

    def __post_init__(self) -> None:
        self._facts = _Facts.of(self.segments, self.overdue_ms)
        self._counts = {name: np.zeros(len(self.segments), np.int64) for name in _FIELDS}
        self._landed = np.full(len(self.segments), NO_TIME, np.int64)

    def add(self, sent: Records, landed: Records) -> None:
        """Take one bucket: all records of both sides whose hashes are in it."""
        times, shared, first, awaited = _occurrences(sent, landed, self._late(sent))
        self.alien += len(landed) - int(times[_first_of_each(sent)].sum()) if len(sent) else len(landed)
        ours = sent["segment"] != KNOWN
        segment = sent["segment"][ours]
        times, shared, first, awaited = times[ours], shared[ours], first[ours], awaited[ours]
        facts = self._facts
        there, forwarded = times > 0, facts.forwarded[segment]
        absent = forwarded & ~there
        repeated = forwarded & (times > shared)
        by_replay, by_doubt = facts.replayed[segment], facts.doubtful[segment]
        found = {
            "arrived": forwarded & there,
            "missing": absent & ~awaited,
            "not_yet": absent & awaited,
            "repeated_replay": repeated & by_replay,
            "repeated_unknown": repeated & ~by_replay & by_doubt,
            "repeated_other": repeated & ~by_replay & ~by_doubt,
            "unconfirmed": ~forwarded & there,
        }
        for name, which in found.items():
            self._counts[name] += np.bincount(segment[which], minlength=len(self.segments))
        np.maximum.at(self._landed, segment[there], first[there])
        if self.keep_missing and found["missing"].any():
            self.missing.append(sent[ours][found["missing"]])

    def _late(self, sent: Records) -> npt.NDArray[np.bool_]:
        """For each record whether a sync may still bring what its segment sent last."""
        late = np.zeros(len(sent), np.bool_)
        ours = sent["segment"] != KNOWN
        late[ours] = ~self._facts.overdue[sent["segment"][ours]]
        return late

    def by_batch(self) -> list[BatchArrivals]:
        """The figures of each batch, its segments together; none of those whose file is lost."""
        totals: dict[int, Any] = defaultdict(lambda: dict.fromkeys(_FIELDS, 0))
        landed: dict[int, int] = defaultdict(lambda: NO_TIME)
        for number, segment in enumerate(self.segments):
            if (segment.partition, segment.generation) in self.lost:
                continue
            for name in _FIELDS:
                totals[segment.batch][name] += int(self._counts[name][number])
            landed[segment.batch] = max(landed[segment.batch], int(self._landed[number]))
        return [
            BatchArrivals(batch=batch, **counts, landed_ms=None if landed[batch] == NO_TIME else landed[batch])
            for batch, counts in totals.items()
        ]

    def missing_in(self) -> set[int]:
        """The numbers of the segments of which something is missing."""
        return {int(number) for part in self.missing for number in np.unique(part["segment"])}

    def missing_rows(self, wanted: Collection[int]) -> dict[int, Rows]:
        """Number of the segment, of those wanted -> the rows of the partition file that are missing of it, ascending.

        An id that several of them sent is in one of them: it takes one row to have arrived for all.
        """
        records = np.concatenate([np.empty(0, SENT), *self.missing])
        records = records[np.isin(records["segment"], list(wanted))]
        if not len(records):
            return {}
        records = records[_first_of_each(records)]
        segment, row = records["segment"], records["row"].astype(np.int64)
        order = np.lexsort((row, segment))
        segment, row = segment[order], row[order]
        numbers, begins = np.unique(segment, return_index=True)
        parts = np.split(row, begins[1:])
        return {int(n): self.segments[n].first_row + part for n, part in zip(numbers, parts, strict=True)}


def _occurrences(
    sent: Records, landed: Records, late: npt.NDArray[np.bool_]
) -> tuple[Counts, Counts, Counts, npt.NDArray[np.bool_]]:
    """For each record that was sent: how often its id is there, by how many records it was sent, when it was first
    there, and whether one of these records is late.
    """
    if not len(sent):
        empty = np.empty(0, np.int64)
        return empty, empty, empty, late
    group = _groups(
        np.concatenate([sent["first"], landed["first"]]), np.concatenate([sent["second"], landed["second"]])
    )
    mine, theirs = group[: len(sent)], group[len(sent) :]
    groups = int(group.max()) + 1
    times = np.bincount(theirs, minlength=groups)
    shared = np.bincount(mine, minlength=groups)
    first = np.full(groups, np.iinfo(np.int64).max)
    np.minimum.at(first, theirs, landed["synced"])
    awaited = np.bincount(mine, weights=late, minlength=groups) > 0
    return times[mine], shared[mine], first[mine], awaited[mine]


def _groups(first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]) -> Counts:
    """For each hash the number of its group: equal hashes, equal numbers."""
    order = np.lexsort((second, first))
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(first[order]) != 0) | (np.diff(second[order]) != 0)
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(begins) - 1
    return group


def _first_of_each(sent: Records) -> npt.NDArray[np.bool_]:
    """For each record whether it is the first with its id."""
    group = _groups(sent["first"], sent["second"])
    first = np.zeros(len(sent), np.bool_)
    first[np.unique(group, return_index=True)[1]] = True
    return first
