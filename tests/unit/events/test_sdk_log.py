"""The samples are one HTTP request a line, as SDKs sent it to a stand-in for Statsig."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from canonical_frames import AT_MS, SDK_EVENTS, log_frame, outcomes, records

from statsig_export.arrow.columns import TEXT, array, frame_of
from statsig_export.events.encoding import encode
from statsig_export.events.filters import verdicts
from statsig_export.events.reshape import reshape
from statsig_export.settings import FilterSettings, SourceSettings
from statsig_export.vocabulary import EVENT_KEYS, TELEMETRY, categorize

SAMPLES = Path(__file__).parents[2] / "samples"
GATE = "statsig::gate_exposure"
CONFIG = "statsig::config_exposure"


def logged(**keys: Any) -> str:  # noqa: ANN401
    """An SDK's event as JSON text."""
    return json.dumps({"eventName": "purchase", "user": {"userID": "u"}, "time": AT_MS, **keys})


def outcome(event: str | None, request: str | None = None, unit_types: dict[str, str] | None = None) -> str:
    return outcomes(log_frame([(event, request)]), SDK_EVENTS, unit_types)["1"]


def sent(event: str, request: str | None = None, unit_types: dict[str, str] | None = None) -> dict[str, Any]:
    """The event that leaves."""
    found: dict[str, Any] = json.loads(outcome(event, request, unit_types))
    return found


def failure(event: str | None, request: str | None = None) -> tuple[str, str, str]:
    (failed,) = records(reshape(log_frame([(event, request)]), SDK_EVENTS, SourceSettings()).failed)
    return failed["category"], failed["reason"], failed["detail"]


def test_a_config_that_the_configuration_calls_an_experiment_is_one():
    settings = SourceSettings(exposure_types={"button_color": "experiment", "banner": "config", "a_gate": "experiment"})
    events = [
        logged(eventName=CONFIG, metadata={"config": "button_color", "ruleID": "r"}),
        logged(eventName=CONFIG, metadata={"config": "banner", "ruleID": "r"}),
        logged(eventName=GATE, metadata={"gate": "a_gate", "gateValue": "true", "ruleID": "r"}),
    ]
    reshaped = reshape(log_frame([(event, None) for event in events]), SDK_EVENTS, settings)
    assert reshaped.events["event_name"].to_pylist() == ["statsig::experiment_exposure", CONFIG, GATE]


def test_an_exposure_is_taken_apart_and_put_together_in_the_documented_order():
    metadata = {"lcut": "1", "reason": "Network", "ruleID": "r", "gateValue": "false", "gate": "g"}
    event = logged(eventName=GATE, metadata=metadata, value=None, secondaryExposures=[{"gate": "hidden"}])
    text = outcome(event, '{"sdkType": "py"}')
    assert text.replace(json.loads(text)["timeUUID"], "-") == (
        f'{{"eventName":"{GATE}","user":{{"userID": "u"}},"userID":"u","timestamp":{AT_MS},'
        '"statsigMetadata":{"sdkType": "py"},"value":"",'
        '"metadata":{"gate":"g","gateValue":"false","ruleID":"r","reason":"Network","lcut":"1"},'
        '"timeUUID":"-","unitID":"userID"}'
    )


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({}, CONFIG),
        ({"configExposureType": "dynamicConfig"}, CONFIG),
        ({"configExposureType": "experiment"}, "statsig::experiment_exposure"),
        ({"experimentGroupName": "Test"}, "statsig::experiment_exposure"),
        ({"experimentGroupName": None}, CONFIG),
    ],
)
def test_an_experiment_is_told_from_a_dynamic_config_by_its_metadata(metadata: dict[str, str], name: str):
    event = sent(logged(eventName=CONFIG, metadata={"config": "c", "ruleID": "r", **metadata}))
    assert event["eventName"] == name
    group = {"experimentGroupName": metadata.get("experimentGroupName", "")} if name != CONFIG else {}
    others = {key: value for key, value in metadata.items() if value and key != "experimentGroupName"}
    assert event["metadata"] == {"config": "c", "ruleID": "r"} | group | others


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("null", ""),
        ('""', ""),
        ('"x"', "x"),
        ("7", "7"),
        ("7.0", "7"),
        ("19.99", "19.99"),
        ("1e21", "1000000000000000000000"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("true", "true"),
        ('{"a": [1.0]}', '{"a":[1.0]}'),
    ],
)
def test_a_value_of_any_type_becomes_a_string(value: str, text: str):
    event = logged(value="?").replace('"?"', value)
    assert sent(event)["value"] == text


