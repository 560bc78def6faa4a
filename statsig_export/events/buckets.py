"""The hash that puts rows into buckets. Pure.

It is MD5 of the text in UTF-8, its ASCII letters small (a UUID is one in any case): the one hash that databases have in
common, defined outside of them, so that no version of theirs changes it. Its first byte is the bucket.
"""

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from statsig_export.arrow.columns import Column, Mask, values_of
from statsig_export.events.shards import Shard

NO_ID_BUCKET: Final = 0
"""Of rows without an id: their key is null, so they fail."""


def buckets_of(known_by: Column) -> npt.NDArray[np.uint8]:
    """The bucket of each text; NO_ID_BUCKET for null."""
    return np.fromiter(map(_bucket, values_of(known_by)), dtype=np.uint8, count=len(known_by))


def rows_in(shard: Shard, known_by: Column) -> Mask:
    """Which of the rows, given what each is known by (text), are in the shard."""
    buckets, mine = buckets_of(known_by), shard.buckets
    held: Mask = (buckets >= mine.start) & (buckets < mine.stop)
    return held


def _bucket(text: str | None) -> int:
    if text is None:
        return NO_ID_BUCKET
    return hashlib.md5(text.encode().lower(), usedforsecurity=False).digest()[0]
