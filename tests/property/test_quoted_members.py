"""Metadata that is made flat a column at a time is what decoding each text gives, or is left to be decoded."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statsig_export.arrow.columns import TEXT, array
from statsig_export.events.faults import BadValueError
from statsig_export.events.json_values import carried_members, flat_object
from statsig_export.events.quoted_members import quoted_members

LETTERS = st.sampled_from(["a", "é", "山", ":", ",", "{", "}", "[", "]", '"', "\\", "\n", "/", "\x7f", " ", "1", ".0"])
TEXTS = st.lists(LETTERS, max_size=6).map("".join)
KEYS = st.one_of(st.sampled_from(["a", "b", "longer_than_eight_a", "longer_than_eight_b", "longer_but_other_"]), TEXTS)
NUMBERS = st.sampled_from(["0", "-1", "1.5", "20", "20.0", "-3.0", "0.0", "-0.0", "1.10", "1e3", "9" * 30, "0.05"])
SCALARS = st.one_of(
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)), NUMBERS, st.sampled_from(["true", "false", "null"])
)


def _joined(begin: str, parts: list[str], end: str) -> str:
    return begin + ",".join(parts) + end


def _objects(values: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    member = st.tuples(KEYS, values).map(lambda pair: f"{json.dumps(pair[0], ensure_ascii=False)}:{pair[1]}")
    return st.lists(member, max_size=most).map(lambda parts: _joined("{", parts, "}"))


def _lists(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda parts: _joined("[", parts, "]"))


VALUES = st.recursive(SCALARS, lambda inner: st.one_of(_lists(inner), _objects(inner)), max_leaves=8)
OBJECTS = _objects(VALUES, most=6)
BROKEN = st.tuples(OBJECTS, st.integers(0, 40), LETTERS).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :])


def decoded(text: str) -> str | None:
    try:
        return flat_object(carried_members(text, "metadata"))
    except BadValueError:
        return None


@given(st.lists(st.one_of(OBJECTS, BROKEN), min_size=1, max_size=20))
@example(['{"a":1,"b":null}', '{"a":null,"b":null,"c":[]}', '{"a":null}', '{"a":"x","a":1}', "{}"])
@example(['{"a":"\\\\","b":1}', '{"a":{"b":"\\\\\\""},"c":2.0}', '{"a":":1,","b":1}'])
def test_what_is_not_left_to_be_decoded_is_what_decoding_gives(texts: list[str]):
    quoted = quoted_members(array(texts, TEXT))
    quoted.validate(full=True)

    assert [text for text in quoted.to_pylist() if text is not None] == [
        decoded(text) for text, made in zip(texts, quoted.to_pylist(), strict=True) if made is not None
    ]


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        ('{"a":1,"b":true,"c":"d"}', '{"a":"1","b":"true","c":"d"}'),
        ('{"a":null,"b":20.0,"c":null}', '{"b":"20"}'),
        ('{"a":{"b":["x",1]},"c":false}', '{"a":"{\\"b\\":[\\"x\\",1]}","c":"false"}'),
        ('{"a":["\\n \\"é\\""],"b":"\\n\\\\"}', '{"a":"[\\"\\\\n \\\\\\"é\\\\\\"\\"]","b":"\\n\\\\"}'),
    ],
)
def test_numbers_constants_nulls_and_nested_values_are_made_flat(text: str, flat: str):
    assert quoted_members(array([text, "{", text], TEXT)).to_pylist() == [flat, None, flat]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":null}',
        '{"a": 1}',
        '{"a":1.10}',
        '{"a":1e3}',
        '{"a":"\\/","b":1}',
        '{"\\u0061":1}',
        '{"a":1}x',
    ],
)
def test_whatever_else_is_left_to_be_decoded(text: str):
    assert quoted_members(array([text], TEXT)).to_pylist() == [None]


def test_many_objects_are_made_flat_at_once():
    objects = [{"row": row, "odd": row % 2 == 1, "own": {"key": [row, None]}} for row in range(500)]
    texts = [json.dumps(one, separators=(",", ":")) for one in objects]
    assert quoted_members(array(texts, TEXT)).to_pylist() == [decoded(text) for text in texts]
