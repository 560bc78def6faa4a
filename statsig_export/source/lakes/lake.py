"""Where a table with a log lies, and what a format does for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from statsig_export.arrow.columns import Column
from statsig_export.source.lakes.snapshot import LakeFile, Snapshot
from statsig_export.storage.opening import is_local

_FACTS: Final = ("size", "ETag", "etag", "LastModified", "last_modified", "updated")


class UnreadableTableError(Exception):
    """Of what the log says, something is not known here: so not one row is read. The text quotes no value."""


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

        Raises UnreadableTableError for one that lies in another file system.
        """
        protocol, separated, _ = path.partition("://")
        if separated:
            self.require(protocol)
        inside = path if separated or path.startswith(("/", "file:/")) else f"{self.folder}/{path}"
        inside = str(self.filesystem._strip_protocol(inside))  # noqa: SLF001 - fsspec's own word for it, documented
        return self.address(inside)

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
