"""Cutting a partition into request bodies: row ranges bounded by count and by the bytes of the final body.

Pure and incremental: encoded events go in as they come, finished batches come out, and at most one batch's bytes are
held back. The cut depends on nothing but the order of the events and the two limits, so an equal partition is cut
into equal batches.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

BRACKETS = 2
"""Bytes of `[` and `]`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of one partition file, and what the body made of them weighs and is called."""

    batch_id: str
    first_row: int
    rows: int
    body_bytes: int


def body(events: Iterable[bytes]) -> bytes:
    """The request body: a JSON array of the events' texts as they are stored."""
    return b"[" + b",".join(events) + b"]"


def batch_id(destination: str, request_body: bytes) -> str:
    """Names a batch by where it goes and what it says: same id, same bytes."""
    return hashlib.sha256(destination.encode() + b"\0" + request_body).hexdigest()


class Batcher:
    """Cuts a stream of events into batches. `add` yields those that are full, `close` the last one."""

    def __init__(self, destination: str, max_events: int, max_bytes: int) -> None:
        self._destination = destination
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._first_row = 0
        self._events: list[bytes] = []
        self._bytes = BRACKETS

    def add(self, events: Iterable[bytes]) -> Iterator[Batch]:
        """Take the next events, in order. Each must fit into a body by itself (encoding.py sees to it)."""
        for event in events:
            comma = 1 if self._events else 0
            if self._events and (
                len(self._events) == self._max_events or self._bytes + comma + len(event) > self._max_bytes
            ):
                yield self._cut()
                comma = 0
            self._events.append(event)
            self._bytes += comma + len(event)

    def close(self) -> Iterator[Batch]:
        """The last batch, once; nothing when no event is held back."""
        if self._events:
            yield self._cut()

    def _cut(self) -> Batch:
        request_body = body(self._events)
        batch = Batch(batch_id(self._destination, request_body), self._first_row, len(self._events), len(request_body))
        self._first_row += batch.rows
        self._events = []
        self._bytes = BRACKETS
        return batch


def halve(destination: str, first_row: int, events: Sequence[bytes]) -> tuple[Batch, Batch]:
    """The two batches that take the place of one that was too large or held a rejected event.

    `events` are the texts of the rows from `first_row` on; there are at least two.
    """
    middle = len(events) // 2
    halves = []
    for start, part in ((0, events[:middle]), (middle, events[middle:])):
        request_body = body(part)
        halves.append(Batch(batch_id(destination, request_body), first_row + start, len(part), len(request_body)))
    return halves[0], halves[1]
