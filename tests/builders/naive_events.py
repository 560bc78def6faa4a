"""The rules of the export a second time, as simply as possible: one row of plain values in, the expected result out.

Shares no code with the library. A row is a dict of what the database has: None, int, float, or the bytes of a text.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

NEVER_SENT = {"privateAttributes", "secondaryExposures"}
TELEMETRY = {"statsig::diagnostics", "statsig::non_exposed_checks"}
NAME_KEY = {"gate": "gate", "config": "config", "experiment": "config", "layer": "config"}
TRUE = (1, b"1", b"t", b"true", b"y", b"yes", b"on", b"\x01")
FALSE = (0, b"0", b"f", b"false", b"n", b"no", b"off", b"\x00")
DEEPEST = 1_000
LARGEST_EXPONENT = 400


class Number(NamedTuple):
    """A JSON number: equal to another by its text, and to no string."""

    literal: str


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object with all its members in their order, those of one key too."""

    __slots__ = ()


class Bad(Exception):  # noqa: N818
    """The row fails. Holds the reasons that are right for it."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = set(reasons)


@dataclass
class Expected:
    """What has to become of a row: one of the three is set."""

    start: str = ""
    """Of the event: everything before the value of `metadata`."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """The string of each key; where the row holds an object or an array, what that means."""
    end: str = ""
    loose_user: Any = None
    """User and statsigMetadata, where they cannot be compared as text since something in them never leaves."""
    filtered: bool = False
    failed: set[str] = field(default_factory=set)


def expected(row: Mapping[str, Any], table: str, moment_ms: int | None) -> Expected:
    """What has to become of a row of `exposures` or `custom_events`, with no filter set."""
    faults: set[str] = set()
    text = {
        name: _noted(faults, _text, value) for name, value in row.items() if name not in {"timestamp", "gate_value"}
    }
    if any(len((value or "").encode()) > 4 * 999_998 for value in text.values() if isinstance(value, str | None)):
        return Expected(failed={"too_large"})  # nothing else is looked at
    for name in ("user", "metadata", "statsig_metadata"):
        text[name] = None if text[name] is not None and _is_empty(text[name]) else text[name]
    if moment_ms is None:
        faults |= {"bad_timestamp"} | _reasons(_text, row["timestamp"])
    name, own = _noted(faults, _exposure if table == "exposures" else _custom, row, text) or ("", {})
    metadata = _noted(faults, _strings, text["metadata"]) or {}
    if table == "exposures" and name == "statsig::gate_exposure" and own.get("gateValue") is None:
        said = str(metadata.get("gateValue")).lower()
        own["gateValue"] = {"1": "true", "0": "false"}.get(said, said)
        if own["gateValue"] not in ("true", "false"):
            faults.add("missing_gate_value")
    user_id = text["user_id"] if text["user_id"] is not None else _noted(faults, _user_id, text["user"])
    if faults:
        return Expected(failed=faults)
    if name in TELEMETRY:
        return Expected(filtered=True)
    late: set[str] = set()
    for column in ("user", "statsig_metadata"):
        _noted(late, _object, text[column])
    if late:
        return Expected(failed=late)
    text |= {"user_id": user_id or "", "time_uuid": text["time_uuid"] or naive_id(row["id"], table)}
    unit = f',"unitID":{_quoted(text["unit_type"] or "userID")}' if table == "exposures" else ""
    return _event(text, name, metadata | own, moment_ms, unit)


def _is_empty(text: str) -> bool:
    """A JSON null, or the empty list that PHP writes for an empty map."""
    return text == "null" or "".join(text.split(" ")).strip("\t\r\n") == "[]"


def check(event: str, wanted: Expected) -> None:
    """Raises AssertionError unless the event is the one that is wanted."""
    members = json.loads(event, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number)
    keys = [key for key, _ in members]
    assert len(set(keys)) == len(keys)
    assert event.endswith(wanted.end)
    if wanted.loose_user is None:
        assert event.startswith(wanted.start)
        found = json.loads(event[len(wanted.start) : -len(wanted.end)], object_pairs_hook=Pairs)
    else:
        assert [dict(members)[key] for key in ("user", "statsigMetadata")] == wanted.loose_user
        found = dict(members)["metadata"]
    assert isinstance(found, Pairs)
    # Of a key that the row's own metadata has twice, the last counts, as for every reader of JSON.
    assert {key: _like(value, wanted.metadata.get(key)) for key, value in dict(found).items()} == wanted.metadata


def naive_id(key: int, table: str) -> str:
    """The timeUUID of a row that has none."""
    digest = hashlib.sha256(json.dumps(["", table]).encode()).digest()
    if not 0 <= key < 2**60:
        return str(uuid.uuid5(uuid.UUID(bytes=digest[:16], version=5), str(key)))
    own = digest[16:].hex()
    digits = f"{own[:12]}8{own[12:15]}{'89ab'[digest[-1] % 4]}{key:015x}"
    return str(uuid.UUID(digits))


def _event(text: Mapping[str, Any], name: str, metadata: dict[str, Any], moment_ms: int | None, unit: str) -> Expected:
    user, statsig = text["user"] or "{}", text["statsig_metadata"] or "{}"
    start = f'{{"eventName":{_quoted(name)},"user":{user},"userID":{_quoted(text["user_id"])},"timestamp":{moment_ms},'
    start += f'"statsigMetadata":{statsig},"value":{_quoted(text.get("value") or "")},"metadata":'
    end = f',"timeUUID":{_quoted(text["time_uuid"])}{unit}}}'
    made = Expected(start=start, metadata=metadata, end=end)
    if len((start + end).encode()) + sum(len(str(value)) for value in metadata.values()) > 999_998:
        return Expected(failed={"too_large"})
    objects = [_parsed(user), _parsed(statsig)]
    if any(_holds_never_sent(value) for value in objects):
        held = (_holds_never_sent(value) for value in objects)
        made.loose_user = [
            _without_never_sent(_unique(value)) if holds else value for value, holds in zip(objects, held, strict=True)
        ]
    return made


def _exposure(row: Mapping[str, Any], text: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    reasons = _reasons(_truth, row["gate_value"])
    kind = text["exposure_type"]
    if kind == "config" and row["group_name"] is not None:
        kind = "experiment"
    if kind not in NAME_KEY:
        reasons.add("unknown_exposure_type")
    if not text["name"]:
        reasons.add("missing_name")
    if reasons:
        raise Bad(*reasons)
    own = {NAME_KEY[kind]: text["name"], "ruleID": text["rule_id"] or ""}
    if kind == "gate":
        own["gateValue"] = _truth(row["gate_value"])
    if kind == "experiment":
        own["experimentGroupName"] = text["group_name"] or ""
    if text["reason"] is not None:
        own["reason"] = text["reason"]
    return f"statsig::{kind}_exposure", own


def _custom(_: Mapping[str, Any], text: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if not text["event_name"]:
        raise Bad("missing_event_name")
    if text["event_name"] in {f"statsig::{kind}_exposure" for kind in NAME_KEY}:
        raise Bad("exposure_name_in_custom_events")
    return text["event_name"], {}


def _truth(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.strip(b" ").lower()
    if value not in (*TRUE, *FALSE):
        raise Bad("wrong_type")
    return "true" if value in TRUE else "false"


def _text(value: object) -> str | None:
    """A stored value as text; a number in its shortest positional form."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Bad("not_unicode") from None
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise Bad("not_json_number")
        return _positional(repr(value))
    return None if value is None else str(value)


