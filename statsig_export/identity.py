"""Identity: a timeUUID for rows whose source gives none, and the set of ids a window has already seen.

No SDK sends a timeUUID; Statsig mints it at ingestion. Where the source has none either, it is derived from the row's
primary key, so that every later export of the row gives the same id, and equal events under two keys stay two events.

An integer key becomes an RFC 9562 version-8 UUID: 62 bits of a digest over the source's and the table's name, and the
key itself in the last 60 bits (so the id can be read back to the row). Any other key becomes a version-5 UUID in a
namespace of the same digest. Neither depends on anything but these names and the key.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from statsig_export.arrow_columns import TEXT, Column, Mask, array, replaced, values_of

Words = npt.NDArray[np.uint64]

LARGEST_KEY: Final = 2**60 - 1
"""The largest integer primary key that a version-8 UUID holds."""

_UUID_CHARACTERS: Final = 36
_HEX_PAIRS: Final = np.frombuffer(bytes(range(256)).hex().encode(), dtype=np.uint8).reshape(256, 2)
_HASH_KEYS: Final = ("statsig-export-1", "statsig-export-2")


def derived_ids(row_keys: Column, source_name: str, table_name: str) -> Column:
    """A UUID for each primary key (int64 or large_string), as lowercase text; table_name is schema-qualified."""
    names = json.dumps([source_name, table_name]).encode()
    digest = hashlib.sha256(names).digest()
    namespace = uuid.UUID(bytes=digest[:16], version=5)
    if not pa.types.is_integer(row_keys.type):
        return array(_version_5(namespace, values_of(row_keys)), TEXT)
    keys = row_keys.to_numpy(zero_copy_only=False).astype(np.int64)
    ids = _version_8(digest, keys)
    outside = np.flatnonzero((keys < 0) | (keys > LARGEST_KEY))
    return replaced(ids, outside, [*_version_5(namespace, keys[outside].tolist())])


def _version_5(namespace: uuid.UUID, keys: Iterable[object]) -> list[str]:
    return [str(uuid.uuid5(namespace, str(key))) for key in keys]


def _version_8(digest: bytes, keys: npt.NDArray[np.int64]) -> Column:
    """`dddddddd-dddd-8ddd-vkkk-kkkkkkkkkkkk`: d from the digest, v the variant and two bits of it, k the key."""
    own = digest[16:].hex()
    prefix = f"{own[:8]}-{own[8:12]}-8{own[12:15]}-{'89ab'[digest[-1] % 4]}".encode()
    digits = _HEX_PAIRS[keys.astype(">u8").view(np.uint8)].reshape(len(keys), 16)
    characters = np.empty((len(keys), _UUID_CHARACTERS), dtype=np.uint8)
    characters[:, :20] = np.frombuffer(prefix, dtype=np.uint8)
    characters[:, 20:23] = digits[:, 1:4]
    characters[:, 23] = ord("-")
    characters[:, 24:] = digits[:, 4:]
    offsets = np.arange(0, characters.size + 1, _UUID_CHARACTERS, dtype=np.int64)
    ids: Column = pa.LargeStringArray.from_buffers(len(keys), pa.py_buffer(offsets.data), pa.py_buffer(characters.data))
    return ids


@dataclass(frozen=True, slots=True)
class _Run:
    """128-bit hashes as two words each, sorted by the first word alone (equal first words: 1 in 2**64)."""

    first: Words
    second: Words

    def contains(self, first: Words, second: Words) -> Mask:
        position = np.searchsorted(self.first, first)
        found = np.zeros(len(first), dtype=np.bool_)
        open_rows = np.arange(len(first))
        while len(open_rows):
            open_rows = open_rows[position[open_rows] < len(self.first)]
            open_rows = open_rows[self.first[position[open_rows]] == first[open_rows]]
            found[open_rows] = self.second[position[open_rows]] == second[open_rows]
            open_rows = open_rows[~found[open_rows]]
            position[open_rows] += 1
        return found

    def merged(self, other: "_Run") -> "_Run":
        first = np.concatenate([self.first, other.first])
        order = np.argsort(first, kind="stable")
        return _Run(first[order], np.concatenate([self.second, other.second])[order])


class SeenIds:
    """A set of ids, kept as 128-bit hashes: 16 bytes an id, and up to 40 for the moment two runs are merged.

    Two different ids taken for one need equal 128-bit hashes: for 10**9 ids a chance of about 10**-21.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return sum(len(run.first) for run in self._runs)

    def contains(self, ids: Column) -> Mask:
        """For each id (no null) whether it was added before."""
        return self._contains(*_hashes(ids))

    def add_new(self, ids: Column) -> Mask:
        """Add the ids (no null); for each, whether it is new: its first occurrence here, and never added before."""
        first, second = _hashes(ids)
        new = _first_occurrences(first, second) & ~self._contains(first, second)
        order = np.argsort(first[new], kind="stable")
        self._append(_Run(first[new][order], second[new][order]))
        return new

    def _contains(self, first: Words, second: Words) -> Mask:
        found = np.zeros(len(first), dtype=np.bool_)
        for run in self._runs:
            found |= run.contains(first, second)
        return found

    def _append(self, run: _Run) -> None:
        """Runs at least halve in length, so there are few of them and each id is moved a few times only."""
        while self._runs and len(self._runs[-1].first) < 2 * len(run.first):
            run = self._runs.pop().merged(run)
        if len(run.first):
            self._runs.append(run)


def _first_occurrences(first: Words, second: Words) -> Mask:
    order = np.lexsort((second, first))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(first[order]) != 0) | (np.diff(second[order]) != 0)
    occurrences = np.empty_like(new)
    occurrences[order] = new
    return occurrences


def _hashes(ids: Column) -> tuple[Words, Words]:
    values: Any = ids.to_numpy(zero_copy_only=False).astype(object)
    first, second = (pd.util.hash_array(values, hash_key=key, categorize=False) for key in _HASH_KEYS)
    return first, second
