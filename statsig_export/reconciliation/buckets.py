"""Hashes of ids on disk, cut into buckets by their first bits, so that two sides of any size are compared in parts.

A bucket of 100 million ids out of 256 is 400,000, or 10 MB, and takes 40 MB while it is compared. What is written is
hashes, row numbers and times: no id, no payload. The folder is this user's alone and goes with the comparison.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from statsig_export.errors import StorageError

Records = npt.NDArray[np.void]

BUCKETS: Final = 256
_FIRST_BITS: Final = np.uint64(56)
_HELD: Final = 1 << 14
"""Bytes of a bucket in memory before they are written."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of this user alone. Raises StorageError where there is no place for one."""
    with ExitStack() as stack:
        with told_as_temporary():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="statsig-export-arrivals-"))
        yield Path(folder)


@contextmanager
def told_as_temporary() -> Iterator[None]:
    """Errors of the disk as StorageError, with what to do about them."""
    try:
        yield
    except OSError as error:
        place = tempfile.tempdir or "of this process"  # none is known where no folder can be written
        raise StorageError(
            f"the temporary folder {place} cannot be written ({error.strerror})",
            hint="free space there, or name another folder in TMPDIR: a comparison needs 24 bytes an event and a row",
        ) from None


class Buckets:
    """Records of one dtype, whose field `first` is the first word of a hash, spread over BUCKETS files."""

    def __init__(self, folder: Path, name: str, dtype: np.dtype[Any]) -> None:
        self._folder = folder
        self._name = name
        self._dtype = dtype
        self._held: list[list[bytes]] = [[] for _ in range(BUCKETS)]
        self._bytes = [0] * BUCKETS
        self.records = 0

    def add(self, records: Records) -> None:
        """Raises StorageError where the disk is full."""
        self.records += len(records)
        bucket = (records["first"] >> _FIRST_BITS).astype(np.int64)
        order = np.argsort(bucket, kind="stable")
        ends = np.searchsorted(bucket[order], np.arange(BUCKETS + 1))
        for number in range(BUCKETS):
            part = records[order[ends[number] : ends[number + 1]]]
            if len(part):
                self._held[number].append(part.tobytes())
                self._bytes[number] += part.nbytes
                if self._bytes[number] >= _HELD:
                    self._write(number)

    def read(self, number: int) -> Records:
        """All records of one bucket. Raises StorageError likewise."""
        self._write(number)
        path = self._path(number)
        with told_as_temporary():
            return np.fromfile(path, dtype=self._dtype) if path.exists() else np.empty(0, dtype=self._dtype)

    def _write(self, number: int) -> None:
        if self._held[number]:
            with told_as_temporary(), self._path(number).open("ab") as file:
                file.writelines(self._held[number])
            self._held[number], self._bytes[number] = [], 0

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number}"
