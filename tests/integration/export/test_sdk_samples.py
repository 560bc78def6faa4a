"""Real SDK traffic through the layout sdk_log, on both databases, and what arrives held against the format's rules.

The rules are written down here a second time, over plain dicts, from the documentation of the format: neither the
library's reshaping nor its encoding has a part in what is expected.
"""

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from home import Home
from sqlalchemy import Engine, insert

from statsig_export.account import total
from statsig_export.layouts.native_tables import SDK_EVENTS, create_tables
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.receiver import Receiver

SAMPLES = Path(__file__).parents[2] / "samples"
DAY = datetime(2026, 11, 20)
KEYS = ["eventName", "user", "userID", "timestamp", "statsigMetadata", "value", "metadata", "timeUUID", "unitID"]
EXPOSURES = {f"statsig::{kind}_exposure" for kind in ("gate", "config", "experiment", "layer")}
TELEMETRY = {"statsig::diagnostics", "statsig::non_exposed_checks"}


def logged() -> list[tuple[dict, dict]]:
    """(event, the request's statsigMetadata) of every logged event of the samples, in order."""
    found = []
    for file in sorted(SAMPLES.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            request = json.loads(line)
            if request["kind"] == "log_event":
                body = request["body"]
                found += [(event, body.get("statsigMetadata", {})) for event in body["events"]]
    return found


def rows() -> list[dict]:
    return [
        {"id": key, "received_at": DAY + timedelta(seconds=key), "event": event, "statsig_metadata": metadata}
        for key, (event, metadata) in enumerate(logged(), start=1)
    ]


def without(value, keys):
    if isinstance(value, dict):
        return {key: without(inner, keys) for key, inner in value.items() if key not in keys}
    return [without(inner, keys) for inner in value] if isinstance(value, list) else value


def as_string(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def expected_name(event: dict) -> str:
    metadata = event.get("metadata") or {}
    experiment = metadata.get("configExposureType") == "experiment" or metadata.get("experimentGroupName")
    if event["eventName"] == "statsig::config_exposure" and experiment:
        return "statsig::experiment_exposure"
    return event["eventName"]


def expected_unit(event: dict) -> str:
    user = event.get("user") or {}
    custom = list(user.get("customIDs") or {})
    return custom[0] if not user.get("userID") and len(custom) == 1 else "userID"


def check(sent: dict, event: dict, request_metadata: dict) -> None:
    """Every key of a received event against the logged one."""
    name = expected_name(event)
    exposure = name in EXPOSURES
    assert list(sent) == [key for key in KEYS if exposure or key != "unitID"]
    assert sent["eventName"] == name
    assert sent["user"] == without(event.get("user") or {}, {"privateAttributes", "secondaryExposures"})
    assert sent["userID"] == (event.get("user") or {}).get("userID", "")
    assert type(sent["timestamp"]) is int
    assert sent["timestamp"] == event["time"]
    assert sent["statsigMetadata"] == {**request_metadata, **(event.get("statsigMetadata") or {})}
    value = event.get("value")
    assert sent["value"] == ("" if exposure or value is None else as_string(value))
    wanted = {key: as_string(inner) for key, inner in (event.get("metadata") or {}).items() if inner is not None}
    if name == "statsig::experiment_exposure":
        wanted.setdefault("experimentGroupName", "")
    assert sent["metadata"] == {key: inner for key, inner in wanted.items() if key != "secondaryExposures"}
    assert isinstance(sent["timeUUID"], str)
    if exposure:
        assert sent["unitID"] == expected_unit(event)


def with_the_samples(engine: Engine) -> None:
    create_tables(engine, "sdk_log")
    with engine.begin() as connection:
        connection.execute(insert(SDK_EVENTS), rows())


@pytest.mark.parametrize("telemetry", [False, True])
def test_every_logged_event_arrives_as_the_rules_say(databases, receiver: Receiver, tmp_path: Path, *, telemetry: bool):
    home = Home(tmp_path, receiver, databases("source"), databases("ledger"))
    home.set("source", layout="sdk_log")
    home.set("filter", custom_events={"events": dict.fromkeys(TELEMETRY, telemetry)} if telemetry else {})
    home.set("webhook", max_events=20)
    home.on_source(with_the_samples)
    report = home.export()
    home.ship()

    everything = logged()
    wanted = [(event, metadata) for event, metadata in everything if telemetry or event["eventName"] not in TELEMETRY]
    account = total(line.account for line in status(home.config))
    assert len(everything) >= 90
    assert report.rows_read == len(everything)
    assert account.balances
    assert (account.forwarded, account.failed, account.pending) == (len(wanted), 0, 0)
    assert account.filtered_by == ({} if telemetry else {"sdk_telemetry": len(everything) - len(wanted)})

    # The database's key is the only thing that ties a received event to its row: it is in the derived timeUUID.
    by_key = {int(event["timeUUID"].replace("-", "")[-15:], 16): event for event in receiver.events()}
    assert len(by_key) == len(receiver.events()) == len(wanted)
    for key, (event, metadata) in enumerate(everything, start=1):
        if telemetry or event["eventName"] not in TELEMETRY:
            check(by_key[key], event, metadata)


def test_the_samples_hold_every_kind_an_sdk_logs():
    names = Counter(event["eventName"] for event, _ in logged())

    assert {"statsig::gate_exposure", "statsig::config_exposure", "statsig::layer_exposure"} <= set(names)
    assert any(not name.startswith("statsig::") for name in names)
    assert any(
        "privateAttributes" in json.dumps(line) for line in (SAMPLES / "sdk-js-client.jsonl").read_text().splitlines()
    )
