"""Whether an opened partition file is, byte for byte, the one that was written: before anything of it is unpacked."""

import hashlib
import os
from typing import Any, Final

from statsig_export.storage.file_faults import REPLACED, damaged
from statsig_export.storage.files import KnownFile

_TAIL: Final = 1 << 16
"""Bytes that Arrow reads at the end of a file, to find its footer: a remote file is asked for them once."""
_LONGEST_FOOTER: Final = 1 << 20
"""Bytes. Of a longer one Arrow makes more memory than should be spent on a file that may be anybody's."""


class WholeFiles:
    """Each file is read for that once, and on this machine again once it was written to. Raises PartitionFileError."""

    def __init__(self, *, local: bool) -> None:
        self._local = local
        self._stamps: dict[str, object] = {}
        """File -> how it was when it was found to be whole."""

    def require(self, file: KnownFile, source: Any) -> None:  # noqa: ANN401  fsspec ships no types
        """The opened file has the bytes and the digest that were written."""
        size = self.require_size(file, source)
        stamp = _stamp(os.fstat(source.fileno())) if self._local else size
        if self._stamps.get(file.path) != stamp:
            source.seek(0)
            if not file.has(hashlib.file_digest(source, "sha256").hexdigest()):
                raise damaged({file.path: REPLACED})
            self._stamps[file.path] = stamp
        source.seek(0)

    def require_footer(self, file: KnownFile, source: Any) -> None:  # noqa: ANN401  likewise
        """The footer alone may be read: the opened file has the bytes that were written, and the digest too where the
        footer is so long that reading it would take much memory.
        """
        size = self.require_size(file, source)
        source.seek(max(0, size - _TAIL))
        end = source.read(_TAIL)[-8:]
        source.seek(0)
        if int.from_bytes(end[:4], "little") > _LONGEST_FOOTER:
            self.require(file, source)

    @staticmethod
    def require_size(file: KnownFile, source: Any) -> int:  # noqa: ANN401  likewise
        """The opened file has the bytes that were written, where they are known. Returns how many it has."""
        size: int = source.seek(0, os.SEEK_END)
        if file.bytes is not None and size != file.bytes:
            raise damaged({file.path: f"has {size} bytes, {file.bytes} were written"})
        return size


def _stamp(told: os.stat_result) -> tuple[int, ...]:
    """Changes whenever somebody writes to a file; its time of change nobody can set."""
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns
