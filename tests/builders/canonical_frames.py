"""Canonical frames, as the source yields them, from rows that name only what a test is about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from statsig_export.arrow.columns import TEXT, array, frame_of
from statsig_export.events.encoding import encode
from statsig_export.events.reshape import reshape
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import CANONICAL_COLUMNS, SourceTable
from statsig_export.settings import SourceSettings

EXPOSURES, CUSTOM_EVENTS = LAYOUTS["native"]
(SDK_EVENTS,) = LAYOUTS["sdk_log"]

AT = datetime(2026, 11, 3, 12, 30, 15, 123_456, tzinfo=UTC)
AT_MS = 1_793_709_015_123

Row = Mapping[str, Any]

_KINDS = {"gate_value": pa.bool_(), "timestamp": pa.timestamp("us")}


def exposure(**columns: Any) -> dict[str, Any]:  # noqa: ANN401
    """A row of exposures; a gate unless it says otherwise."""
    gate = columns.get("exposure_type", "gate") == "gate"
    row = {"exposure_type": "gate", "name": "a_gate", "rule_id": "a_rule", "unit_type": "userID", "time_uuid": "an-id"}
    return {**row, "gate_value": True if gate else None, "user": '{"userID":"u"}', "timestamp": AT, **columns}


def custom_event(**columns: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"event_name": "purchase", "time_uuid": "an-id", "user": '{"userID":"u"}', "timestamp": AT, **columns}


def canonical_frame(rows: Sequence[Row], *, first_key: int = 1) -> pd.DataFrame:
    """The canonical frame of rows; keys count from `first_key` unless the rows have their own."""
    names = [name for name in CANONICAL_COLUMNS if name != "row_key"] + ["unreadable", "unreadable_reason"]
    keys = [row.get("row_key", first_key + position) for position, row in enumerate(rows)]
    columns = {"row_key": array(keys, TEXT if keys and isinstance(keys[0], str) else pa.int64())}
    for name in names:
        values = [row.get(name) for row in rows]
        if name == "timestamp":
            values = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in values]
        kind = TEXT if any(isinstance(value, str) for value in values) else _KINDS.get(name, TEXT)
        columns[name] = array(values, kind)
    return frame_of(columns)


def log_frame(rows: Sequence[tuple[str | None, str | None]]) -> pd.DataFrame:
    """A chunk of an SDK's log: pairs of an event and its request's statsigMetadata, both JSON text."""
    nothing = pa.nulls(len(rows), TEXT)
    return frame_of(
        {
            "row_key": array(range(1, len(rows) + 1), pa.int64()),
            "event": array([event for event, _ in rows], TEXT),
            "statsig_metadata": array([request for _, request in rows], TEXT),
            "unreadable": nothing,
            "unreadable_reason": nothing,
        }
    )


def records(table: pa.Table) -> list[dict[str, Any]]:
    """A table's rows as plain Python values."""
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def outcomes(frame: pd.DataFrame, table: SourceTable, unit_types: Mapping[str, str] | None = None) -> dict[str, str]:
    """Row key -> the event's text, or its reason in brackets. Fails unless each row has one outcome exactly."""
    reshaped = reshape(frame, table, SourceSettings(unit_types=unit_types or {}))
    encoded = encode(reshaped.events, 1_000_000)
    pairs = [(row["row_key"], row["event"]) for row in encoded.table.to_pylist()]
    for failed in (reshaped.failed, encoded.failed):
        pairs += [(row["row_key"], f"[{row['reason']}]") for row in records(failed)]
    found = dict(pairs)
    assert len(pairs) == len(found) == len(frame)
    return found


def outcome(row: Row, table: SourceTable) -> str:
    """The outcome of one row: its event's text, or the reason in brackets."""
    return next(iter(outcomes(canonical_frame([row]), table).values()))
