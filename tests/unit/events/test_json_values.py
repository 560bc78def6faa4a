import pytest

from statsig_export.arrow.columns import TEXT, array
from statsig_export.events.faults import BadValueError
from statsig_export.events.json_values import (
    are_flat,
    carried_members,
    carried_string,
    flat_object,
    have_key,
    number_text,
    string_of,
)
from statsig_export.layouts.reasons import Reason


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("7", "7"),
        ("-7", "-7"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("7.0", "7"),
        ("100", "100"),
        ("100.0", "100"),
        ("19.99", "19.99"),
        ("19.990", "19.99"),
        ("1e21", "1000000000000000000000"),
        ("1E+2", "100"),
        ("1.5e1", "15"),
        ("12e-1", "1.2"),
        ("1e-7", "0.0000001"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ("1" * 5_000, "1" * 5_000),
        ("1e400", "1" + "0" * 400),
    ],
)
def test_a_number_becomes_its_shortest_positional_text_without_losing_a_digit(literal: str, text: str):
    assert number_text(literal, "value") == text


@pytest.mark.parametrize(
    "literal", ["1e401", "1e-401", "1e999999", "-1e-999999", "1e99999999999999999999", "0e99999999999999999999"]
)
def test_an_absurd_exponent_is_refused_instead_of_written_out(literal: str):
    with pytest.raises(BadValueError) as error:
        number_text(literal, "value")
    assert error.value.fault == (Reason.NOT_JSON_NUMBER, "value: exponent beyond 400")


@pytest.mark.parametrize(
    ("value", "string"),
    [
        ('""', ""),
        ('"a\\nb\\u00e9\\ud83d\\ude00"', "a\nbé😀"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ("7.0", "7"),
        ('{ "a" : [ 1.50, "x y" ] }', '{"a":[1.50,"x y"]}'),
        ("[ ]", "[]"),
        ('{"privateAttributes":1,"a":2}', '{"a":2}'),
    ],
)
def test_every_json_value_has_one_string(value: str, string: str | None):
    assert string_of(value, "metadata") == string


def test_nulls_and_keys_that_never_leave_are_left_out():
    text = '{"a":null,"privateAttributes":"x","secondary\\u0045xposures":[],"b":"c"}'
    assert {key: carried_string(member) for key, member in carried_members(text, "metadata").items()} == {"b": "c"}


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"b"}',
        '{"a": "b", "c": "d"}',
        '{"a" : "b"}',
        '{"":""}',
        '{"é":"\\n\\"\\\\\\/\\u00e9\\uD7FF\\uE000\\ud83d\\ude00"}',
        '{"a":"{\\"gate\\":1}"}',
    ],
)
def test_a_plain_object_of_strings_may_be_spliced(text: str):
    assert are_flat(array([text], TEXT)).tolist() == [True]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a":1}',
        '{"a":null}',
        '{"a":"b",}',
        '{"a":"b"} ',
        '{"a":"b"}\n',
        '{"a":"b"}{"a":"b"}',
        '{"a":"b"',
        '{"a":"\n"}',
        '{"a":"\x00"}',
        '{"a":"\\x"}',
        '{"a":"\\ud800"}',
        '{"a":"\\ud800\\u0041"}',
        '{"a":"\\udc00"}',
        '{"\\u0061":"b"}',
        '{"a":{"b":"c"}}',
        '["a"]',
        '"a"',
        "",
    ],
)
def test_anything_else_is_left_to_be_decoded(text: str):
    assert are_flat(array([text], TEXT)).tolist() == [False]


def test_a_key_is_told_from_the_same_word_in_a_value():
    texts = array(['{"gate":"x"}', '{"a":"b", "gate" : "x"}', '{"a":"gate"}', '{"a":"\\"gate\\":"}', None], TEXT)
    assert have_key(texts, {"gate", "config"}).tolist() == [True, True, False, False, False]


def test_an_object_of_strings_is_written_without_spaces():
    assert flat_object({"a": 'x"y', "é": ""}) == '{"a":"x\\"y","é":""}'