@pytest.mark.parametrize(
    ("request_metadata", "of_event", "expected"),
    [
        (None, None, "{}"),
        (None, '{"a": 1.0}', '{"a": 1.0}'),
        ('{"a": 1.0}', None, '{"a": 1.0}'),
        ('{"a": 1.0}', "{}", '{"a": 1.0}'),
        ("{}", '{"a": 1.0}', '{"a": 1.0}'),
        ('{"a": 1.0, "b": 1E2}', '{"c": null, "a": "over"}', '{"a":"over","b":1E2,"c":null}'),
    ],
)
def test_the_events_statsig_metadata_lies_over_the_requests(
    request_metadata: str | None, of_event: str | None, expected: str
):
    event = logged(statsigMetadata="?").replace('"?"', of_event or "null")
    assert f'"statsigMetadata":{expected},' in outcome(event, request_metadata)


@pytest.mark.parametrize(
    ("user", "unit"),
    [
        ({"userID": "u", "customIDs": {"stableID": "s"}}, "userID"),
        ({"userID": "", "customIDs": {"stableID": "s"}}, "stableID"),
        ({"customIDs": {"companyID": "c"}}, "companyID"),
        ({"userID": None, "customIDs": {"companyID": "c", "stableID": None, "other": ""}}, "companyID"),
        ({"customIDs": {"companyID": "c", "stableID": "s"}}, "userID"),
        ({"customIDs": {}}, "userID"),
        ({"customIDs": ["stableID"]}, "userID"),
        ({"customIDs": []}, "userID"),
        ([], "userID"),
        ({}, "userID"),
        (None, "userID"),
    ],
)
def test_the_unit_of_a_user_without_user_id_is_its_only_custom_id(user: dict[str, Any] | list[Any] | None, unit: str):
    event = logged(eventName=GATE, metadata={"gate": "g", "gateValue": "true"}, user=user)
    assert sent(event)["unitID"] == unit
    assert sent(event, unit_types={"g": "configured", "h": "other"})["unitID"] == "configured"


def test_a_users_numeric_id_becomes_text():
    event = sent(logged(user={"userID": 12345678901234567890}))
    assert (event["userID"], event["user"]) == ("12345678901234567890", {"userID": 12345678901234567890})


@pytest.mark.parametrize("time", [AT_MS, str(AT_MS), AT_MS / 1000, "2026-11-03T12:30:15.123Z", float(AT_MS)])
def test_the_time_may_be_a_number_or_a_text(time: float | str):
    assert sent(logged(time=time))["timestamp"] == AT_MS


@pytest.mark.parametrize("time", [None, True, [], {}, "soon", -1])
def test_any_other_time_fails(time: object):
    assert failure(logged(time=time)) == ("custom_event", "bad_timestamp", "timestamp")


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (None, ("custom_event", "wrong_type", "event is null")),
        ("[]", ("custom_event", "wrong_type", "event is no JSON object")),
        ('{"eventName":', ("custom_event", "malformed_json", "event, character 13")),
        (logged(secondaryExposures=[float("nan")]), ("custom_event", "not_json_number", "event")),
        (logged(eventName=7), ("custom_event", "wrong_type", "eventName is no string")),
        (logged(eventName=None), ("custom_event", "missing_event_name", "event_name")),
        ("{}", ("custom_event", "missing_event_name", "event_name")),
        (logged(eventName="\udc00"), ("custom_event", "not_unicode", "event")),
        (logged(eventName=GATE, metadata=[0]), ("gate_exposure", "wrong_type", "metadata is no JSON object")),
        (logged(eventName=GATE, metadata=None), ("gate_exposure", "missing_name", "name")),
        (logged(eventName=GATE, metadata={"gate": "g"}), ("gate_exposure", "missing_gate_value", "gate_value")),
        (logged(eventName=CONFIG, metadata={"gate": "g"}), ("config_exposure", "missing_name", "name")),
        (logged(eventName="statsig::config_change", time=None), ("config_change", "bad_timestamp", "timestamp")),
        (logged(metadata="text"), ("custom_event", "wrong_type", "metadata is no JSON object")),
        (logged(user={"name": "\ud83d"}), ("custom_event", "not_unicode", "event")),
        (
            logged(value=1).replace('"value": 1', '"value": 1e999'),
            ("custom_event", "not_json_number", "value: exponent beyond 400"),
        ),
    ],
)
def test_what_is_no_event_fails_with_its_reason(event: str | None, fault: tuple[str, str, str]):
    assert failure(event) == fault