def _positional(literal: str) -> str:
    number = Decimal(literal)
    if number and abs(number.adjusted()) > LARGEST_EXPONENT and ("e" in literal or "E" in literal):
        raise Bad("not_json_number")
    digits = f"{number:f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return digits if number else "0"


def _parsed(text: str) -> Any:  # noqa: ANN401
    def refuse(_: str) -> NoReturn:
        raise Bad("not_json_number")

    if text.count("[") > DEEPEST or text.count("{") > DEEPEST:
        raise Bad("malformed_json")
    try:
        found = json.loads(text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=refuse)
    except json.JSONDecodeError:
        raise Bad("malformed_json") from None
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Bad("not_unicode") from None
    return found


def _object(text: str | None) -> Pairs:
    found = Pairs() if text is None else _parsed(text)
    if not isinstance(found, Pairs):
        raise Bad("wrong_type")
    return found


def _user_id(user: str | None) -> str:
    try:
        found = dict(_object(user)).get("userID")
    except Bad:
        return ""  # the user itself is what is wrong
    if isinstance(found, bool | Pairs | list):
        raise Bad("wrong_type")
    return _positional(found.literal) if isinstance(found, Number) else found or ""


def _strings(metadata: str | None) -> dict[str, Any]:
    strings = {}
    reasons = set()
    for key, value in dict(_object(metadata)).items():
        if isinstance(value, Number):
            reasons |= _reasons(_positional, value.literal) if key in NEVER_SENT else set()
            strings[key] = _noted(reasons, _positional, value.literal)
        elif isinstance(value, bool):
            strings[key] = "true" if value else "false"
        elif isinstance(value, Pairs | list):
            strings[key] = _without_never_sent(_unique(value)) if _holds_never_sent(value) else value
        elif value is not None:
            strings[key] = value
    if reasons:
        raise Bad(*reasons)
    return {key: value for key, value in strings.items() if key not in NEVER_SENT}


def _holds_never_sent(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, Pairs):
        return any(key in NEVER_SENT or _holds_never_sent(inner) for key, inner in value)
    return isinstance(value, list) and any(_holds_never_sent(inner) for inner in value)


def _without_never_sent(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Pairs):
        return Pairs((key, _without_never_sent(inner)) for key, inner in value if key not in NEVER_SENT)
    return [_without_never_sent(inner) for inner in value] if isinstance(value, list) else value


def _unique(value: Any) -> Any:  # noqa: ANN401
    """Of duplicate keys the last, in the place of the first."""
    if isinstance(value, Pairs):
        return Pairs((key, _unique(inner)) for key, inner in dict(value).items())
    return [_unique(inner) for inner in value] if isinstance(value, list) else value


def _like(text: str, wanted: object) -> object:
    """The string of a metadata key, parsed where an object or an array is wanted."""
    if isinstance(wanted, Pairs | list):
        return json.loads(text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number)
    return text


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _noted(faults: set[str], function: Any, *arguments: Any) -> Any:  # noqa: ANN401
    """What the function says, or None with its reasons noted."""
    try:
        return function(*arguments)
    except Bad as bad:
        faults |= bad.reasons
        return None


def _reasons(function: Any, value: object) -> set[str]:  # noqa: ANN401
    reasons: set[str] = set()
    _noted(reasons, function, value)
    return reasons
