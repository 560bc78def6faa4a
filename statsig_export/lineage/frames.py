"""What was exported and what was delivered, as frames for a notebook."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter, index
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from statsig_export.arrow.contiguous import contiguous
from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.ledger import listings
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.listings import event_files, failed_partitions
from statsig_export.ledger.records import FailedBatch, Selection
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.lineage.pruned_meanwhile import reading_files_of
from statsig_export.moments import Moment
from statsig_export.storage.files import StoredFile
from statsig_export.storage.schemas import EVENTS, QUARANTINE
from statsig_export.storage.storage import Storage
from statsig_export.windows import length_of

Listed = TypeVar("Listed")


def read_events(
    config: Config,
    start: Moment | None = None,
    end: Moment | None = None,
    categories: Iterable[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The exported events of the windows that start in [start, end), of some categories or of all.

    `start` and `end` are datetimes, dates (their midnight) or ISO 8601 texts, here as in each of these functions: in
    UTC where they have no zone, whatever the machine's is. `categories` are members of Category, or their texts.

    Columns, Arrow-backed: category and window (string), time_uuid, event_name, timestamp (int64, ms since the epoch),
    user_id, unit_id (null outside exposures), event (large_string; `event` is the JSON text as it is sent). `columns`
    reads these alone, in this order: `event` is most of every file, and counting does not need it.
    Reads the files that the ledger names: files that a killed run left behind are not read. Pruned events are missing,
    too; `status(config)` counts them. Raises ConfigError for a column, a time or a category that is none,
    PartitionFileError for a file that is lost, or whose partition was pruned while it was read.
    """
    schema = _schema_of(columns)
    selection = _selection(config, start, end, categories)
    tables = _event_tables(config, selection, schema, _CHUNK_ROWS)
    return pa.concat_tables([schema.empty_table(), *tables]).to_pandas(types_mapper=pd.ArrowDtype)


