"""The partition files: immutable Parquet, named by their content, durable before anything refers to them.

    <storage>/events/category=<c>/window=<w>/<generation>-<digest>.parquet       EVENTS, what is sent
    <storage>/quarantine/category=<c>/window=<w>/<bytes>-<digest>.parquet        QUARANTINE, rows that failed

A file is written under a temporary name on this machine, synced, and then moved (or uploaded) to its name. The ledger
names a file only after that, so a file the ledger names is whole, and one it does not name was never promised.

Before anything of a file is unpacked, its bytes and digest are compared with those that were written: a small file can
be made to unpack to more than the machine's memory.

An error is told apart: a StorageError where the storage as a whole does not answer, a PartitionFileError where it does
and one file is gone or is not what was written. Gone is only what the storage itself says is not there.
"""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

import errno
import hashlib
import os
import re
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from statsig_export.arrow.contiguous import contiguous
from statsig_export.arrow.parquet import open_parquet
from statsig_export.errors import LedgerError, PartitionFileError, StatsigExportError, StorageError
from statsig_export.storage.errors import concerns_this_process, says_gone, without_secrets
from statsig_export.storage.file_faults import REPLACED, damaged, fault_of_file
from statsig_export.storage.files import FileFacts, KnownFile
from statsig_export.storage.local_files import require_regular
from statsig_export.storage.new_file import SCRATCH_PREFIX, NewFile
from statsig_export.storage.place import Place, blocks
from statsig_export.storage.row_ranges import EventReader, may_hold
from statsig_export.storage.schemas import ROW_GROUP
from statsig_export.storage.whole_files import WholeFiles

_OPEN_FILES = 8
_LONGEST_TEXT, _LONGEST_LIST = 1_000_000, 100_000
"""In a footer that is read before its file is known to be whole."""
_PARTITION_FILE: Final = re.compile(r"(events|quarantine)/category=[^/]+/window=[^/]+/[^/]+\.parquet")
_TEMPORARY_FILE: Final = re.compile(r"\.new-[^/]+\.parquet")


