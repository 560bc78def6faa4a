"""Rows of every layout: each is whole and right, and a test names the columns that it is about."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 20, 12)
"""Naive and UTC, as the native tables hold times."""
AT = "2026-11-20 12:00:00.250"
"""As text, in the tables that Statsig lays down."""


def utc(hour: int, minute: int = 0) -> datetime:
    """A moment of the day that the rows are of."""
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


def custom_event(key: int, name: str | None = "page_view", **columns: object) -> dict[str, object]:
    """Layout `native`."""
    row = {
        "id": key,
        "time_uuid": None,
        "event_name": name,
        "user_id": f"user-{key}",
        "user": {"userID": f"user-{key}", "email": f"user-{key}@example.org"},
        "value": None,
        "metadata": {"page": "/home"},
        "statsig_metadata": {"sdkType": "py"},
        "timestamp": NOON + timedelta(milliseconds=key),
        "ingested_at": NOON + timedelta(seconds=1, milliseconds=key),
    }
    return {**row, **columns}


def exposure(key: int, kind: str = "gate", **columns: object) -> dict[str, object]:
    """Layout `native`."""
    row = {
        "id": key,
        "time_uuid": None,
        "exposure_type": kind,
        "name": f"the_{kind}",
        "rule_id": "rule",
        "gate_value": True if kind == "gate" else None,
        "group_name": "test" if kind == "experiment" else None,
        "reason": "Network:Recognized",
        "unit_type": "userID",
        "user_id": f"user-{key}",
        "user": {"userID": f"user-{key}"},
        "metadata": {},
        "statsig_metadata": {},
        "timestamp": NOON,
        "ingested_at": NOON + timedelta(seconds=1),
    }
    return {**row, **columns}


def first_exposure(**columns: object) -> dict[str, object]:
    """Layout `cloud_exports`."""
    row = {
        "company_id": "acme",
        "unit_id": "user-1",
        "unit_type": "user_id",
        "exposure_type": "get_experiment",
        "name": "new_checkout",
        "rule": "rule-1",
        "experiment_group": "Test",
        "first_exposure_utc": AT,
        "as_of_pst_date": "2026-11-21",
        "percent": 0.5,
        "user_dimensions": '{"country":"NZ"}',
        "inserted_at": "2026-11-20 18:00:00",
    }
    return {**row, **columns}


def exported_event(**columns: object) -> dict[str, object]:
    """Layouts `cloud_exports` and `warehouse_native`, whose tables of events are alike."""
    row = {
        "user_id": "user-1",
        "stable_id": None,
        "timestamp": AT,
        "event_name": "purchase",
        "event_value": "19.99",
        "user_object": '{"userID":"user-1","email":"u@example.org"}',
        "statsig_metadata": '{"sdkType":"js"}',
        "company_metadata": '{"item":"socks"}',
    }
    return {**row, **columns}


def forwarded_exposure(**columns: object) -> dict[str, object]:
    """Layout `warehouse_native`."""
    row = {
        "experiment_id": "new_checkout",
        "group_id": "group-1",
        "group_name": "Control",
        "user_id": "user-1",
        "stable_id": None,
        "company_id": None,
        "timestamp": AT,
        "user_dimensions": None,
    }
    return {**row, **columns}
