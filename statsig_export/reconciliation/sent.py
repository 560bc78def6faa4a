"""Reads the ids of what was sent out of the partition files."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from statsig_export.arrow.columns import TEXT, column
from statsig_export.errors import PartitionFileError
from statsig_export.reconciliation.buckets import Buckets
from statsig_export.reconciliation.comparison import KNOWN, SENT
from statsig_export.reconciliation.id_hashes import id_hashes
from statsig_export.reconciliation.segments import Segment
from statsig_export.storage.files import StoredFile
from statsig_export.storage.storage import Storage

File = tuple[int, int]
"""Partition and generation."""
_ROWS = 100_000
"""Rows of a file at a time."""


def add_sent(
    storage: Storage,
    files: Mapping[File, StoredFile],
    known: Sequence[Segment],
    numbers: Mapping[Segment, int],
    sent: Buckets,
) -> dict[File, PartitionFileError]:
    """Add the ids of these segments to `sent`, each with its number, or KNOWN where it has none. A file that is lost
    costs its own segments: it is returned with its error. Raises StorageError.
    """
    by_file: dict[File, list[Segment]] = defaultdict(list)
    for segment in known:
        by_file[segment.partition, segment.generation].append(segment)
    lost = {}
    for file, of_file in by_file.items():
        try:
            for records in _records(storage, files[file], of_file, numbers):
                sent.add(records)
        except PartitionFileError as error:
            lost[file] = error
    return lost


def _records(
    storage: Storage, file: StoredFile, of_file: Sequence[Segment], numbers: Mapping[Segment, int]
) -> Iterator["np.ndarray[tuple[int], np.dtype[np.void]]"]:
    """The rows of a file that are in one of its segments, which are in their order and do not overlap."""
    begins = np.array([segment.first_row for segment in of_file], np.int64)
    ends = begins + np.array([segment.rows for segment in of_file], np.int64)
    labels = np.array([numbers.get(segment, KNOWN) for segment in of_file], np.int32)
    offset = 0
    for chunk in storage.read_chunks(file, ["time_uuid"], _ROWS):
        rows = np.arange(offset, offset + chunk.num_rows, dtype=np.int64)
        offset += chunk.num_rows
        place = np.searchsorted(begins, rows, side="right") - 1
        within = (place >= 0) & (rows < ends[place])
        place = place[within]
        records = np.zeros(len(place), SENT)
        first, second = id_hashes(column(chunk, "time_uuid", TEXT))
        records["first"], records["second"] = first[within], second[within]
        records["segment"], records["row"] = labels[place], rows[within] - begins[place]
        yield records
