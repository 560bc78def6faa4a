"""What is known of a partition file."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is durable under its final name."""

    path: str
    """Relative to the storage's root."""
    digest: str
    """sha256 of the file's bytes, 64 hex digits."""
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the storage says of a file."""

    bytes: int
    modified: datetime | None
    """When it was last written; None where this kind of storage does not tell."""
