"""Which partition files a backup needs, by the tables of its ledger; and copying them."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from statsig_export.arrow.parquet import open_parquet
from statsig_export.backup.manifest import TableCopy
from statsig_export.errors import PartitionFileError
from statsig_export.ledger.dump import AT_ONCE
from statsig_export.storage.files import KnownFile, NamedFile, StoredFile
from statsig_export.storage.place import Place
from statsig_export.storage.storage import Storage

_AT_ONCE: Final = 8
"""Files that are copied at a time: a bucket takes its time for each."""


def needed_files(tables: Iterable[TableCopy], place: Place) -> dict[str, KnownFile]:
    """Path -> file, of every file that a partition names that was not pruned."""
    by_name = {table.name: table for table in tables}
    pruned = {row["partition"] for row in _rows(by_name.get("pruned_partitions"), place, ["partition"])}
    needed: dict[str, KnownFile] = {}
    for row in _rows(by_name.get("generations"), place, ["partition", "file", "digest", "bytes", "rows"]):
        if row.pop("partition") not in pruned:
            needed[row["file"]] = StoredFile(row["file"], row["digest"], row["bytes"], row["rows"])
    for row in _rows(by_name.get("partitions"), place, ["quarantine"]):
        if row["quarantine"] is not None:
            needed.setdefault(row["quarantine"], NamedFile(row["quarantine"]))
    return needed


def copy_all(
    source: Storage, files: Iterable[KnownFile], target: Place, on_progress: Callable[[int], None]
) -> tuple[int, dict[str, str]]:
    """Copy files from a storage; each is whole in the target, or not there. Returns their bytes, and the files that
    cannot be read, each with what is wrong with it. Raises StorageError where one of the two does not answer.
    """
    copied, lost = 0, dict[str, str]()

    def copy(file: KnownFile) -> int | PartitionFileError:
        try:
            return target.take(file.path, lambda write: source.hand_over(file, write))
        except PartitionFileError as error:
            return error

    for file, done in _each(copy, files):
        if isinstance(done, PartitionFileError):
            lost |= done.files
        else:
            copied += done
            on_progress(file.rows if isinstance(file, StoredFile) else 0)
    return copied, lost


def faults_of(source: Storage, files: Iterable[KnownFile], on_progress: Callable[[int], None]) -> dict[str, str]:
    """Of these files those that are not, byte for byte, what was written, each with what is wrong with it."""

    def check(file: KnownFile) -> Mapping[str, str]:
        try:
            source.hand_over(file, lambda _: None)
        except PartitionFileError as error:
            return error.files
        return {}

    faults: dict[str, str] = {}
    for file, found in _each(check, files):
        faults |= found
        on_progress(file.rows if isinstance(file, StoredFile) else 0)
    return faults


def has(sizes: Mapping[str, int], file: KnownFile) -> bool:
    """Whether a file of its name and size is among those of a place."""
    return file.path in sizes and file.bytes in {None, sizes[file.path]}


def _each(do: Callable[[KnownFile], Any], files: Iterable[KnownFile]) -> Iterable[tuple[KnownFile, Any]]:
    """What `do` returns for each file, some at a time; with the first error the rest is not begun."""
    waiting = list(files)
    with ThreadPoolExecutor(_AT_ONCE, "copier") as pool:
        try:
            yield from zip(waiting, pool.map(do, waiting), strict=True)
        except BaseException:  # the others are not begun, then it is re-raised
            pool.shutdown(cancel_futures=True)
            raise


def _rows(table: TableCopy | None, place: Place, columns: list[str]) -> Iterable[dict[str, Any]]:
    if table is None:
        return
    with place.answering(), place.opened(table.path) as file, open_parquet(file) as parquet:
        for batch in parquet.iter_batches(AT_ONCE, columns=columns, use_threads=False):
            yield from batch.to_pylist()
