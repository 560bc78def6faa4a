"""A partition without somebody: its files written again, and what its batches are then.

Rows keep their order and row groups are cut as ever, so what is written is what an export without these rows would
write: the source can make the file again (export/repair.py).
"""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Mask, column
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.batches import batch_id, body
from statsig_export.events.forgotten import of_events
from statsig_export.events.people import USER, Forgotten
from statsig_export.ledger.forgetting import Contents, Rows
from statsig_export.storage.files import KnownFile, StoredFile
from statsig_export.storage.schemas import EVENTS, ROW_GROUP
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category

_ROWS: Final = 50_000
"""Rows of a file at a time, where only ids are read."""


def rows_of(storage: Storage, file: KnownFile, people: Forgotten) -> Mask:
    """Which rows of a file are of these people. Raises PartitionFileError, StorageError."""
    alone = set(people.digests) <= {USER}
    found = [np.zeros(0, np.bool_)]
    names = ["user_id"] if alone else ["user_id", "event"]
    for chunk in storage.read_chunks(file, names, _ROWS if alone else ROW_GROUP):
        user_id = column(chunk, "user_id", TEXT)
        found.append(of_events(people, user_id, user_id if alone else column(chunk, "event", TEXT)))
    return np.concatenate(found)


def write_without(storage: Storage, file: StoredFile, taken: Mask, place: tuple[Category, str, int]) -> StoredFile:
    """Write a file again without the rows `taken`, under the name of its content; `place` is its category, the key of
    its window and its generation. The old file stays. Raises PartitionFileError, StorageError.
    """
    new, offset = storage.new_file(EVENTS), 0
    try:
        for chunk in storage.read_chunks(file, EVENTS.names, ROW_GROUP):
            kept = ~taken[offset : offset + chunk.num_rows]
            offset += chunk.num_rows
            new.add(chunk if kept.all() else chunk.filter(pa.array(kept)))
        category, window, generation = place
        written = new.publish("events", category, window, generation)
    finally:
        new.discard()
    reach(CrashPoint.REWRITTEN)
    return written


def changed_batches(
    storage: Storage, destination: str, before: Contents, taken: Mapping[int, Mask], files: Mapping[int, StoredFile]
) -> list[Rows]:
    """The batches that have other rows, or stand elsewhere, in the new `files` (by generation); `taken` are the rows
    that these have not. A batch of which rows are left is named after the body that they make.
    """
    left = {generation: _rows_before(mask) for generation, mask in taken.items() if generation in files}
    changed: list[Rows] = []
    made: dict[tuple[int, int, int], tuple[str, int]] = {}
    for batch in _in_order(before.batches):
        if batch.generation not in left:
            continue
        rows_before = left[batch.generation]
        first, end = (int(rows_before[row]) for row in (batch.first_row, batch.first_row + batch.rows))
        now = replace(batch, first_row=first, rows=end - first)
        if now.rows and now.rows != batch.rows:
            place = (batch.generation, first, now.rows)
            if place not in made:
                request_body = body(storage.read_events(files[batch.generation], first, now.rows))
                made = {place: (batch_id(destination, request_body), len(request_body))}  # its replays come next
            now = replace(now, batch_id=made[place][0], body_bytes=made[place][1])
        if now != batch:
            changed.append(now)
    return changed


def _in_order(batches: Sequence[Rows]) -> list[Rows]:
    return sorted(batches, key=lambda batch: (batch.generation, batch.first_row, batch.rows, batch.id))


def _rows_before(taken: Mask) -> npt.NDArray[np.int64]:
    """For each row, and for the end, how many rows that are left come before it."""
    return np.concatenate([[0], np.cumsum(~taken)]).astype(np.int64)
