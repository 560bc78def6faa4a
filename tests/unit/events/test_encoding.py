import json
from typing import Any

import pyarrow as pa
import pytest
from canonical_frames import AT_MS, CUSTOM_EVENTS, EXPOSURES, canonical_frame, custom_event, exposure, outcome, records

from statsig_export.arrow.columns import TEXT
from statsig_export.events.encoding import encode
from statsig_export.events.reshape import reshape
from statsig_export.settings import SourceSettings
from statsig_export.vocabulary import EVENT_KEYS

HOSTILE = 'a"b\\c/\n\t\x00\x1f\x7fé\u2028\u2029😀\U0010ffff'
LIMIT = 1_000_000


def encoded(*rows: dict[str, Any], limit: int = LIMIT) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The stored events and the failed rows of custom events."""
    result = encode(reshape(canonical_frame(rows), CUSTOM_EVENTS, SourceSettings()).events, limit)
    return result.table.to_pylist(), records(result.failed)


def test_an_exposure_has_the_nine_keys_in_the_documented_order():
    text = outcome(exposure(statsig_metadata='{"sdkType":"py"}', reason="Network"), EXPOSURES)
    assert text == (
        '{"eventName":"statsig::gate_exposure","user":{"userID":"u"},"userID":"u",'
        f'"timestamp":{AT_MS},"statsigMetadata":{{"sdkType":"py"}},"value":"",'
        '"metadata":{"gate":"a_gate","gateValue":"true","ruleID":"a_rule","reason":"Network"},'
        '"timeUUID":"an-id","unitID":"userID"}'
    )
    assert tuple(json.loads(text)) == EVENT_KEYS


def test_a_custom_event_has_no_unit_id_at_all():
    text = outcome(custom_event(value="7", metadata='{"a":"b"}'), CUSTOM_EVENTS)
    assert text == (
        '{"eventName":"purchase","user":{"userID":"u"},"userID":"u",'
        f'"timestamp":{AT_MS},"statsigMetadata":{{}},"value":"7","metadata":{{"a":"b"}},"timeUUID":"an-id"}}'
    )


@pytest.mark.fault("F17")
def test_every_string_is_escaped_as_the_json_module_escapes_it():
    row = custom_event(event_name=HOSTILE, user_id=HOSTILE, value=HOSTILE, time_uuid=HOSTILE, user=None)
    quoted = json.dumps(HOSTILE, ensure_ascii=False)
    assert outcome(row, CUSTOM_EVENTS) == (
        f'{{"eventName":{quoted},"user":{{}},"userID":{quoted},"timestamp":{AT_MS},"statsigMetadata":{{}},'
        f'"value":{quoted},"metadata":{{}},"timeUUID":{quoted}}}'
    )
    assert f'"unitID":{quoted}}}' in outcome(exposure(unit_type=HOSTILE), EXPOSURES)


def test_user_and_statsig_metadata_pass_byte_for_byte():
    user = ' {"userID" : "u", "n": 1.50, "n": 12345678901234567890,\n "e": 1E2, "s": "\\u00e9\\/"} '
    text = outcome(custom_event(user=user, statsig_metadata='{"a": [null, -0.0]}'), CUSTOM_EVENTS)
    assert f'"user":{user},"userID"' in text
    assert '"statsigMetadata":{"a": [null, -0.0]},' in text


@pytest.mark.fault("F09", "F10", "F12", "F16")
@pytest.mark.parametrize("name", ["user", "statsig_metadata"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":1', "malformed_json"),
        ("", "malformed_json"),
        ("[1]", "wrong_type"),
        ('{"a":NaN}', "not_json_number"),
        ('{"a":"\\udfff and more"}', "not_unicode"),
    ],
)
def test_json_that_may_not_leave_fails_its_row_alone(name: str, text: str, reason: str):
    row = custom_event(user_id="u", time_uuid="bad", **{name: text} | ({} if name == "user" else {"user": "{}"}))
    events, failed = encoded(custom_event(time_uuid="first"), row, custom_event(time_uuid="last"))
    assert [each["time_uuid"] for each in events] == ["first", "last"]
    (fault,) = failed
    assert (fault["row_key"], fault["category"], fault["time_uuid"]) == ("2", "custom_event", "bad")
    assert fault["reason"] == reason
    assert fault["detail"].startswith("user" if name == "user" else "statsigMetadata")


def test_what_never_leaves_is_gone_from_every_json_column():
    secret = (
        '{"a":{"privateAttributes":{"ssn":"078-05"}},"secondaryExposures":[{"gate":"x"}],"\\u0070rivateAttributes":1}'
    )
    row = custom_event(user=secret, statsig_metadata=secret, metadata=secret)
    text = outcome(row, CUSTOM_EVENTS)
    assert json.loads(text)["user"] == json.loads(text)["statsigMetadata"] == {"a": {}}
    assert json.loads(text)["metadata"] == {"a": "{}"}
    for leak in ("rivateAttributes", "secondaryExposures", "078-05"):
        assert leak not in text


@pytest.mark.fault("F15")
def test_an_event_fails_that_exceeds_the_limit_in_bytes_of_utf8():
    (event,), _ = encoded(custom_event(value="é" * 100))
    size = len(event["event"].encode())
    assert size > len(event["event"])
    assert encoded(custom_event(value="é" * 100), limit=size)[1] == []
    events, failed = encoded(custom_event(value="é" * 100), custom_event(), limit=size - 1)
    assert [each["row_key"] for each in events] == ["2"]
    assert [(each["row_key"], each["reason"]) for each in failed] == [("1", "too_large")]


def test_the_table_has_the_columns_and_types_of_the_contract():
    rows = [custom_event(metadata=f'{{"a":{each}}}') for each in range(3)]
    table = encode(reshape(canonical_frame(rows), CUSTOM_EVENTS, SourceSettings()).events, LIMIT).table
    names = ["row_key", "category", "time_uuid", "event_name", "timestamp", "user_id", "unit_id", "event"]
    assert table.schema == pa.schema([(name, pa.int64() if name == "timestamp" else TEXT) for name in names])
    first = table.to_pylist()[0]
    event = json.loads(first.pop("event"))
    assert first == {
        "row_key": "1",
        "category": "custom_event",
        "time_uuid": event["timeUUID"],
        "event_name": event["eventName"],
        "timestamp": event["timestamp"],
        "user_id": event["userID"],
        "unit_id": None,
    }


def test_events_that_a_filter_left_are_encoded_in_their_order():
    rows = [custom_event(time_uuid=str(each), user=f'{{"userID":"{each}"}}') for each in range(6)]
    events = reshape(canonical_frame(rows), CUSTOM_EVENTS, SourceSettings()).events
    kept = events.filter(pa.array([False, True, False, True, True, False]))
    found = encode(kept, LIMIT).table.to_pylist()
    assert [json.loads(row["event"])["userID"] for row in found] == ["1", "3", "4"]


def test_no_events_give_an_empty_table():
    events = reshape(canonical_frame([custom_event()]), CUSTOM_EVENTS, SourceSettings()).events
    for empty in (events.slice(0, 0), reshape(canonical_frame([]), CUSTOM_EVENTS, SourceSettings()).events):
        result = encode(empty, LIMIT)
        assert (result.table.num_rows, len(result.failed)) == (0, 0)
        assert result.table.schema.field("event").type == TEXT