def test_a_request_metadata_that_is_no_object_fails():
    assert outcome(logged(), "[1]") == "[wrong_type]"
    assert outcome(logged(statsigMetadata={"a": 1}), "[1]") == "[wrong_type]"
    assert outcome(logged(statsigMetadata=[1]), '{"a":1}') == "[wrong_type]"


@pytest.mark.fault("F242")
@pytest.mark.parametrize("key", ["metadata", "statsigMetadata", "user"])
def test_an_empty_list_is_the_empty_map_that_php_writes_so(key: str):
    assert outcome(logged(**{key: []})) == outcome(logged(**{key: {}}))
    assert outcome(logged().replace("{", f'{{"{key}": [ ], ', 1)) == outcome(
        logged().replace("{", f'{{"{key}":{{}},', 1)
    )


@pytest.mark.fault("F242")
def test_an_empty_list_adds_nothing_to_the_metadata_of_the_request_and_takes_nothing_away():
    assert sent(logged(statsigMetadata=[]), '{"a":1}')["statsigMetadata"] == {"a": 1}
    assert sent(logged(statsigMetadata={"a": 1}), "[]")["statsigMetadata"] == {"a": 1}
    assert sent(logged(), "[]")["statsigMetadata"] == {}


@pytest.mark.fault("F242")
def test_an_exposure_with_an_empty_list_of_metadata_fails_for_what_it_does_not_say():
    assert failure(logged(eventName=GATE, metadata=[])) == ("gate_exposure", "missing_name", "name")


@pytest.mark.fault("F243")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(value, "true") for value in (True, "true", "True", "TRUE", 1, "1", 1.0)],
        *[(value, "false") for value in (False, "false", "False", "FALSE", 0, "0", 0.0)],
    ],
)
def test_a_gate_value_is_read_as_any_sdk_may_write_it(value: object, expected: str):
    event = logged(eventName=GATE, metadata={"gate": "g", "gateValue": value, "ruleID": "r"})
    assert sent(event)["metadata"] == {"gate": "g", "gateValue": expected, "ruleID": "r"}


@pytest.mark.parametrize("value", ["", "2", 2, -1, None, {}, [], [True]])
def test_a_gate_value_that_is_neither_fails(value: object):
    event = logged(eventName=GATE, metadata={"gate": "g", "gateValue": value})
    assert failure(event) == ("gate_exposure", "missing_gate_value", "gate_value")


RECEIVED = [
    array([datetime(2026, 11, 3, 12, 30, 15, 123_000)], pa.timestamp("us")),
    array(["2026-11-03 12:30:15.123"], TEXT),
    array([str(AT_MS)], TEXT),
]


@pytest.mark.fault("F241")
@pytest.mark.parametrize("received_at", RECEIVED)
@pytest.mark.parametrize("time", [None, "", "no such key"])
def test_an_event_without_a_time_is_of_when_it_was_received(received_at: pa.Array, time: str | None):
    event = logged(time=time)
    if time == "no such key":
        event = json.dumps({key: value for key, value in json.loads(event).items() if key != "time"})
    frame = log_frame([(event, None)]).assign(received_at=frame_of({"at": received_at})["at"])
    assert json.loads(outcomes(frame, SDK_EVENTS)["1"])["timestamp"] == AT_MS


