"""The schemas of the partition files."""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

from typing import Any, Final

import pyarrow as pa

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
REPEATED: Final = frozenset({"event_name", "user_id", "unit_id", "reason"})
"""Columns whose texts repeat, so that a dictionary of them is worth making."""
NEVER_SOUGHT: Final = frozenset({"event", "detail"})
"""Columns in which nobody looks for a text, so that their least and greatest are not worth finding."""
ROW_GROUP = 5_000
"""Rows per row group: what a reader holds in memory at once."""
GROUP_BYTES = 24 * 2**20
"""Bytes of text per row group, of rows that are larger than usual."""
