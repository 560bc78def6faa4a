"""A row as a dict of Python values (JSON columns parsed, times as datetime) in, Statsig's event as a dict out.

Needs nothing but Python. Gives the same timeUUIDs as the library, so that what a peer sends can be held against it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

TELEMETRY = ("statsig::diagnostics", "statsig::non_exposed_checks")
"""SDK telemetry, which is not forwarded: for the WHERE of a statement."""

COLUMNS = {
    "exposures": "id, time_uuid, exposure_type, name, rule_id, gate_value, group_name, reason, unit_type, user_id,"
    ' "user", metadata, statsig_metadata, "timestamp"',
    "custom_events": 'id, time_uuid, event_name, user_id, "user", value, metadata, statsig_metadata, "timestamp"',
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def statement(table: str) -> str:
    """What to read of a table: %(start)s and %(end)s are the window, and telemetry is left out."""
    names = "', '".join(TELEMETRY)
    rest = f" AND event_name NOT IN ('{names}')" if table == "custom_events" else ""
    window = "ingested_at >= %(start)s AND ingested_at < %(end)s"
    return f"SELECT {COLUMNS[table]} FROM {table} WHERE {window}{rest}"  # noqa: S608 - own names


def event_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a row of either table."""
    user = row["user"] or {}
    user.pop("privateAttributes", None)
    exposure_type = row.get("exposure_type")
    if exposure_type == "config" and row["group_name"] is not None:
        exposure_type = "experiment"
    event = {
        "eventName": f"statsig::{exposure_type}_exposure" if exposure_type else row["event_name"],
        "user": user,
        "userID": user.get("userID", "") if row["user_id"] is None else row["user_id"],
        "timestamp": _milliseconds(row["timestamp"]),
        "statsigMetadata": row["statsig_metadata"] or {},
        "value": "" if exposure_type else row["value"] or "",
        "metadata": _strings(row["metadata"] or {}),
        "timeUUID": row["time_uuid"] or _PREFIX["exposures" if exposure_type else "custom_events"] + _digits(row["id"]),
    }
    if exposure_type:
        event["metadata"] = {**_exposed(exposure_type, row), **event["metadata"]}
        event["unitID"] = row["unit_type"] or "userID"
    return event


def _exposed(exposure_type: str, row: Mapping[str, Any]) -> dict[str, str]:
    if exposure_type == "gate":
        told = {"gate": row["name"], "gateValue": "true" if row["gate_value"] else "false"}
    else:
        told = {"config": row["name"]}
    told["ruleID"] = row["rule_id"] or ""
    if row["reason"] is not None:
        told["reason"] = row["reason"]
    if exposure_type == "experiment":
        told["experimentGroupName"] = row["group_name"] or ""
    return told


def _strings(metadata: Mapping[str, Any]) -> dict[str, str]:
    """A flat object of strings, as Statsig sends it: null is left out, what is nested becomes its JSON text."""
    kept = {key: value for key, value in metadata.items() if value is not None}
    return {key: value if isinstance(value, str) else _text(value) for key, value in kept.items()}


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _milliseconds(moment: datetime) -> int:
    return (moment.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def _prefix(table: str) -> str:
    digest = hashlib.sha256(json.dumps(["", table]).encode()).digest()
    own = digest[16:].hex()
    return f"{own[:8]}-{own[8:12]}-8{own[12:15]}-{'89ab'[digest[-1] % 4]}"


def _digits(key: int) -> str:
    digits = f"{key:015x}"
    return f"{digits[:3]}-{digits[3:]}"


_PREFIX = {table: _prefix(table) for table in COLUMNS}
