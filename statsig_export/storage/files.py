"""What is known of a partition file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

DIGITS_IN_NAME: Final = 16
"""Hex digits of a file's digest in its name."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is durable under its final name."""

    path: str
    """Relative to the storage's root."""
    digest: str
    """sha256 of the file's bytes, 64 hex digits."""
    bytes: int
    rows: int

    def has(self, digest: str) -> bool:
        """Whether a file of this digest is this one."""
        return digest == self.digest


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file of which the ledger has no more than the path: its name is its bytes and the first digits of its digest.

    Earlier versions wrote the digits alone.
    """

    path: str

    @property
    def bytes(self) -> int | None:
        """None where the name does not say."""
        size, separator, _ = self._name.rpartition("-")
        return int(size) if separator and size.isdecimal() else None

    def has(self, digest: str) -> bool:
        """Whether a file of this digest is this one."""
        return digest[:DIGITS_IN_NAME] == self._name.rpartition("-")[2]

    @property
    def _name(self) -> str:
        return self.path.rpartition("/")[2].removesuffix(".parquet")


class UnnamedFile(NamedFile):
    """A file with events of which no ledger knows: its name begins with a generation, and does not say its bytes."""

    __slots__ = ()

    @property
    def bytes(self) -> None:
        return None


KnownFile = StoredFile | NamedFile
"""A file as it was written: what it is compared with before anything in it is unpacked."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the storage says of a file."""

    bytes: int
    modified: datetime | None
    """When it was last written; None where this kind of storage does not tell."""
