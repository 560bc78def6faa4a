"""What a window has already seen: the set of its ids, and how often each content occurred in it. Pure, and small.

Both keep 128-bit hashes: 16 bytes an id (20 a content), and as much again for the moment that two runs are merged. Two
different ids taken for one need equal hashes: for 10**9 ids a chance of about 10**-21.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from statsig_export.arrow.columns import Column, Mask

Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.uint32]
Word = TypeVar("Word", np.uint64, np.uint32)

LARGEST_MERGED: Final = 250_000
"""Hashes a run: one merge takes 5 MB; a window of 10 million rows is looked up in some 20 runs a category."""

_UNCOUNTED: Final = np.empty(0, dtype=np.uint32)
_HASH_KEYS: Final = ("statsig-export-1", "statsig-export-2")


@dataclass(frozen=True, slots=True)
class _Run:
    """128-bit hashes as two words each, sorted by the first word alone (equal first words: 1 in 2**64)."""

    first: Words
    second: Words
    counts: Counts
    """How often each has occurred; no entry at all where only the set matters."""

    def __len__(self) -> int:
        return len(self.first)

    def positions(self, first: Words, second: Words) -> npt.NDArray[np.intp]:
        """Where in the run each hash stands; -1 where it does not."""
        position = np.searchsorted(self.first, first)
        found = np.full(len(first), -1, dtype=np.intp)
        open_rows = np.arange(len(first))
        while len(open_rows):
            open_rows = open_rows[position[open_rows] < len(self.first)]
            open_rows = open_rows[self.first[position[open_rows]] == first[open_rows]]
            equal = open_rows[self.second[position[open_rows]] == second[open_rows]]
            found[equal] = position[equal]
            open_rows = open_rows[found[open_rows] < 0]
            position[open_rows] += 1
        return found

    def merged(self, other: "_Run") -> "_Run":
        places = np.searchsorted(self.first, other.first) + np.arange(len(other))
        mine = np.ones(len(self) + len(other), dtype=np.bool_)
        mine[places] = False

        def laid_out(own: npt.NDArray[Word], others: npt.NDArray[Word]) -> npt.NDArray[Word]:
            if not len(own):  # nothing is counted
                return own
            words = np.empty(len(mine), dtype=own.dtype)
            words[mine], words[places] = own, others
            return words

        return _Run(
            laid_out(self.first, other.first),
            laid_out(self.second, other.second),
            laid_out(self.counts, other.counts),
        )


class _Runs:
    """Runs of hashes that at least halve in length, so there are few of them and each hash is moved a few times.

    None is merged to more than LARGEST_MERGED: of what a merge needs for a moment, memory has to hold no more either.
    """

    def __init__(self) -> None:
        self.runs: list[_Run] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self.runs)

    def append(self, run: _Run) -> None:
        while self.runs and len(self.runs[-1]) < 2 * len(run) and len(self.runs[-1]) + len(run) <= LARGEST_MERGED:
            run = self.runs.pop().merged(run)
        if len(run):
            self.runs.append(run)


class SeenIds:
    """A set of ids."""

    def __init__(self) -> None:
        self._runs = _Runs()

    def __len__(self) -> int:
        return len(self._runs)

    def contains(self, ids: Column) -> Mask:
        """For each id (no null) whether it was added before."""
        return self._contains(*hashes(ids))

    def add_new(self, ids: Column) -> Mask:
        """Add the ids (no null); for each, whether it is new: its first occurrence here, and never added before."""
        first, second = hashes(ids)
        order = np.lexsort((second, first))
        first, second = first[order], second[order]
        added = _begins(first, second) & ~self._contains(first, second)
        self._runs.append(_Run(first[added], second[added], _UNCOUNTED))
        new = np.empty_like(added)
        new[order] = added
        return new

    def _contains(self, first: Words, second: Words) -> Mask:
        found = np.zeros(len(first), dtype=np.bool_)
        for run in self._runs.runs:
            found |= run.positions(first, second) >= 0
        return found


class Occurrences:
    """How often each content has occurred."""

    def __init__(self) -> None:
        self._runs = _Runs()

    def ordinals(self, first: Words, second: Words) -> npt.NDArray[np.int64]:
        """Count the contents, given as 128-bit digests in two words; for each, how many equal ones came before it."""
        order = np.lexsort((second, first))
        begins = np.flatnonzero(_begins(first[order], second[order]))
        counts = np.diff(begins, append=len(order)).astype(np.uint32)
        distinct = order[begins]
        earlier = self._count(first[distinct], second[distinct], counts)
        ordinals = np.empty(len(order), dtype=np.int64)
        ordinals[order] = np.arange(len(order)) - np.repeat(begins - earlier, counts)
        return ordinals

    def _count(self, first: Words, second: Words, counts: Counts) -> npt.NDArray[np.int64]:
        """Add the counts of distinct contents, sorted by the first word; for each, what was counted before."""
        earlier = np.zeros(len(first), dtype=np.int64)
        new = np.ones(len(first), dtype=np.bool_)
        for run in self._runs.runs:
            positions = run.positions(first, second)
            known = positions >= 0
            earlier[known] = run.counts[positions[known]]
            run.counts[positions[known]] += counts[known]
            new &= ~known
        self._runs.append(_Run(first[new], second[new], counts[new]))
        return earlier


def _begins(first: Words, second: Words) -> Mask:
    """Where, in sorted hashes, each distinct one occurs first."""
    begins = np.ones(len(first), dtype=np.bool_)
    begins[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return begins


def hashes(ids: Column) -> tuple[Words, Words]:
    """128-bit hashes of ids (no null), as two words each."""
    values: Any = ids.to_numpy(zero_copy_only=False).astype(object)
    first, second = (pd.util.hash_array(values, hash_key=key, categorize=False) for key in _HASH_KEYS)
    return first, second