def event_chunks(
    config: Config,
    start: Moment | None = None,
    end: Moment | None = None,
    categories: Iterable[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
    rows: int = 100_000,
) -> Iterator[pd.DataFrame]:
    """What `read_events` reads, in frames of at most `rows` rows of one partition file: memory is bounded by a chunk,
    however much was exported. Raises the same; the frames before it are whole.
    """
    schema = _schema_of(columns)
    selection = _selection(config, start, end, categories)
    tables = _event_tables(config, selection, schema, _checked_rows(rows))
    return (table.to_pandas(types_mapper=pd.ArrowDtype) for table in tables)


def partition_files(config: Config, start: Moment | None = None, end: Moment | None = None) -> pd.DataFrame:
    """The partition files of the windows that start in [start, end), oldest first: one per generation, no pruned ones.

    Columns: category, window, start and end of the window (datetime64, UTC), generation, rows (events), bytes, file
    (its URI), digest (sha256), exported (when its export run ended; datetime64, UTC), export_run (the orchestrator's
    id of that run where it has one, else our own).
    """
    files = [
        {
            "category": file.category.value,
            "window": file.window,
            "start": file.window_start_ms,
            "generation": file.generation,
            "rows": file.rows,
            "bytes": file.bytes,
            "file": file.path,
            "digest": file.digest,
            "exported": file.exported_ms,
            "export_run": file.orchestrator_run or file.export_run,
        }
        for file in _listed(config, event_files, _selection(config, start, end))
    ]
    frame = _frame(files, _FILES)
    lengths = pd.to_timedelta([length_of(window) for window in frame["window"]])
    frame.insert(3, "end", frame["start"] + lengths)
    with Storage(config.storage_url()) as storage:
        frame["file"] = pd.Series([storage.uri(file) for file in frame["file"]], dtype=_TEXT)
    return frame


def failed_rows(config: Config, start: Moment | None = None, end: Moment | None = None) -> pd.DataFrame:
    """Every failed row of the windows that start in [start, end), oldest window first: as many as `failed` counts in
    the partitions that were not pruned.

    Columns, Arrow-backed large_string: category, window, row_key, time_uuid, reason, detail; nothing of what a row
    holds. Rows that could not become events come first in their partition, as its latest export saw them; time_uuid is
    null where it is not known. Then the events that failed in delivery: row_key is null, reason the outcome, detail
    the webhook's answer.
    """
    selection = _selection(config, start, end)
    tables = [_NO_FAILED]
    with Storage(config.storage_url()) as storage:
        for partition in _listed(config, failed_partitions, selection):
            label = partial(_labelled, category=partition.category.value, window=partition.window)
            with reading_files_of(config, selection, partition.category, partition.window):
                if partition.quarantine is not None:
                    tables.append(label(storage.read_table(partition.quarantine), schema=_NO_FAILED.schema))
                for file, of_file in groupby(partition.batches, key=attrgetter("file")):
                    tables.append(label(_undelivered(storage, file, of_file), schema=_NO_FAILED.schema))
    return pa.concat_tables(tables).to_pandas(types_mapper=pd.ArrowDtype)


def deliveries(config: Config, start: Moment | None = None, end: Moment | None = None) -> pd.DataFrame:
    """Every attempt to deliver a batch of the windows that start in [start, end), oldest first; of partitions that were
    pruned none is left.

    Columns: category, window, batch_id, rows (events), body_bytes, state (of the batch now), attempt (1 for the
    first), started (datetime64, UTC), finished (likewise; null while under way), outcome (null while under way), status
    (HTTP, nullable), latency_ms, ship_run, replay (whether the batch sends again what another one delivered).
    """
    attempts = _listed(config, listings.deliveries, _selection(config, start, end))
    frame = _frame(attempts, _DELIVERIES)
    return frame.rename(columns={"started_ms": "started", "finished_ms": "finished"})


_TEXT, _MS = "str", "ms since the epoch"
_FILES = {
    "category": _TEXT,
    "window": _TEXT,
    "start": _MS,
    "generation": "int64",
    "rows": "int64",
    "bytes": "int64",
    "file": _TEXT,
    "digest": _TEXT,
    "exported": _MS,
    "export_run": _TEXT,
}
"""Column -> its type, also where the frame is empty, or nothing of a column is known yet."""
_DELIVERIES = {
    "category": _TEXT,
    "window": _TEXT,
    "batch_id": _TEXT,
    "rows": "int64",
    "body_bytes": "int64",
    "state": _TEXT,
    "attempt": "int64",
    "started_ms": _MS,
    "finished_ms": _MS,
    "outcome": _TEXT,
    "status": "Int64",
    "latency_ms": "float64",
    "ship_run": _TEXT,
    "replay": "bool",
}
"""The fields of `Delivery`, likewise."""
_LABELS = pa.schema([("category", pa.large_string()), ("window", pa.large_string())])
_EVENTS = pa.schema([*_LABELS, *EVENTS])
_CHUNK_ROWS = 100_000
_MOST_ROWS = 2**31
"""In one chunk: more than a file has, and a number that Arrow takes."""
_NO_FAILED = pa.schema([*_LABELS, *QUARANTINE]).empty_table()


def _selection(
    config: Config, start: Moment | None, end: Moment | None, categories: Iterable[str] | None = None
) -> Selection:
    return Selection.between(config.webhook.name, start, end, categories)


def _listed(
    config: Config, listing: Callable[[LedgerDatabase, Selection], Sequence[Listed]], selection: Selection
) -> Sequence[Listed]:
    """What a listing of the ledger has; nothing where there is no ledger yet."""
    with ledger_to_read(config) as ledger:
        return [] if ledger is None else listing(ledger.database, selection)


def _schema_of(columns: Sequence[str] | None) -> pa.Schema:
    if columns is None:
        return _EVENTS
    hint = f"they have {', '.join(_EVENTS.names)}"
    if isinstance(columns, str):
        raise ConfigError("columns are a list of names, not one text", hint=hint)
    names = list(columns)
    for number, name in enumerate(names):
        if name not in _EVENTS.names:
            raise ConfigError(f"events have no column {name!r}", hint=hint)
        if name in names[:number]:
            raise ConfigError(f"the column {name!r} is asked for twice", hint="a frame has each once")
    return pa.schema([_EVENTS.field(name) for name in names])


def _checked_rows(rows: int) -> int:
    try:
        count = index(rows)
    except TypeError:
        count = 0
    if count < 1:
        raise ConfigError("rows is how many rows a frame has at most", hint="a whole number, 1 or more")
    return min(count, _MOST_ROWS)


def _event_tables(config: Config, selection: Selection, schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """The events of these partitions, chunk by chunk."""
    files = _listed(config, event_files, selection)
    if not files:
        return
    stored = [name for name in schema.names if name not in _LABELS.names]
    with Storage(config.storage_url()) as storage:
        for file in files:
            chunks = storage.read_chunks(file.stored, stored or EVENTS.names[:1], rows)
            while True:
                with reading_files_of(config, selection, file.category, file.window):
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                yield _labelled(chunk, file.category.value, file.window, schema)


def _labelled(rows: pa.Table, category: str, window: str, schema: pa.Schema) -> pa.Table:
    """The columns of the schema: those that are not the labels are the rows' own."""
    labels = {"category": category, "window": window}
    columns = [
        pa.array([labels[name]] * rows.num_rows, pa.large_string()) if name in labels else rows[name]
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _frame(rows: Sequence[tuple[Any, ...] | dict[str, Any]], types: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a frame, each column of its type; ms become times in UTC."""
    frame = pd.DataFrame(rows, columns=list(types))
    moments = [name for name, kind in types.items() if kind == _MS]
    times = {name: pd.to_datetime(frame[name].astype("Int64"), unit="ms", utc=True) for name in moments}
    return frame.assign(**times).astype({name: kind for name, kind in types.items() if kind != _MS})


def _undelivered(storage: Storage, file: StoredFile, failed: Iterable[FailedBatch]) -> pa.Table:
    """The events of a partition file whose batches failed, as rows of a quarantine."""
    ids = pa.chunked_array(storage.read_column(file, "time_uuid"), pa.large_string())
    tables = []
    for batch in failed:
        uuids = contiguous(ids.slice(batch.first_row, batch.rows))
        said = [pa.array([text] * batch.rows, pa.large_string()) for text in (batch.outcome, batch.reason)]
        tables.append(pa.Table.from_arrays([pa.nulls(batch.rows, pa.large_string()), uuids, *said], schema=QUARANTINE))
    return pa.concat_tables(tables)
