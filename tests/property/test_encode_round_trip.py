"""Any canonical row is either the event that a naive reading of the rules gives, or fails; nothing else happens."""

import itertools
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from canonical_frames import CUSTOM_EVENTS, EXPOSURES, Row, canonical_frame, outcomes
from hypothesis import given, settings
from hypothesis import strategies as st

from statsig_export.layouts.model import TRUTHS, SourceTable

NEVER = ("privateAttributes", "secondaryExposures")
NAMES = {"gate": "gate", "config": "config", "experiment": "config", "layer": "config"}
START = datetime(2000, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Rows

texts = st.one_of(st.sampled_from(["", "a", "userID", 'q"\\\n\x00\u2028é😀', "{}", "null"]), st.text(max_size=8))
keys = st.one_of(
    st.sampled_from(["a", "gate", "gateValue", "config", "ruleID", "reason", "experimentGroupName", "userID", *NEVER]),
    st.text(max_size=5),
)
numbers = st.one_of(
    st.integers(-(10**25), 10**25).map(str),
    st.decimals(-1000, 1000, places=3, allow_nan=False).map(str),
    st.sampled_from(["-0", "1e21", "1.50E-3", "-0.0", "7.0", "1E+2"]),
)


class Number(NamedTuple):
    """A JSON number, equal to another by its text, and to no string."""

    literal: str


scalars = st.one_of(st.none(), st.booleans(), texts, numbers.map(Number))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)
objects = st.dictionaries(keys, values, max_size=4)
flat_objects = st.dictionaries(keys, texts, max_size=4)
hostile = st.sampled_from(
    [
        "",
        "null",
        "[]",
        "7",
        '"a"',
        "{",
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1,}',
        '{"a":"\\ud800"}',
        '{"a":1}x',
        "{'a':1}",
    ]
)


@st.composite
def json_texts(draw: st.DrawFn, of: st.SearchStrategy[Any]) -> str:
    """A value as JSON text, compact or spaced, its strings escaped down to ASCII or not."""
    ascii_only = draw(st.booleans())
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))

    def written(value: Any) -> str:  # noqa: ANN401
        match value:
            case dict():
                members = (f"{written(key)}{colon}{written(of_key)}" for key, of_key in value.items())
                return "{" + comma.join(members) + "}"
            case list():
                return "[" + comma.join(written(item) for item in value) + "]"
            case Number():
                return value.literal
            case _:
                return json.dumps(value, ensure_ascii=ascii_only)

    return written(draw(of))


columns = st.one_of(st.none(), json_texts(objects), json_texts(flat_objects), st.just("{}"), hostile)
optional = st.one_of(st.none(), texts)
shared = {
    "time_uuid": optional,
    "user_id": optional,
    "user": columns,
    "metadata": columns,
    "statsig_metadata": columns,
    "timestamp": st.one_of(
        st.none(), st.integers(0, 3 * 10**15).map(lambda micros: START + timedelta(microseconds=micros))
    ),
}
exposures = st.fixed_dictionaries(
    {
        **shared,
        "exposure_type": st.one_of(st.sampled_from(["gate", "config", "experiment", "layer"]), optional),
        "gate_value": st.one_of(st.none(), st.booleans()),
        **dict.fromkeys(("name", "rule_id", "group_name", "reason", "unit_type"), optional),
    }
)
custom_events = st.fixed_dictionaries(
    {
        **shared,
        "event_name": st.one_of(st.sampled_from(["statsig::config_change", "statsig::gate_exposure"]), optional),
        "value": optional,
    }
)

# A naive reading of the rules


class BadRowError(Exception):
    pass


def parsed(text: str | None) -> dict[str, Any]:
    """The object, without what never leaves, its numbers as Number. Raises BadRowError where it is none."""

    def kept(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if key not in NEVER}

    def refuse(_: str) -> None:
        raise BadRowError

    if text is None:
        return {}
    try:
        found = json.loads(text, object_pairs_hook=kept, parse_int=Number, parse_float=Number, parse_constant=refuse)
        json.dumps(found, ensure_ascii=False).encode()
    except ValueError:
        raise BadRowError from None
    if found == []:
        return {}  # what PHP makes of an empty map
    if not isinstance(found, dict):
        raise BadRowError
    return found


def string(value: Any) -> Any:  # noqa: ANN401
    """The string of a value. An object or array stays one: its text is compared by what it means."""
    match value:
        case bool():
            return "true" if value else "false"
        case Number():
            digits = f"{Decimal(value.literal):f}"
            digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
            return "0" if Decimal(value.literal) == 0 else digits
        case _:
            return value