@pytest.mark.fault("F241")
@pytest.mark.parametrize("time", [True, [], {}, "soon", -1, 0, AT_MS])
def test_a_time_that_an_event_has_is_its_own_however_bad(time: object):
    frame = log_frame([(logged(time=time), None)])
    received = frame.assign(received_at=frame_of({"at": array(["2026-11-03 13:00"], TEXT)})["at"])
    assert outcomes(received, SDK_EVENTS) == outcomes(frame, SDK_EVENTS)


def test_an_unreadable_event_fails_as_the_source_says():
    frame = log_frame([(logged(), None), (None, None)])
    frame.loc[1, "unreadable"] = "event"
    frame.loc[1, "unreadable_reason"] = "not_unicode"
    (failed,) = records(reshape(frame, SDK_EVENTS, SourceSettings()).failed)
    assert (failed["row_key"], failed["reason"], failed["detail"]) == ("2", "not_unicode", "event")


def test_an_empty_chunk_of_the_log_gives_empty_frames():
    reshaped = reshape(log_frame([]), SDK_EVENTS, SourceSettings())
    assert (len(reshaped.events), len(reshaped.failed)) == (0, 0)


# Every event of the samples


def samples() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every event of the samples with its request's statsigMetadata."""
    files = [file.read_text(encoding="utf-8") for file in sorted(SAMPLES.glob("*.jsonl"))]
    requests = [json.loads(line) for text in files for line in text.splitlines()]
    logs = [request["body"] for request in requests if request["kind"] == "log_event"]
    return [(event, log["statsigMetadata"]) for log in logs for event in log["events"]]


EXPOSURE_KEYS = {
    GATE: ["gate", "gateValue", "ruleID", "reason"],
    CONFIG: ["config", "ruleID", "reason"],
    "statsig::layer_exposure": ["config", "ruleID", "reason"],
}


def as_string(value: object) -> str:
    """The string of a metadata value in the samples, which hold no number with an exponent."""
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value, separators=(",", ":"))


def test_every_event_of_the_samples_leaves_by_the_rules_or_is_filtered_as_telemetry():
    logs = samples()
    frame = log_frame([(json.dumps(event), json.dumps(request)) for event, request in logs])
    reshaped = reshape(frame, SDK_EVENTS, SourceSettings())
    assert records(reshaped.failed) == []
    rules = verdicts(reshaped.events, FilterSettings())
    names = [event["eventName"] for event, _ in logs]
    assert [rule == "sdk_telemetry" for rule in rules.to_pylist()] == [name in TELEMETRY for name in names]
    result = encode(reshaped.events.filter(rules.is_null()), 1_000_000)
    assert len(result.failed) == 0
    forwarded = [pair for pair in logs if pair[0]["eventName"] not in TELEMETRY]
    assert len(forwarded) == result.table.num_rows > 90
    for row, (event, request) in zip(result.table.to_pylist(), forwarded, strict=True):
        assert_follows_the_rules(row, event, request)
    assert len({row["time_uuid"] for row in result.table.to_pylist()}) == len(forwarded)


def assert_follows_the_rules(row: dict[str, Any], event: dict[str, Any], request: dict[str, Any]) -> None:
    found = json.loads(row["event"])
    name = event["eventName"]
    exposed = name in EXPOSURE_KEYS
    assert tuple(found) == (EVENT_KEYS if exposed else EVENT_KEYS[:-1])
    assert found["eventName"] == name
    assert row["category"] == categorize(name)
    assert found["user"] == event["user"]
    assert found["userID"] == event["user"].get("userID", "")
    assert found["timestamp"] == event["time"]
    assert found["statsigMetadata"] == request | (event.get("statsigMetadata") or {})
    value = event.get("value")
    assert found["value"] == ("" if value is None else as_string(value))
    metadata = {key: as_string(of) for key, of in (event.get("metadata") or {}).items() if of is not None}
    assert found["metadata"] == metadata
    if exposed:
        keys = EXPOSURE_KEYS[name]
        assert list(found["metadata"])[: len(keys)] == keys
        alone = not event["user"].get("userID") and len(event["user"].get("customIDs", {})) == 1
        assert found["unitID"] == (next(iter(event["user"]["customIDs"])) if alone else "userID")
    assert "secondaryExposures" not in row["event"]
    assert found["timeUUID"] == row["time_uuid"]
