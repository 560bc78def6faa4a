"""What has to arrive, by a second and naive reading of the rules: plain dicts, one row at a time.

Nothing of the library is imported here, so that no error of its reshaping, filtering or encoding can repeat itself.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
Event = dict[str, object]

NEVER_SENT = ("privateAttributes", "secondaryExposures")
TELEMETRY = ("statsig::diagnostics", "statsig::non_exposed_checks")


class _BadRowError(Exception):
    """The row cannot become an event; its text is the reason."""


@dataclass(slots=True)
class Account:
    """What the account of one partition must say once all is sent."""

    events: int = 0
    filtered_by: Counter[str] = field(default_factory=Counter)
    failed_by: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Expected:
    """What has to have happened in the end."""

    events: dict[str, Event] = field(default_factory=dict)
    """timeUUID -> the event that has to arrive."""
    hopeless: set[str] = field(default_factory=set)
    """The timeUUIDs of the events that the webhook never accepts."""
    accounts: dict[tuple[str, str], Account] = field(default_factory=lambda: defaultdict(Account))
    """(category, day) -> its account."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of the configuration, as far as the torture uses it."""

    exposures: Mapping[str, bool]
    custom_events: Mapping[str, bool]


def expected(rows: Iterable[tuple[str, Row]], rules: Filter, hopeless_name: str) -> Expected:
    """Read (table, row) one by one, in any order: a timeUUID that comes again must bring an equal row."""
    found = Expected()
    for table, row in rows:
        category = _category(table, row)
        account = found.accounts[category, f"{row['ingested_at']:%Y-%m-%d}"]
        account.events += 1
        try:
            event = _event(table, row)
        except _BadRowError as error:
            account.failed_by[str(error)] += 1
            continue
        rule = _rule(category, str(event["eventName"]), rules)
        key = str(event["timeUUID"])
        if rule is not None:
            account.filtered_by[rule] += 1
        elif key in found.events or key in found.hopeless:
            account.filtered_by["duplicate"] += 1
        elif event["eventName"] == hopeless_name:
            found.hopeless.add(key)
            account.failed_by["rejected"] += 1
        else:
            found.events[key] = event
    return found


def _category(table: str, row: Row) -> str:
    if table == "exposures":
        kind = "experiment" if row["exposure_type"] == "config" and row["group_name"] else row["exposure_type"]
        return f"{kind}_exposure"
    return "config_change" if row["event_name"] == "statsig::config_change" else "custom_event"


def _event(table: str, row: Row) -> Event:
    category = _category(table, row)
    if table == "custom_events" and not row["event_name"]:
        raise _BadRowError("missing_event_name")
    if row["timestamp"] is None:
        raise _BadRowError("bad_timestamp")
    if not isinstance(row["metadata"], dict):
        raise _BadRowError("wrong_type")
    metadata = {key: _string(value) for key, value in row["metadata"].items() if value is not None}
    event: Event = {
        "eventName": f"statsig::{category}" if table == "exposures" else row["event_name"],
        "user": _without_private(row["user"]),
        "userID": row["user"].get("userID", "") if row["user_id"] is None else row["user_id"],
        "timestamp": (row["timestamp"] - datetime(1970, 1, 1)) // timedelta(milliseconds=1),  # noqa: DTZ001  in UTC
        "statsigMetadata": row["statsig_metadata"] or {},
        "value": "" if table == "exposures" else row["value"] or "",
        "metadata": metadata,
        "timeUUID": row["time_uuid"] or _derived_id(table, row["id"]),
    }
    if table == "exposures":
        event["unitID"] = row["unit_type"] or "userID"
        event["metadata"] = metadata | _told_by_columns(row, category)
    return event


def _told_by_columns(row: Row, category: str) -> dict[str, str]:
    name = "gate" if category == "gate_exposure" else "config"
    told = {name: row["name"], "ruleID": row["rule_id"] or ""}
    if category == "gate_exposure":
        told["gateValue"] = "true" if row["gate_value"] else "false"
    if category == "experiment_exposure":
        told["experimentGroupName"] = row["group_name"] or ""
    if row["reason"] is not None:
        told["reason"] = row["reason"]
    return told


def _rule(category: str, name: str, rules: Filter) -> str | None:
    """Why the filter leaves the event out, or None."""
    kind = category.removesuffix("_exposure")
    if not rules.exposures.get(kind, True):
        return f"exposures.{kind}"
    if category != "custom_event":
        return None
    if name in rules.custom_events:
        return None if rules.custom_events[name] else f"custom_events.events.{name}"
    return "sdk_telemetry" if name in TELEMETRY else None


def _string(value: object) -> str:
    """Every value of `metadata` is a string."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _without_private(value: Any) -> Any:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        return {key: _without_private(inner) for key, inner in value.items() if key not in NEVER_SENT}
    return value


def _derived_id(table: str, key: int) -> str:
    """The id of a row that has none: from the names of source (here it has none) and table, and the row's key."""
    digest = hashlib.sha256(json.dumps(["", table]).encode()).digest()
    names, digits = digest[16:].hex(), f"{key:015x}"
    return f"{names[:8]}-{names[8:12]}-8{names[12:15]}-{'89ab'[digest[-1] % 4]}{digits[:3]}-{digits[3:]}"