def strings(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {key: string(value) for key, value in metadata.items() if value is not None}


def user_id(row: Row) -> str:
    if row["user_id"] is not None:
        return str(row["user_id"])
    found = parsed(row["user"]).get("userID")
    if isinstance(found, dict | list | bool):
        raise BadRowError
    return string(found) or ""


def exposure_metadata(row: Row, kind: str) -> dict[str, Any]:
    own = strings(parsed(row["metadata"]))
    said = TRUTHS.get(str(own.get("gateValue", "")).lower())
    own_value = None if said is None else str(said).lower()
    gate_value = {True: "true", False: "false", None: own_value}[row["gate_value"]]
    found = {NAMES[kind]: row["name"], "ruleID": row["rule_id"] or ""}
    if kind == "gate":
        if gate_value not in ("true", "false"):
            raise BadRowError
        found["gateValue"] = gate_value
    if kind == "experiment":
        found["experimentGroupName"] = row["group_name"] or ""
    if row["reason"] is not None:
        found["reason"] = row["reason"]
    return own | found


def event_of(row: Row, table: SourceTable) -> dict[str, Any]:
    """The event of a row. Raises BadRowError where it has to fail."""
    json_columns = ("user", "metadata", "statsig_metadata")
    row = row | {name: None for name in json_columns if row[name] == "null"}
    event: dict[str, Any] = {"value": row.get("value") or ""}
    if table is EXPOSURES:
        kind = row["exposure_type"]
        if kind == "config" and row["group_name"] is not None:
            kind = "experiment"
        if kind not in NAMES or not row["name"]:
            raise BadRowError
        event |= {"eventName": f"statsig::{kind}_exposure", "unitID": row["unit_type"] or "userID"}
        event["metadata"] = exposure_metadata(row, kind)
    else:
        if not row["event_name"] or row["event_name"] == "statsig::gate_exposure":
            raise BadRowError
        event |= {"eventName": row["event_name"], "metadata": strings(parsed(row["metadata"]))}
    if row["timestamp"] is None:
        raise BadRowError
    event["timestamp"] = Number(str((row["timestamp"] - EPOCH) // timedelta(milliseconds=1)))
    event |= {"user": parsed(row["user"]), "userID": user_id(row)}
    return event | {"statsigMetadata": parsed(row["statsig_metadata"]), "timeUUID": row["time_uuid"] or None}


def assert_same(found: str, expected: Mapping[str, Any]) -> None:
    event = json.loads(found, parse_int=Number, parse_float=Number)
    event["metadata"] = {
        key: parsed_like(value, expected["metadata"].get(key)) for key, value in event["metadata"].items()
    }
    if expected["timeUUID"] is None:
        assert len(event["timeUUID"]) == 36
        event["timeUUID"] = None
    assert event == expected
    assert all(type(event[key]) is type(expected[key]) for key in expected)


def parsed_like(text: str, expected: object) -> object:
    return json.loads(text, parse_int=Number, parse_float=Number) if isinstance(expected, dict | list) else text


def assert_outcomes(rows: list[Row], table: SourceTable) -> None:
    found = outcomes(canonical_frame(rows), table)
    for key, row in enumerate(rows, start=1):
        try:
            expected = event_of(row, table)
        except BadRowError:
            assert found[str(key)].startswith("["), found[str(key)]
        else:
            assert found[str(key)].startswith("{"), found[str(key)]
            assert_same(found[str(key)], expected)


@given(st.lists(exposures, max_size=6))
def test_any_exposure_becomes_its_event_or_fails(rows: list[Row]):
    assert_outcomes(rows, EXPOSURES)


@given(st.lists(custom_events, max_size=6))
def test_any_custom_event_becomes_its_event_or_fails(rows: list[Row]):
    assert_outcomes(rows, CUSTOM_EVENTS)


@settings(max_examples=settings.default.max_examples // 4)
@given(st.lists(exposures, max_size=8), st.lists(st.integers(0, 8), max_size=3))
def test_where_a_chunk_ends_makes_no_difference(rows: list[Row], cuts: list[int]):
    whole = outcomes(canonical_frame(rows), EXPOSURES)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts: dict[str, str] = {}
    for first, end in itertools.pairwise(edges):
        parts |= outcomes(canonical_frame(rows[first:end], first_key=first + 1), EXPOSURES)
    assert parts == whole
