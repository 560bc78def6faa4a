"""Tables of every layout with a few rows on two days: what the ids of a released version were made of.

Each is one SQLite database and the `[source]` of a configuration. Statements and rows are written out, so that what was
recorded of them can be held against any later version.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

DAYS = ("2026-11-20", "2026-11-21")
_OWN = "5f0c8d0e-0000-4000-8000-00000000000"
_EXPOSURES = (
    "time_uuid TEXT, exposure_type TEXT, name TEXT, rule_id TEXT, gate_value BOOLEAN, group_name TEXT, reason TEXT, "
    'unit_type TEXT, user_id TEXT, "user" JSON, metadata JSON, statsig_metadata JSON, "timestamp" TIMESTAMP, '
    "ingested_at TIMESTAMP"
)
_CUSTOM_EVENTS = (
    'time_uuid TEXT, event_name TEXT, user_id TEXT, "user" JSON, value TEXT, metadata JSON, statsig_metadata JSON, '
    '"timestamp" TIMESTAMP, ingested_at TIMESTAMP'
)

_EXPORTED = (
    'user_id TEXT, stable_id TEXT, "timestamp" TIMESTAMP, event_name TEXT, event_value TEXT, user_object JSON, '
    "statsig_metadata JSON, company_metadata JSON"
)
_FORWARDED = (
    "experiment_id TEXT, group_id TEXT, group_name TEXT, user_id TEXT, stable_id TEXT, company_id TEXT, "
    '"timestamp" TIMESTAMP, user_dimensions JSON'
)


@dataclass(frozen=True)
class Known:
    """One source database, as statements, and the table [source] of its configuration."""

    name: str
    source: dict[str, Any]
    statements: list[str]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Table -> its rows."""


def _exposure(day: str, number: int, key: object, own: str | None) -> dict[str, Any]:
    kind = ("gate", "config", "experiment", "layer")[number % 4]
    return {
        "id": key,
        "time_uuid": own,
        "exposure_type": kind,
        "name": f"the_{kind}",
        "rule_id": "rule",
        "gate_value": 1 if kind == "gate" else None,
        "group_name": "test" if kind == "experiment" else None,
        "reason": "Network",
        "unit_type": "userID",
        "user_id": f"u-{number}",
        "user": json.dumps({"userID": f"u-{number}"}),
        "metadata": None,
        "statsig_metadata": None,
        "timestamp": f"{day} 12:00:00.00{number}",
        "ingested_at": f"{day} 12:00:01",
    }


def _custom(day: str, number: int, key: object, own: str | None) -> dict[str, Any]:
    return {
        "id": key,
        "time_uuid": own,
        "event_name": "statsig::config_change" if number == 1 else "purchase",
        "user_id": f"u-{number}",
        "user": json.dumps({"userID": f"u-{number}"}),
        "value": "9.99",
        "metadata": json.dumps({"currency": "EUR", "n": number}),
        "statsig_metadata": None,
        "timestamp": f"{day} 12:00:00.00{number}",
        "ingested_at": f"{day} 12:00:01",
    }


