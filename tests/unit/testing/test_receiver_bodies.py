"""The stand-in webhook's own reader of bodies: which it takes, and how it names what is wrong with the others."""

import json

import pytest

from statsig_export.testing.webhook.event_reader import Event, read_events
from statsig_export.testing.webhook.http_wire import RefusedError


def custom_event(**changes: object) -> Event:
    event: Event = {
        "eventName": "product_view",
        "user": {"userID": "u_1", "custom": {"plan": "pro", "tags": ["a", None, 1.5]}},
        "userID": "u_1",
        "timestamp": 1_793_491_200_000,
        "statsigMetadata": {"sdkType": "python", "sdkVersion": None},
        "value": "",
        "metadata": {},
        "timeUUID": "uuid-1",
    }
    return {**event, **changes}


def exposure(**changes: object) -> Event:
    return {**custom_event(eventName="statsig::gate_exposure"), "unitID": "userID", **changes}


def without(event: Event, key: str) -> Event:
    return {name: value for name, value in event.items() if name != key}


def text(*events: Event) -> bytes:
    return json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()


BAD_BODIES = {
    "no JSON": (b"[{", "not JSON"),
    "nothing": (b"", "not JSON"),
    "no array": (text(custom_event())[1:-1], "not JSON at character 0"),
    "a byte order mark": (b"\xef\xbb\xbf" + text(custom_event()), "not JSON at character 0"),
    "more after the array": (text(custom_event()) + b"x", "not JSON"),
    "a comma before the end": (text(custom_event())[:-1] + b",]", "not JSON"),
    "no comma between events": (text(custom_event())[:-1] + text(custom_event())[1:], "not JSON"),
    "an empty array": (b" [ ] ", "the array is empty"),
    "an array of numbers": (b"[1]", "event 0: it is not an object"),
    "invalid UTF-8": (text(custom_event()).replace(b"pro", b"p\xff"), "not UTF-8"),
    "a raw control character": (text(custom_event()).replace(b"pro", b"p\no"), "not JSON"),
    "NaN": (text(custom_event()).replace(b"1.5", b"NaN"), "event 0: NaN and Infinity are no JSON numbers"),
    "minus Infinity": (text(custom_event()).replace(b"1.5", b"-Infinity"), "event 0: NaN and Infinity"),
    "a number of 10,000 digits": (text(custom_event()).replace(b"1.5", b"1" * 10_000), "a number is too long"),
    "a lone surrogate": (text(custom_event()).replace(b"pro", b"\\ud83d"), "event 0: a surrogate escape stands alone"),
    "deep nesting": (text(custom_event()).replace(b"1.5", b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
    "a key twice": (text(custom_event()).replace(b'{"eventName"', b'{"value":"","eventName"'), "a key comes twice"),
    "a tenth key": (text(custom_event(secret_key=1)), "event 0: a key that is none of the nine"),
    "a missing key": (text(custom_event(), without(custom_event(), "value")), "event 1: value missing"),
    "unitID on a custom event": (text(custom_event(unitID="userID")), "unitID on an event that is no exposure"),
    "no unitID on an exposure": (text(without(exposure(), "unitID")), "event 0: unitID missing"),
    "unitID null": (text(exposure(unitID=None)), "unitID is not the name of an ID type"),
    "eventName empty": (text(custom_event(eventName="")), "eventName is empty"),
    "timeUUID empty": (text(custom_event(timeUUID="")), "timeUUID is empty"),
    "user as an array": (text(custom_event(user=[])), "user is not an object"),
    "userID null": (text(custom_event(userID=None)), "userID is not a string"),
    "timestamp as another text": (text(custom_event(timestamp="2026-11-01")), "timestamp is not an integer"),
    "timestamp true": (text(custom_event(timestamp=True)), "timestamp is not an integer"),
    "timestamp with a fraction": (text(custom_event(timestamp=1793491200000.0)), "timestamp is not an integer"),
    "value as a number": (text(custom_event(value=7)), "value is not a string"),
    "statsigMetadata null": (text(custom_event(statsigMetadata=None)), "statsigMetadata is not an object"),
    "metadata holds a number": (text(custom_event(metadata={"secret_key": 1})), "metadata holds something else"),
    "private attributes": (text(custom_event(user={"a": [{"privateAttributes": {}}]})), "it holds privateAttributes"),
    "escaped private attributes": (
        text(custom_event()).replace(b'"plan"', b'"private\\u0041ttributes"'),
        "it holds privateAttributes",
    ),
}


@pytest.mark.parametrize(("body", "reason"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_body_is_refused_with_a_reason_that_echoes_no_payload(body: bytes, reason: str):
    with pytest.raises(RefusedError) as caught:
        read_events(body)
    assert caught.value.status == 400
    assert reason in caught.value.reason
    assert "secret_key" not in caught.value.reason


def test_each_event_is_read_together_with_its_text_as_it_came():
    pretty = json.dumps([custom_event(), exposure()], indent=2)
    read = read_events(f"\n {pretty}\r\n".encode())
    assert [each.event for each in read] == [custom_event(), exposure()]
    assert all(each.text in pretty for each in read)
    assert [json.loads(each.text) for each in read] == [custom_event(), exposure()]


def test_duplicate_keys_space_and_escapes_inside_the_user_are_legitimate():
    body = text(custom_event()).replace(b'"plan":"pro"', b'"plan" : "free",\r\n"plan":\t"\\ud83d\\ude00"')
    user = read_events(body)[0].event["user"]
    assert isinstance(user, dict)
    assert user["custom"]["plan"] == "\U0001f600"
