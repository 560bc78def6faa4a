"""Partition files: their schemas, and what is known of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is durable under its final name."""

    path: str
    """Relative to the storage's root."""
    digest: str
    """sha256 of the file's bytes, 64 hex digits."""
    bytes: int
    rows: int


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


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the storage says of a file."""

    bytes: int
    modified: datetime | None
    """When it was last written; None where this kind of storage does not tell."""
