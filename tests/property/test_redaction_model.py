"""[privacy] as the events meet it is, byte for byte, what a plain reading makes of them: parse, redact, dump."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from canonical_frames import CUSTOM_EVENTS, EXPOSURES, Row, canonical_frame, custom_event, exposure
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_redaction import KEY, Naive, Number, dumped, parsed, parsed_or_none

from statsig_export.config import parse_config
from statsig_export.errors import ConfigError
from statsig_export.events.encoding import encode
from statsig_export.events.reshape import reshape
from statsig_export.layouts.model import SourceTable
from statsig_export.privacy.rule import Rule
from statsig_export.settings import SourceSettings

KEYS = [
    *("userID", "user_id", "UserId", "email", "ip", "custom", "customIDs", "stableID", "stable_id", "companyID"),
    *("a", "b", "a.b", "a*", 'q"\\', "phone1", "phone2", "é", "gate", "reason", "x\n"),
]
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=3))
texts = st.one_of(
    st.sampled_from(["", " A@B.c ", "a", "7", "é😀", 'q"\\\n', "{", "[x", '"', "null"]), st.text(max_size=5)
)
numbers = st.sampled_from(["7", "-0", "7.0", "1.50", "2E+1", "12345678901234567890"]).map(Number)
scalars = st.one_of(st.none(), st.booleans(), texts, numbers)
plain = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=10,
)
within = st.one_of(
    plain.map(dumped),
    plain.map(dumped).map(dumped),
    plain.map(dumped).map(lambda text: text[:-1]),
    plain.map(lambda value: "\ufeff " + dumped(value)),
)
"""Texts that hold JSON, or did before they were cut off."""
values = st.recursive(
    st.one_of(scalars, within),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=6)

steps = st.sampled_from(
    [
        "userID",
        "email",
        "custom",
        "customIDs",
        "stableID",
        "companyID",
        "a",
        "b",
        '"a.b"',
        '"a*"',
        "*",
        "*a*",
        "phone*",
        "é",
    ]
)
paths = st.builds(
    lambda root, below: ".".join([root, *below]),
    st.sampled_from(["user", "metadata", "statsigMetadata", "value"]),
    st.lists(steps, max_size=3),
)
event_paths = st.one_of(st.just("userID"), st.just("user.customIDs.*"), paths)
hashes = st.one_of(
    event_paths,
    st.fixed_dictionaries({"path": event_paths, "normalize": st.sampled_from(["none", "lower", "trim_lower"])}),
)
documents = st.fixed_dictionaries(
    {"drop": st.lists(event_paths, max_size=2), "hash": st.lists(hashes, max_size=3)},
    optional={"keep_user": st.lists(st.lists(steps, min_size=1, max_size=3).map(".".join), max_size=3)},
)
rows = st.fixed_dictionaries(
    {"user": objects, "metadata": objects, "statsig_metadata": objects},
    optional={"user_id": texts, "value": st.one_of(texts, within)},
)


def rule_of(document: dict[str, Any]) -> Rule | None:
    """None where a path can never match."""
    try:
        config = parse_config(
            {"privacy": {**document, "hash_key": "env:KEY"}}, folder=Path("/nowhere"), environ={"KEY": KEY}
        )
    except ConfigError:
        return None
    return config.privacy_rule()


def encoded(row: Row, table: SourceTable, rule: Rule | None) -> pa.Table:
    reshaped = reshape(canonical_frame([row]), table, SourceSettings())
    return encode(reshaped.events, 1_000_000, rule=rule).table


def both(row: Row, table: SourceTable, rule: Rule) -> tuple[str, dict[str, Any]] | None:
    """The event without the rule, and the row of the event with it; None where it is none in either case."""
    without, with_it = encoded(row, table, None), encoded(row, table, rule)
    assert len(without) == len(with_it)
    if not len(without):
        return None
    before, after = without.to_pylist()[0], with_it.to_pylist()[0]
    assert {**before, "event": "", "user_id": ""} == {**after, "event": "", "user_id": ""}
    assert after["user_id"] == json.loads(after["event"])["userID"]
    return before["event"], after


@pytest.mark.fault("F433")
@settings(max_examples=150, deadline=None)
@given(row=rows, document=documents, is_exposure=st.booleans())
def test_an_event_is_what_parsing_redacting_and_dumping_makes_of_it(
    row: dict[str, Any],
    document: dict[str, Any],
    is_exposure: bool,  # noqa: FBT001
):
    rule = rule_of(document)
    written = {name: value if isinstance(value, str) else dumped(value) for name, value in row.items()}
    made = exposure if is_exposure else custom_event
    found = both(made(**written), EXPOSURES if is_exposure else CUSTOM_EVENTS, rule) if rule else None
    if found is not None:
        before, after = found
        assert after["event"] == Naive(document).event(before)


@st.composite
def spelled_otherwise(draw: st.DrawFn, value: Any) -> str:  # noqa: ANN401
    """JSON with blanks, escapes and keys that stand there twice."""
    match value:
        case dict():
            members = [(key, draw(spelled_otherwise(inner))) for key, inner in value.items()]
            if members and draw(st.booleans()):
                key, text = draw(st.sampled_from(members))
                members.insert(0, (key, draw(st.sampled_from(['"other"', "[]", '{"email":"secret"}', text]))))
            written = (f"{draw(spelled_otherwise(key))} : {text}" for key, text in members)
            return "{ " + " ,\n".join(written) + "\t}"
        case list():
            return "[ " + " , ".join(draw(spelled_otherwise(inner)) for inner in value) + " ]"
        case str():
            escaped = json.dumps(value)[1:-1]
            plain_letters = value.isalpha() and value.isascii()
            return '"' + ("".join(f"\\u{ord(one):04x}" for one in value) if plain_letters else escaped) + '"'
        case _:
            return dumped(value)


def meant(value: Any) -> Any:  # noqa: ANN401
    """The value, with what texts hold in place of the texts: however that is spelled."""
    match value:
        case dict():
            return {key: meant(inner) for key, inner in value.items()}
        case list():
            return [meant(inner) for inner in value]
        case str():
            found = parsed_or_none(value)
            return ("holds", meant(found)) if isinstance(found, dict | list | str) else value
        case _:
            return value


@pytest.mark.fault("F433")
@settings(max_examples=60, deadline=None)
@given(data=st.data(), row=rows, document=documents)
def test_however_its_json_is_spelled_the_event_says_the_same(
    data: st.DataObject, row: dict[str, Any], document: dict[str, Any]
):
    rule = rule_of(document)
    if rule is None:
        return
    written = {
        name: value if isinstance(value, str) else data.draw(spelled_otherwise(value)) for name, value in row.items()
    }
    found = both(custom_event(**written), CUSTOM_EVENTS, rule)
    if found is not None:
        before, after = found
        assert meant(parsed(after["event"])) == meant(parsed(Naive(document).event(before)))
