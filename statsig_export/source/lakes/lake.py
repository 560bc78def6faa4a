"""Where a table with a log lies, and what a format does for it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from statsig_export.arrow.columns import Column
from statsig_export.source.lakes.snapshot import LakeFile, Snapshot
from statsig_export.storage.opening import is_local

_FACTS: Final = ("size", "ETag", "etag", "LastModified", "last_modified", "updated")


class UnreadableTableError(Exception):
    """Of what the log says, something is not known here: so not one row is read. The text quotes no value."""

    def __init__(self, told: str, hint: str = "") -> None:
        """`hint` says what to do, where that is not to read the table by another way."""
        super().__init__(told)
        self.hint = hint


class Place:
    """A table's folder in a file system of fsspec."""

    def __init__(self, filesystem: Any, folder: str, file: str = "") -> None:  # noqa: ANN401 - fsspec has no types
        """`file` is what describes the table, where that was named in the place of its folder."""
        self.filesystem = filesystem
        self.folder = folder
        self.file = file
        self.is_local = is_local(filesystem)

    def listed(self, folder: str) -> dict[str, object]:
        """The files of a folder and below it, listed anew -> what changes when one is written anew."""
        self.filesystem.invalidate_cache()
        found = self.filesystem.find(folder, detail=True)
        return {path: tuple(str(found[path].get(name)) for name in _FACTS) for path in sorted(found)}

    def fetch(self, path: str, target: Path) -> None:
        self.filesystem.get_file(path, str(target))

    def require(self, protocol: str) -> None:
        """Raises UnreadableTableError unless the file system is one of this protocol."""
        own = self.filesystem.protocol
        if protocol not in ((own,) if isinstance(own, str) else own):
            raise UnreadableTableError(f"it names files of {protocol}://, which are not where its log is")

    def named(self, path: str) -> str:
        """A file of the table as DuckDB is told of it; `path` is a URI, or in the folder.

        Raises UnreadableTableError for one that lies in another file system, on another host or in another bucket, or
        leads out of the folder: who writes a log does not choose what these credentials read elsewhere.
        """
        protocol, separated, rest = path.partition("://")
        if separated:
            self.require(protocol)
        if ".." in path.split("/"):
            raise UnreadableTableError("it names files by a path with .. in it")
        inside = path if separated or path.startswith(("/", "file:/")) else f"{self.folder}/{path}"
        inside = str(self.filesystem._strip_protocol(inside))  # noqa: SLF001 - fsspec's own word for it, documented
        host = rest.partition("/")[0]
        if separated and self._is_elsewhere(host, inside):
            raise UnreadableTableError(f"it names files of {protocol}://{host}, and its log is not there")
        return self.address(inside)

    def _is_elsewhere(self, host: str, inside: str) -> bool:
        """`host` is what a URI has before its path; on a disk nothing."""
        if self.is_local:
            return bool(host)
        account = getattr(self.filesystem, "account_name", None)
        if account and "@" in host and host.partition("@")[2].partition(".")[0] != account:
            return True
        return inside.partition("/")[0] != self.folder.partition("/")[0]

    def is_same(self, one: str, other: str) -> bool:
        """Whether two addresses are the same place; on a disk also by links."""
        one, other = one.rstrip("/"), other.rstrip("/")
        return one == other or (self.is_local and os.path.realpath(one) == os.path.realpath(other))

    def address(self, path: str) -> str:
        """A path of the file system as DuckDB is told of it."""
        return path if self.is_local else str(self.filesystem.unstrip_protocol(path))


class Lake(Protocol):
    """A table in one of the formats."""

    @property
    def name(self) -> str:
        """The format's."""

    def snapshot(self) -> Snapshot:
        """The newest."""

    def deleted(self, file: LakeFile) -> Iterator[Column]:
        """The positions of the rows of a file that are deleted."""

    def close(self) -> None: ...
