"""Event table -> one JSON text per event: the bytes that are stored, digested and sent, built once.

What [privacy] says is done here and nowhere else, between the check of the JSON and the text of the event.

The nine keys in the documented order, UTF-8, no spaces but those inside JSON that passes through. Each event is one
join of columns in Arrow; no Python object is made for a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, array, column, join, mapped, pc, where
from statsig_export.events.checked_objects import checked_objects
from statsig_export.events.faults import FailureMarks
from statsig_export.events.json_text import escaped, quote
from statsig_export.events.redaction import redact
from statsig_export.layouts.reasons import Reason
from statsig_export.privacy.rule import Rule
from statsig_export.settings import TimestampForm

_STORED = ("row_key", "category", "time_uuid", "event_name", "timestamp", "user_id", "unit_id")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A chunk, row by row in exactly one of two places, each in the chunk's order.

    table: row_key, category, time_uuid, event_name, user_id, unit_id, event (large_string; event is the JSON text
    exactly as it will be sent) and timestamp (int64, ms).
    failed: row_key, category, time_uuid, reason, detail (large_string).
    """

    table: pa.Table
    failed: pa.Table


def encode(
    events: pa.Table, max_event_bytes: int, timestamps: TimestampForm = "number", rule: Rule | None = None
) -> Encoded:
    """The events of an event table (see reshape) as JSON, `timestamp` as a number or as the text of it.

    `rule` takes out and hashes first what [privacy] says: nothing that leaves this function holds more.

    A row fails where user or statsig_metadata is no valid JSON object, or its text exceeds max_event_bytes.
    """
    marks = FailureMarks(len(events))
    columns = {name: column(events, name, None if name == "timestamp" else TEXT) for name in events.column_names}
    for name, key in (("user", "user"), ("statsig_metadata", "statsigMetadata")):
        columns[name] = checked_objects(columns[name], key, marks)
    if rule is not None:
        columns = redact(columns, rule, marks)
    event = _event_texts(columns, '"' if timestamps == "text" else "")
    marks.mark(where(pc.greater(pc.binary_length(event), max_event_bytes)), Reason.TOO_LARGE, "event")
    failed = marks.failed(columns["row_key"], columns["category"], columns["time_uuid"])
    table = pa.table({**{name: columns[name] for name in _STORED}, "event": event})
    return Encoded(table.filter(array(marks.passed)) if len(failed) else table, failed)


def _event_texts(columns: Mapping[str, Column], around_time: str) -> Column:
    return join(
        mapped(columns["event_name"], lambda name: f'{{"eventName":{quote(name)},"user":'),
        columns["user"],
        ',"userID":"',
        escaped(columns["user_id"]),
        f'","timestamp":{around_time}',
        columns["timestamp"].cast(TEXT),
        f'{around_time},"statsigMetadata":',
        columns["statsig_metadata"],
        ',"value":"',
        escaped(columns["value"]),
        '","metadata":',
        columns["metadata"],
        ',"timeUUID":"',
        escaped(columns["time_uuid"]),
        mapped(columns["unit_id"], lambda unit: f'","unitID":{quote(unit)}}}').fill_null('"}'),
    )
