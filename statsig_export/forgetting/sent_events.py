"""Which of the events that are taken out of a partition were sent, or may have been."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import numpy as np

from statsig_export.arrow.columns import Mask
from statsig_export.forgetting.reports import SentEvent
from statsig_export.ledger.arrivals import SentBatch
from statsig_export.reconciliation.segments import Segment, segments
from statsig_export.storage.files import StoredFile
from statsig_export.storage.schemas import ROW_GROUP
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category

_COLUMNS = ["time_uuid", "event_name", "timestamp"]


def sent_events(
    storage: Storage,
    of: tuple[Category, str],
    files: Mapping[int, StoredFile],
    taken: Mapping[int, Mask],
    batches: list[SentBatch],
) -> Iterator[SentEvent]:
    """Of the rows `taken` of these files (both by generation), in their order; `of` is the partition's category and the
    key of its window, `batches` are all that it has.
    """
    known = list(segments(batches))
    for generation, mask in taken.items():
        mine = sorted((one for one in known if one.generation == generation), key=lambda one: one.first_row)
        if mask.any() and mine:
            yield from _of_file(storage, of, files[generation], mask, mine)


def _of_file(
    storage: Storage, of: tuple[Category, str], file: StoredFile, taken: Mask, known: list[Segment]
) -> Iterator[SentEvent]:
    begins = np.array([segment.first_row for segment in known], np.int64)
    offset = 0
    for chunk in storage.read_chunks(file, _COLUMNS, ROW_GROUP):
        rows = np.flatnonzero(taken[offset : offset + chunk.num_rows])
        if len(rows):
            places = np.searchsorted(begins, rows + offset, side="right") - 1
            for row, place, event in zip(rows.tolist(), places.tolist(), chunk.take(rows).to_pylist(), strict=True):
                segment = known[place]
                if place >= 0 and row + offset < segment.first_row + segment.rows:
                    yield _sent(of, segment, event)
        offset += chunk.num_rows


def _sent(of: tuple[Category, str], segment: Segment, event: Mapping[str, object]) -> SentEvent:
    category, window = of
    return SentEvent(
        time_uuid=str(event["time_uuid"]),
        event_name=str(event["event_name"]),
        category=category.value,
        window=window,
        timestamp=_moment(int(str(event["timestamp"]))),
        first_sent=_moment(segment.sent_ms),
        last_sent=_moment(segment.ended_ms),
        delivered=segment.forwarded,
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
