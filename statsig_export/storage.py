"""The partition files: immutable Parquet, named by their content, durable before anything refers to them.

    <storage>/events/category=<c>/window=<w>/<generation>-<digest>.parquet       EVENTS, what is sent
    <storage>/quarantine/category=<c>/window=<w>/<digest>.parquet                QUARANTINE, rows that failed

A file is written under a temporary name on this machine, synced, and then moved (or uploaded) to its name. The ledger
names a file only after that, so a file the ledger names is whole, and one it does not name was never promised.
"""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

import hashlib
import os
import re
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from statsig_export.contiguous import contiguous
from statsig_export.errors import LedgerError
from statsig_export.events import Category
from statsig_export.partitions import StoredFile
from statsig_export.testing.crash import CrashPoint, reach

_EVENT_FIELDS: list[pa.Field[Any]] = [
    pa.field("time_uuid", pa.large_string(), nullable=False),
    pa.field("event_name", pa.large_string(), nullable=False),
    pa.field("timestamp", pa.int64(), nullable=False),  # ms since the epoch
    pa.field("user_id", pa.large_string(), nullable=False),
    pa.field("unit_id", pa.large_string()),  # exposures only
    pa.field("event", pa.large_string(), nullable=False),  # the JSON text exactly as it is sent
]
EVENTS: Final = pa.schema(_EVENT_FIELDS)
QUARANTINE: Final = pa.schema(
    [
        pa.field("row_key", pa.large_string()),
        pa.field("time_uuid", pa.large_string()),
        pa.field("reason", pa.large_string(), nullable=False),
        pa.field("detail", pa.large_string()),
    ]
)
ROW_GROUP = 5_000
"""Rows a row group: what a reader holds in memory at once."""
_OPEN_FILES = 8
_PARTITION_FILE: Final = re.compile(r"(events|quarantine)/category=[^/]+/window=[^/]+/[^/]+\.parquet")
_TEMPORARY_FILE: Final = re.compile(r"\.new-[^/]+\.parquet")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the storage says of a file."""

    bytes: int
    modified: datetime | None
    """When it was last written; None where this kind of storage does not tell."""


class Storage:
    """A folder or bucket of partition files. Raises LedgerError when it cannot be read or written."""

    def __init__(self, url: str) -> None:
        self.url = url
        with _storage_errors("the storage"):
            self._fs, root = fsspec.core.url_to_fs(url)
        self._root = root.rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)
        self._readers: OrderedDict[str, EventReader] = OrderedDict()
        self._lock = Lock()

    def uri(self, path: str) -> str:
        """Where a reader outside this library finds the file."""
        return str(self._fs.unstrip_protocol(f"{self._root}/{path}"))

    def new_file(self, schema: pa.Schema) -> NewFile:
        """A file to be filled; nothing of it can be seen before `publish`."""
        with _storage_errors("a temporary file"):
            if self._local:
                Path(self._root).mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new-", suffix=".parquet", dir=self._root if self._local else None)
            os.close(handle)
        return NewFile(self, Path(name), schema)

    def read_events(self, path: str, first_row: int, rows: int) -> pa.Array[Any]:
        """The JSON texts (large_string) of consecutive rows of an events file. Safe to call from several threads."""
        with self._lock:
            reader = self._readers.pop(path, None)
            if reader is None:
                with _storage_errors(path):
                    reader = EventReader(self._parquet(path))
            self._readers[path] = reader
            while len(self._readers) > _OPEN_FILES:
                self._readers.popitem(last=False)[1].close()
            with _storage_errors(path):
                return reader.read(first_row, rows)

    def read_column(self, path: str, column: str) -> Iterator[pa.Array[Any]]:
        """One column of a file, row group by row group."""
        with _storage_errors(path), self._parquet(path) as file:
            for group in range(file.num_row_groups):
                yield contiguous(file.read_row_group(group, columns=[column], use_threads=False).column(0))

    def read_chunks(self, path: str, columns: list[str], rows: int) -> Iterator[pa.Table]:
        """Some columns of a file, at least one, at most `rows` rows at a time."""
        with _storage_errors(path), self._parquet(path) as file:
            for batch in file.iter_batches(rows, columns=columns):
                yield pa.Table.from_batches([batch]).select(columns)

    def find(self, path: str, column: str, value: str) -> int | None:
        """The first row of a file whose text `column` equals `value`. Safe to call from several threads.

        Reads that column alone, and of it no row group whose least and greatest text leave the value out.
        """
        with _storage_errors(path), self._parquet(path) as file:
            position = file.schema_arrow.get_field_index(column)
            before = 0
            for group in range(file.num_row_groups):
                facts = file.metadata.row_group(group)
                if _may_hold(facts.column(position).statistics, value):
                    texts = file.read_row_group(group, columns=[column], use_threads=False).column(0)
                    row = texts.index(value).as_py()
                    if row >= 0:
                        return before + int(row)
                before += facts.num_rows
        return None

    def read_row(self, path: str, row: int, columns: list[str]) -> dict[str, Any]:
        """Some columns of one row of a file."""
        with _storage_errors(path), self._parquet(path) as file:
            begin = 0
            for group in range(file.num_row_groups):
                end = begin + file.metadata.row_group(group).num_rows
                if row < end:
                    table = file.read_row_group(group, columns=columns, use_threads=False)
                    return dict(table.slice(row - begin, 1).to_pylist()[0])
                begin = end
            raise pa.ArrowInvalid(f"row {row} of {begin}")

    def read_table(self, path: str) -> pa.Table:
        """A whole file."""
        with _storage_errors(path), self._fs.open(f"{self._root}/{path}", "rb") as source:
            return pq.read_table(source)

    def digest(self, path: str) -> str:
        """sha256 of a file's bytes, 64 hex digits."""
        with _storage_errors(path), self._fs.open(f"{self._root}/{path}", "rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()

    def facts(self, path: str) -> FileFacts | None:
        """What the storage says of a file now; None where there is none."""
        with _storage_errors(path):
            target = f"{self._root}/{path}"
            self._fs.invalidate_cache(target)  # what was listed before may be gone
            try:
                size = self._fs.size(target)
                return FileFacts(int(size or 0), self._modified(target))
            except FileNotFoundError:
                return None

    def partition_files(self) -> Iterator[str]:
        """Every file that lies where partition files do, whether the ledger names it or not."""
        return self._walk(_PARTITION_FILE, None)

    def temporary_files(self) -> Iterator[str]:
        """What `new_file` has made here and nobody has published or removed."""
        return self._walk(_TEMPORARY_FILE, 1)

    def remove(self, path: str) -> None:
        """Remove a file, and the folder of its window with the last of them; nothing where it is gone already."""
        with _storage_errors(path):
            target = f"{self._root}/{path}"
            with suppress(FileNotFoundError):
                self._fs.rm_file(target)
            if self._local and "/" in path:
                with suppress(OSError):  # there are other files
                    Path(target).parent.rmdir()

    def _parquet(self, path: str) -> pq.ParquetFile:
        """Arrow opens it: by itself on this machine, through fsspec elsewhere; and closes it again."""
        return pq.ParquetFile(f"{self._root}/{path}", filesystem=self._fs)

    def _walk(self, pattern: re.Pattern[str], depth: int | None) -> Iterator[str]:
        with _storage_errors("the storage"):
            self._fs.invalidate_cache()
            for folder, _, names in self._fs.walk(self._root, maxdepth=depth, on_error=_unless_gone):
                paths = [f"{folder}/{name}".removeprefix(f"{self._root}/") for name in names]
                yield from (path for path in paths if pattern.fullmatch(path))

    def _modified(self, target: str) -> datetime | None:
        try:
            modified: datetime = self._fs.modified(target)
        except NotImplementedError:
            return None
        return modified if modified.tzinfo else modified.replace(tzinfo=UTC)

    def close(self) -> None:
        with self._lock:
            while self._readers:
                self._readers.popitem()[1].close()

    def _install(self, temporary: Path, path: str) -> None:
        target = f"{self._root}/{path}"
        if not self._local:
            self._fs.put_file(str(temporary), target)
            temporary.unlink()
            return
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
        reach(CrashPoint.FILE_RENAMED)
        _sync_folder(Path(target).parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class NewFile:
    """A file being written. Rows are gathered into row groups of at least ROW_GROUP; leaving without
    `publish` removes it.
    """

    def __init__(self, storage: Storage, temporary: Path, schema: pa.Schema) -> None:
        self._storage = storage
        self._temporary = temporary
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._writer = pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=1)
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Append rows; columns the schema does not have are left out."""
        if table.num_rows:
            self._waiting.append(table.select(self._schema.names).cast(self._schema))
            self.rows += table.num_rows
        if sum(waiting.num_rows for waiting in self._waiting) >= ROW_GROUP:
            self._write_group()

    def publish(self, kind: str, category: Category, window_key: str, generation: int | None = None) -> StoredFile:
        """Make the file durable under its final name."""
        with _storage_errors(kind):
            self._write_group()
            self._writer.close()
            reach(CrashPoint.FILE_WRITTEN)
            with self._temporary.open("rb+") as file:
                os.fsync(file.fileno())
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
            reach(CrashPoint.FILE_SYNCED)
            name = digest[:16] if generation is None else f"{generation:04d}-{digest[:16]}"
            path = f"{kind}/category={category.value}/window={window_key}/{name}.parquet"
            self._storage._install(self._temporary, path)  # noqa: SLF001  the two are one unit
        return StoredFile(path, digest, size, self.rows)

    def discard(self) -> None:
        """Remove what was written; harmless after `publish`."""
        self._writer.close()
        self._temporary.unlink(missing_ok=True)

    def _write_group(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._waiting = []
            with _storage_errors("a partition file"):
                self._writer.write_table(table, row_group_size=table.num_rows)


class EventReader:
    """Reads ranges of an events file and keeps the last row group, since ranges are read in order."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self._starts = [0]
        for group in range(file.num_row_groups):
            self._starts.append(self._starts[-1] + file.metadata.row_group(group).num_rows)
        self._group = -1
        self._events: pa.Array[Any] = pa.array([], pa.large_string())

    def read(self, first_row: int, rows: int) -> pa.Array[Any]:
        end = first_row + rows
        if end > self._starts[-1]:
            raise pa.ArrowInvalid(f"rows up to {end} of {self._starts[-1]}")
        texts = []
        for group, (start, stop) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            if start < end and stop > first_row:
                events = self._load(group)
                begin = max(first_row - start, 0)
                texts.append(events.slice(begin, min(end, stop) - start - begin))
        return contiguous(pa.chunked_array(texts, pa.large_string()))

    def close(self) -> None:
        self._file.close(force=True)

    def _load(self, group: int) -> pa.Array[Any]:
        if group != self._group:
            table = self._file.read_row_group(group, columns=["event"], use_threads=False)
            self._events = contiguous(table.column(0))
            self._group = group
        return self._events


def _may_hold(statistics: pq.Statistics | None, value: str) -> bool:
    """Whether a column chunk with these statistics can hold a text; they order texts as Python does."""
    least, greatest = (statistics.min, statistics.max) if statistics else (None, None)
    return least is None or greatest is None or bool(least <= value <= greatest)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ImportError, pa.ArrowException) as error:
        raise LedgerError(
            f"{what} cannot be read or written ({type(error).__name__})", hint="check [storage] url and the disk"
        ) from None


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
