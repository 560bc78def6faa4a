"""Cutting a partition into request bodies: row ranges bounded by count and by the bytes of the final body.

Pure and incremental: encoded events go in as they come, finished batches come out, and at most one batch's bytes are
held back. The cut depends on nothing but the order of the events and the two limits, so an equal partition is cut
into equal batches.
"""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

import hashlib
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute

from statsig_export.arrow.contiguous import contiguous
from statsig_export.delivery.batch import Batch

Texts: TypeAlias = "pa.Array[Any]"
"""Events as JSON texts, one per entry, none null: large_string or large_binary."""

BRACKETS = 2
"""Bytes of `[` and `]`."""
_pc: Final[Any] = pyarrow.compute
"""Untyped: its stubs know fewer types than its kernels take."""


def _offsets(*values: int) -> pa.Buffer:
    return pa.py_buffer(np.array(values, np.int64).tobytes())


_COMMA: Final = pa.Array.from_buffers(pa.large_binary(), 1, [None, _offsets(0, 1), pa.py_buffer(b",")])[0]
"""Made of buffers, as are the bounds of a list below: pa.scalar and pa.array import pandas, to know whether they are
given something of it, and a process that ships needs none."""


def body(events: Texts) -> bytes:
    """The request body: a JSON array of the events' texts as they are stored."""
    return b"".join(_parts(events))


def batch_id(destination: str, *request_body: bytes | pa.Buffer) -> str:
    """The id of a batch, from its destination and body (in any number of parts): same id, same bytes."""
    digest = hashlib.sha256(destination.encode() + b"\0")
    for part in request_body:
        digest.update(part)
    return digest.hexdigest()


def _parts(events: Texts) -> tuple[bytes, pa.Buffer, bytes]:
    """The body in parts, of which the events are not copied once more."""
    bounds: Any = pa.Array.from_buffers(pa.int64(), 2, [None, _offsets(0, len(events))])
    one_list = pa.LargeListArray.from_arrays(bounds, events.cast(pa.large_binary()))
    return b"[", _pc.binary_join(one_list, _COMMA)[0].as_buffer(), b"]"


class Batcher:
    """Cuts a stream of events into batches. `add` yields those that are full, `close` the last one."""

    def __init__(self, destination: str, max_events: int, max_bytes: int) -> None:
        self._destination = destination
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._first_row = 0
        self._held: Texts = pa.array([], pa.large_binary())

    def add(self, events: Texts) -> Iterator[Batch]:
        """Take the next events, in order. Each must fit into a body by itself (events/encoding.py ensures it)."""
        stream = pa.chunked_array([self._held, events.cast(pa.large_binary())])
        begin = 0
        for end in self._ends(stream):
            yield self._cut(contiguous(stream.slice(begin, end - begin)))
            begin = end
        self._held = pa.concat_arrays(stream.slice(begin).chunks)  # a copy: a slice would hold on to all of the events

    def close(self) -> Iterator[Batch]:
        """The last batch, once; nothing when no event is held back."""
        if len(self._held):
            yield self._cut(self._held)
            self._held = self._held.slice(len(self._held))

    def _ends(self, events: pa.ChunkedArray[Any]) -> Iterator[int]:
        """Where each batch ends that another event follows."""
        sizes = _pc.binary_length(events).to_numpy() + 1  # a comma after each, or a bracket
        total = np.concatenate([[0], np.cumsum(sizes)])
        begin = 0
        while begin < len(events):
            room = total[begin] + self._max_bytes - 1  # the other bracket
            fitting = int(np.searchsorted(total, room, side="right")) - 1
            begin = min(max(fitting, begin + 1), begin + self._max_events)
            if begin < len(events):
                yield begin

    def _cut(self, events: Texts) -> Batch:
        parts = _parts(events)
        size = BRACKETS + parts[1].size
        batch = Batch(batch_id(self._destination, *parts), self._first_row, len(events), size)
        self._first_row += batch.rows
        return batch


def halve(destination: str, first_row: int, events: Texts) -> tuple[Batch, Batch]:
    """The two batches that take the place of one that was too large or held a rejected event.

    `events` are the texts of the rows from `first_row` on; there are at least two.
    """
    middle = len(events) // 2
    halves = []
    for start, part in ((0, events.slice(0, middle)), (middle, events.slice(middle))):
        request_body = body(part)
        halves.append(Batch(batch_id(destination, request_body), first_row + start, len(part), len(request_body)))
    return halves[0], halves[1]
