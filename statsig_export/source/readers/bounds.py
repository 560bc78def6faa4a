"""Chunks that are bounded by rows and by bytes, whatever one row weighs. Pure."""

from collections.abc import Callable, Generator, Iterable, Sequence, Sized
from typing import Any, Final, TypeAlias

import pyarrow as pa

from statsig_export.errors import SourceError

CHUNK_BYTES: Final = 16 * 2**20
"""Maximum bytes of text per chunk, but that a chunk has one row at least. Chunks of usual rows, of a kilobyte, have
fewer."""
FIRST_ROWS: Final = 16
"""Rows of the first request to a driver, before it is known what a row weighs."""

Rows: TypeAlias = Sequence[Sequence[Any]]


def require_columns(columns: Sized | None) -> None:
    """Raise SourceError where a result has no columns: it holds no rows either, and is no answer to a SELECT.

    So answers what did not take the statement for a query: an emulator, a driver that lost the schema of its result.
    """
    if not columns:
        raise SourceError(
            "the database answered a SELECT without a single column, so nothing is known of its rows",
            hint="nothing was planned: look what stands between this and the database (a pooler, a proxy, an emulator),"
            ' or try another driver, [source] reader = "plain" on PostgreSQL',
        )


def bounded_rows(fetch: Callable[[int], Rows], most: int, at_once: int) -> Generator[Rows]:
    """The rows of a cursor as chunks of at most `most` rows and about CHUNK_BYTES.

    `fetch` returns so many of the next rows, none at the end. It is asked for `at_once` at most: so many rows that are
    suddenly larger can be too many. Fewer are asked for where rows are large.
    """
    chunk: list[Sequence[Any]] = []
    weight = 0
    asked = min(FIRST_ROWS, most)
    while rows := fetch(asked):
        row_weight = weight_of(rows)
        chunk.extend(rows)
        weight += row_weight
        left = CHUNK_BYTES - weight
        average = row_weight // len(rows) + 1
        del rows  # else the last ones are held while the next are fetched
        if len(chunk) >= most or left < average:
            yield chunk
            chunk, weight, left = [], 0, CHUNK_BYTES
        asked = max(1, min(at_once, left // average, most - len(chunk)))
    if chunk:
        yield chunk


def weight_of(rows: Rows) -> int:
    """Characters of all texts; numbers, times and the like weigh nothing."""
    return sum(map(_weight, zip(*rows, strict=True)))


def bounded_batches(batches: Iterable[pa.RecordBatch], most: int) -> Generator[pa.RecordBatch]:
    """The batches, none of them empty, those that are too large cut in two until they are not."""
    for batch in batches:
        yield from _halved(batch, most)


def joined_batches(batches: Iterable[pa.RecordBatch], most: int) -> Generator[pa.RecordBatch]:
    """Small batches as fewer large ones, within the bounds."""
    waiting: list[pa.RecordBatch] = []
    rows = weight = 0
    for batch in batches:
        first = 0
        while part := batch.slice(first, most - rows):
            first += part.num_rows
            if waiting and weight + part.nbytes > CHUNK_BYTES:
                yield from _halved(_joined(waiting), most)
                waiting, rows, weight = [], 0, 0
            waiting.append(part)
            rows += part.num_rows
            weight += part.nbytes
            if rows == most:
                yield from _halved(_joined(waiting), most)
                waiting, rows, weight = [], 0, 0
    if waiting:
        yield from _halved(_joined(waiting), most)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    whole: pa.RecordBatch = pa.concat_batches(batches)  # type: ignore[attr-defined] # its stubs do not know it
    return whole


def _weight(column: Sequence[Any]) -> int:
    try:
        return sum(map(len, filter(None, column)))
    except TypeError:  # no texts, or not only
        return sum(len(value) for value in column if isinstance(value, str | bytes))


def _halved(batch: pa.RecordBatch, most: int) -> Generator[pa.RecordBatch]:
    rows = batch.num_rows
    if rows > most:
        for first in range(0, rows, most):
            yield from _halved(batch.slice(first, most), most)
    elif rows > 1 and batch.nbytes > CHUNK_BYTES:
        for part in (batch.slice(0, rows // 2), batch.slice(rows // 2)):
            yield from _halved(part, most)
    elif rows:
        yield batch