class Storage(Place):
    """A folder or bucket of partition files. Raises StorageError or PartitionFileError."""

    def __init__(self, url: str, *, named: str = "the storage", key: str = "[storage] url") -> None:
        super().__init__(url, named=named, key=key)
        self._readers: OrderedDict[str, EventReader] = OrderedDict()
        self._lock = Lock()
        self._whole = WholeFiles(local=self._local)

    def uri(self, path: str) -> str:
        """Where a reader outside this library finds the file; without what a URL may hold of secrets."""
        return without_secrets(str(self._fs.unstrip_protocol(f"{self._root}/{path}")))

    def new_file(self, schema: pa.Schema) -> NewFile:
        """A file to be filled; nothing of it can be seen before `publish`."""
        return NewFile(Path(self._root) if self._local else None, schema, ROW_GROUP, self._install)

    def read_events(self, file: KnownFile, first_row: int, rows: int) -> pa.Array[Any]:
        """The JSON texts (large_string) of consecutive rows of an events file. Safe to call from several threads."""
        with self._lock:
            with self._reading(file.path):
                reader = self._readers.pop(file.path, None) or self._event_reader(file)
                texts = reader.read(first_row, rows)
            self._readers[file.path] = reader
            while len(self._readers) > _OPEN_FILES:
                self._readers.popitem(last=False)[1].close()
            return texts

    def read_column(self, file: KnownFile, column: str) -> Iterator[pa.Array[Any]]:
        """One column of a file, row group by row group."""
        with self._reading(file.path), self._parquet(file) as parquet:
            for group in range(parquet.num_row_groups):
                yield contiguous(parquet.read_row_group(group, columns=[column], use_threads=False).column(0))

    def read_chunks(self, file: KnownFile, columns: list[str], rows: int) -> Iterator[pa.Table]:
        """Some columns of a file, at least one, at most `rows` rows at a time."""
        with self._reading(file.path), self._parquet(file) as parquet:
            for batch in parquet.iter_batches(rows, columns=columns, use_threads=False):
                yield pa.Table.from_batches([batch]).select(columns)

    def find(self, file: KnownFile, column: str, values: Sequence[str]) -> int | None:
        """A row of a file whose text `column` equals one of `values`: of the first row group that has any, the first
        row of the first of them. Safe to call from several threads.

        Reads that column alone, and of it no row group whose least and greatest text leave them all out: a file that
        somebody replaced by one of its size can deny a text that way, so `require_unchanged` before None is believed.
        """
        with self._reading(file.path), self._opened(file.path) as source:
            self._whole.require_footer(file, source)
            parquet = open_parquet(
                source, thrift_string_size_limit=_LONGEST_TEXT, thrift_container_size_limit=_LONGEST_LIST
            )
            position = parquet.schema_arrow.get_field_index(column)
            groups = [parquet.metadata.row_group(group) for group in range(parquet.num_row_groups)]
            facts = [group.column(position).statistics for group in groups]
            possible = [[value for value in values if may_hold(of_group, value)] for of_group in facts]
            if any(possible):
                self._whole.require(file, source)
            before = 0
            for number, group in enumerate(groups):
                if possible[number]:
                    texts = parquet.read_row_group(number, columns=[column], use_threads=False).column(0)
                    rows = [int(texts.index(value).as_py()) for value in possible[number]]
                    if max(rows) >= 0:
                        return before + next(row for row in rows if row >= 0)
                before += group.num_rows
        return None

    def read_row(self, file: KnownFile, row: int, columns: list[str]) -> dict[str, Any]:
        """Some columns of one row of a file."""
        with self._reading(file.path), self._parquet(file) as parquet:
            begin = 0
            for group in range(parquet.num_row_groups):
                end = begin + parquet.metadata.row_group(group).num_rows
                if row < end:
                    table = parquet.read_row_group(group, columns=columns, use_threads=False)
                    return dict(table.slice(row - begin, 1).to_pylist()[0])
                begin = end
            raise pa.ArrowInvalid(f"row {row} of {begin}")

    def read_table(self, file: KnownFile) -> pa.Table:
        """A whole file."""
        with self._reading(file.path), self._parquet(file) as parquet:
            return parquet.read(use_threads=False)

    def require_unchanged(self, file: KnownFile) -> None:
        """Raises PartitionFileError unless the file is, byte for byte, what was written. Unpacks nothing of it."""
        with self._reading(file.path), self._opened(file.path) as source:
            self._whole.require(file, source)

    def hand_over(self, file: KnownFile, to: Callable[[bytes], object]) -> None:
        """Hand a file to `to`, block by block. Whether it was what was written is known at its end: raises
        PartitionFileError then. What `to` raises of our errors goes on its way.
        """
        with self._reading(file.path), self._opened(file.path) as source:
            self._whole.require_size(file, source)
            source.seek(0)
            read = hashlib.sha256()
            for block in blocks(source):
                read.update(block)
                to(block)
            if not file.has(read.hexdigest()):
                raise damaged({file.path: REPLACED})

    def facts(self, path: str) -> FileFacts | None:
        """What the storage says of a file now; None where there is none."""
        with self._reading(path):
            target = f"{self._root}/{path}"
            if self._local:
                return _local_facts(target)
            self._fs.invalidate_cache(target)  # what was listed before may be gone
            try:
                told = self._fs.info(target)
            except FileNotFoundError as error:
                self._require_answer(error)
                return None
            if told["type"] == "directory":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            return FileFacts(int(told["size"] or 0), self._modified(target))

    def require_any(self, paths: Collection[str]) -> None:
        """Raises StorageError where the storage has none of these files, of which the ledger says that it has all.

        A folder that has lost every file has the folders of their windows still: another storage has not.
        """
        if paths and not any(self._is_there(path) or self._has_folder_of(path) for path in paths):
            raise StorageError(
                f"none of the {len(paths):,} files that the ledger names is in the storage {self.place}",
                hint="mount its disk, or correct [storage] url: it may be another ledger's storage",
            )

    def require_root(self) -> None:
        """Raises StorageError where a storage that was written to before is not there: a disk that is not mounted.

        A bucket is there or not. In a folder there is the folder of a kind of file, which nothing removes.
        """
        trouble = self._trouble()
        kinds = [f"{self._root}/{kind}" for kind in ("events", "quarantine")]
        if trouble is None and self._local and not any(map(os.path.isdir, kinds)):
            trouble = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if trouble is not None:
            raise self._away(trouble)

    def scratch_files(self) -> Iterator[tuple[Path, FileFacts]]:
        """Temporary files of this user, for a storage that is not on this machine, which nobody has published."""
        if self._local:
            return
        with suppress(OSError):  # no folder for temporary files: there are none
            for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*.parquet"):
                with suppress(OSError):
                    told = path.stat()
                    if told.st_uid == os.getuid():
                        yield path, FileFacts(told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))

    def partition_files(self) -> Iterator[str]:
        """Every file that lies where partition files do, whether the ledger names it or not."""
        return self._walk(_PARTITION_FILE, None)

    def temporary_files(self) -> Iterator[str]:
        """What `new_file` has made here and nobody has published or removed."""
        return self._walk(_TEMPORARY_FILE, 1)

    def remove(self, path: str) -> None:
        """Remove a file, and the folder of its window with the last of them; nothing where it is gone already."""
        with self._reading(path):
            target = f"{self._root}/{path}"
            with suppress(FileNotFoundError):
                self._fs.rm_file(target)
            if self._local and "/" in path:
                with suppress(OSError):  # there are other files
                    Path(target).parent.rmdir()

    @contextmanager
    def _parquet(self, file: KnownFile) -> Iterator[pq.ParquetFile]:
        """A file that is open for Arrow, once it is known to be the one that was written."""
        with self._opened(file.path) as source:
            self._whole.require(file, source)
            yield open_parquet(source)

    def _event_reader(self, file: KnownFile) -> EventReader:
        with ExitStack() as stack:
            parquet = stack.enter_context(self._parquet(file))
            return EventReader(parquet, stack.pop_all().close)

    def _has_folder_of(self, path: str) -> bool:
        return self._local and Path(self._root, path).parent.is_dir()

    def _is_there(self, path: str) -> bool:
        try:
            return self.facts(path) is not None
        except PartitionFileError:  # something is, whatever is wrong with it
            return True

    def _walk(self, pattern: re.Pattern[str], depth: int | None) -> Iterator[str]:
        with self.answering():
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

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """Errors about one file, told apart: is it the file, or the storage?"""
        try:
            yield
        except StatsigExportError:
            raise
        except Exception as error:  # Arrow's, and those of each file system
            raise self._file_error(path, error) from error

    def _file_error(self, path: str, error: Exception) -> LedgerError:
        if concerns_this_process(error):
            return self._away(error)
        trouble = self._trouble()
        return self._away(trouble) if trouble is not None else damaged({path: fault_of_file(error)})

    def _require_answer(self, error: Exception) -> None:
        """Raises StorageError unless the storage itself answers: only then is a file that it does not have gone."""
        trouble = self._trouble() if says_gone(error) else error
        if trouble is not None:
            raise self._away(trouble) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _local_facts(target: str) -> FileFacts | None:
    try:
        told = os.stat(target)  # noqa: PTH116  the folder's own paths are texts
    except FileNotFoundError:
        return None
    require_regular(told)
    return FileFacts(told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