def _native(
    called: str,
    keys: list[object],
    key_type: str = "INTEGER PRIMARY KEY",
    *,
    names: tuple[str, str] = ("exposures", "custom_events"),
    own: int = 0,
    **source: Any,  # noqa: ANN401 - settings
) -> Known:
    exposures, events = names
    both = {
        table: [
            maker(day, number, key, f"{_OWN}{number + at * len(keys) // 2}" if number < own else None)
            for at, day in enumerate(DAYS)
            for number, key in enumerate(keys[at * len(keys) // 2 : (at + 1) * len(keys) // 2])
        ]
        for table, maker in ((exposures, _exposure), (events, _custom))
    }
    made = [f"CREATE TABLE {exposures} (id {key_type}, {_EXPOSURES})"]
    made.append(f"CREATE TABLE {events} (id {key_type}, {_CUSTOM_EVENTS})")
    return Known(called, {"layout": "native", **source}, made, both)


def _sdk_log() -> Known:
    rows = [
        {
            "id": at * 10 + number,
            "received_at": f"{day} 12:00:01",
            "event": json.dumps(
                {"eventName": "purchase", "user": {"userID": f"u-{number}"}, "time": 1_763_640_000_000, "value": 7.0}
            ),
            "statsig_metadata": json.dumps({"sdkType": "py"}),
        }
        for at, day in enumerate(DAYS)
        for number in range(3)
    ]
    made = "CREATE TABLE sdk_events (id INTEGER PRIMARY KEY, received_at TIMESTAMP, event JSON, statsig_metadata JSON)"
    return Known("sdk_log", {"layout": "sdk_log"}, [made], {"sdk_events": rows})


def _statsig_events() -> Known:
    rows = [
        {
            "time": 1_795_176_000 + 86_400 * at + number,  # noon of the day
            "timeuuid": f"{_OWN}{at}" if number == 0 else None,
            "user": json.dumps({"userID": f"u-{number}"}),
            "event_name": "purchase",
            "event_value": "1",
            "event_metadata": json.dumps({"n": number}),
            "event_version": 1,
            "record_number": at * 10 + number,
        }
        for at in range(2)
        for number in range(3)
    ]
    made = (
        'CREATE TABLE statsig_events ("time" BIGINT, timeuuid TEXT, "user" JSON, event_name TEXT, event_value TEXT, '
        "event_metadata JSON, event_version INTEGER, record_number INTEGER PRIMARY KEY)"
    )
    return Known("statsig_events", {"layout": "statsig_events"}, [made], {"statsig_events": rows})


def _exported_events(day: str, extra: dict[str, Any]) -> list[dict[str, Any]]:
    row = {
        "user_id": "u-1",
        "stable_id": "s-1",
        "timestamp": f"{day} 10:00:00.5",
        "event_name": "purchase",
        "event_value": "7.00",
        "user_object": json.dumps({"userID": "u-1", "custom": {"plan": "a", "age": 3.0}}),
        "statsig_metadata": json.dumps({"sdkType": "py"}),
        "company_metadata": None,
        **extra,
    }
    return [row, row, {**row, "event_name": "statsig::config_change"}, {**row, "user_id": None, "event_value": None}]


def _cloud_exports(called: str, **source: Any) -> Known:  # noqa: ANN401 - settings
    keyed = "events" in json.dumps(source)
    columns = "exposure_type TEXT, name TEXT, rule TEXT, experiment_group TEXT, unit_id TEXT, unit_type TEXT, "
    more = "event_id TEXT, " if keyed else ""
    made = [
        f"CREATE TABLE exposures ({columns}user_dimensions TEXT, first_exposure_utc TIMESTAMP, inserted_at TIMESTAMP)",
        f"CREATE TABLE events ({more}custom_ids JSON, {_EXPORTED})",
    ]
    exposures = []
    events = []
    for day in DAYS:
        row = {
            "exposure_type": "check_gate",
            "name": "new_checkout",
            "rule": "5ab",
            "experiment_group": "pass",
            "unit_id": "u-1",
            "unit_type": "user_id",
            "user_dimensions": None,
            "first_exposure_utc": f"{day} 11:00:00",
            "inserted_at": f"{day} 13:00:00",
        }
        repeated = {**row, "user_dimensions": json.dumps({"country": "DE"})}
        exposures += [row, row, repeated, {**row, "exposure_type": "get_layer", "unit_id": "u-2"}]
        rows = _exported_events(day, {"custom_ids": json.dumps({"companyID": "c-1"})})
        keys = [{"event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{day}{at}"))} if keyed else {} for at in range(4)]
        events += [{**key, **each} for key, each in zip(keys, rows, strict=True)]
    return Known(called, {"layout": "cloud_exports", **source}, made, {"exposures": exposures, "events": events})


def _warehouse_native(called: str, **source: Any) -> Known:  # noqa: ANN401 - settings
    made = [
        f"CREATE TABLE statsig_forwarded_exposures ({_FORWARDED})",
        f"CREATE TABLE statsig_forwarded_events (company_id TEXT, {_EXPORTED})",
    ]
    exposures = []
    events = []
    for day in DAYS:
        row = {
            "experiment_id": "button",
            "group_id": "g1",
            "group_name": "Control",
            "user_id": "u-1",
            "stable_id": None,
            "company_id": "c-1",
            "timestamp": f"{day} 09:00:00",
            "user_dimensions": None,
        }
        exposures += [row, {**row, "user_dimensions": json.dumps({"b": 1.0, "a": "x"})}, {**row, "group_name": "pass"}]
        events += _exported_events(day, {"company_id": "c-1"})
    rows = {"statsig_forwarded_exposures": exposures, "statsig_forwarded_events": events}
    return Known(called, {"layout": "warehouse_native", **source}, made, rows)


INTEGERS: list[object] = [1, 2, 3, 4, 2**60, -5, 7, 8]
KNOWN = [
    _native("native", INTEGERS),
    _native("native_text_keys", ["1", "a", "007", "4", "5", "", "b-é", "8"], "TEXT"),
    _native("native_numeric_keys", [1, 2, 3, 4, 5.0, 6.5, "7", 8], "NUMERIC(20, 2)"),
    _native("native_own_ids", INTEGERS, own=2),
    _native("native_named_source", INTEGERS, name="eu/west"),
    _native("native_schema", INTEGERS, exposures={"schema": "main"}, custom_events={"schema": "main"}),
    _native(
        "native_elsewhere",
        INTEGERS,
        names=("seen", "done"),
        exposures={"table": "seen", "columns": {"time_uuid": ""}},
        custom_events={"table": "done", "columns": {"row_key": "id"}},
    ),
    _sdk_log(),
    _statsig_events(),
    _cloud_exports("cloud_exports"),
    _cloud_exports("cloud_exports_duplicates", exposures={"repeats": "duplicates"}),
    _cloud_exports("cloud_exports_keyed", custom_events={"table": "events", "columns": {"row_key": "event_id"}}),
    _warehouse_native("warehouse_native"),
    _warehouse_native("warehouse_native_named", name="eu", exposures={"custom_ids": {"companyID": "company_id"}}),
]
