"""A partition file being written: under a temporary name on this machine, until it is published.

Equal rows make equal bytes, however they came: row groups are cut by the count of rows and by their bytes, whatever
the chunks were.
"""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import StorageError
from statsig_export.storage.errors import cause_at
from statsig_export.storage.files import DIGITS_IN_NAME, StoredFile
from statsig_export.storage.schemas import GROUP_BYTES, NEVER_SOUGHT, REPEATED
from statsig_export.vocabulary import Category

SCRATCH_PREFIX: Final = "statsig-export-"
"""Of temporary files in the machine's folder for such: those of a storage that is not on this machine."""

_pc: Final[Any] = pyarrow.compute
"""Untyped: its stubs know fewer types than its kernels take."""

Install = Callable[[Path, str], None]
"""Makes a temporary file durable under a path of the storage, and leaves no temporary file."""


class NewFile:
    """A file being written; leaving without `publish` removes it. Raises StorageError where it cannot be written."""

    def __init__(self, folder: Path | None, schema: pa.Schema, row_group: int, install: Install) -> None:
        """`folder` is the storage's own, on this machine; None: the machine's folder for temporary files."""
        self._install = install
        self._schema = schema
        self._row_group = row_group
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._temporary = _create(folder)
        self.rows = 0
        try:
            with writing(self._temporary.parent):
                self._writer = _parquet_writer(self._temporary, schema)
        except BaseException:  # whatever it was goes on its way, but leaves no file behind
            self._temporary.unlink(missing_ok=True)
            raise

    def add(self, table: pa.Table) -> None:
        """Append rows; columns the schema does not have are left out."""
        if table.num_rows:
            self._waiting.append(table.select(self._schema.names).cast(self._schema))
            self._waiting_bytes += self._waiting[-1].nbytes
            self.rows += table.num_rows
        if sum(waiting.num_rows for waiting in self._waiting) >= self._row_group or self._waiting_bytes > GROUP_BYTES:
            self._write_groups()

    def publish(self, kind: str, category: Category, window_key: str, generation: int | None = None) -> StoredFile:
        """Make the file durable under the name that its content gives it."""
        digest, size = self.finish()
        first = size if generation is None else f"{generation:04d}"
        path = f"{kind}/category={category.value}/window={window_key}/{first}-{digest[:DIGITS_IN_NAME]}.parquet"
        self.install(path)
        return StoredFile(path, digest, size, self.rows)

    def finish(self) -> tuple[str, int]:
        """End the file and make it durable under its temporary name. Returns its digest (sha256) and its bytes."""
        self._write_groups(last=True)
        with writing(self._temporary.parent):
            self._writer.close()
            reach(CrashPoint.FILE_WRITTEN)
            with self._temporary.open("rb+") as file:
                os.fsync(file.fileno())
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
            reach(CrashPoint.FILE_SYNCED)
        return digest, size

    def install(self, path: str) -> None:
        """Give the finished file its name in the storage."""
        self._install(self._temporary, path)

    def discard(self) -> None:
        """Remove what was written; harmless after `publish`. A file that could not be written can fail to be closed."""
        with suppress(OSError, ValueError, pa.ArrowException):
            self._writer.close()
        self._writer.is_open = False  # else it tries once more when it is collected, and says so on standard error
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _write_groups(self, *, last: bool = False) -> None:
        """Write the row groups that are full, and with `last` the rest; else it waits on."""
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        begin = 0
        with writing(self._temporary.parent):
            for end in _ends(table, self._row_group):
                if end == table.num_rows and end - begin < self._row_group and not last:
                    break
                group = table.slice(begin, end - begin).combine_chunks()  # pages are cut anew where a chunk begins
                self._writer.write_table(group, row_group_size=self._row_group)
                begin = end
        self._waiting = [table.slice(begin)] if begin < table.num_rows else []
        self._waiting_bytes = sum(waiting.nbytes for waiting in self._waiting)


def _ends(table: pa.Table, most_rows: int) -> Iterator[int]:
    """Where each row group ends: after so many rows, or before the row with which its texts exceed GROUP_BYTES."""
    if table.nbytes <= GROUP_BYTES:
        yield from range(most_rows, table.num_rows, most_rows)
        yield table.num_rows
        return
    sizes = sum(_pc.fill_null(_pc.binary_length(table[name]), 0).to_numpy() for name in _texts(table.schema))
    total = np.concatenate([[0], np.cumsum(sizes)])
    end = 0
    while end < table.num_rows:
        fitting = int(np.searchsorted(total, total[end] + GROUP_BYTES, side="right")) - 1
        end = min(max(fitting, end + 1), end + most_rows, table.num_rows)
        yield end


def _texts(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if pa.types.is_large_string(field.type)]


@contextmanager
def writing(place: object, what: str = "a partition file") -> Iterator[None]:
    """Errors of writing to a folder or a storage, as a StorageError that names it and the cause."""
    try:
        yield
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        cause = cause_at(error, place)
        raise StorageError(f"{what} cannot be written in {place} ({cause.words})", hint=cause.hint) from error


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Zstandard at its fastest level; dictionaries and statistics for those columns alone that gain by them."""
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name in REPEATED],  # type: ignore[arg-type]  # its stubs know all or none
        write_statistics=[name for name in schema.names if name not in NEVER_SOUGHT],
    )


def _create(folder: Path | None) -> Path:
    """An empty file. In a storage's folder its mode follows the umask, since it is to be read by others later."""
    if folder is None:
        with writing("the folder for temporary files (TMPDIR)"):
            handle, name = tempfile.mkstemp(prefix=SCRATCH_PREFIX, suffix=".parquet")
            os.close(handle)
        return Path(name)
    temporary = folder / f".new-{uuid4().hex[:12]}.parquet"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
