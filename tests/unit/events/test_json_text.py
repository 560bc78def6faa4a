import json

import pytest

from statsig_export.arrow.columns import TEXT, array, values_of
from statsig_export.events.checked_objects import checked_objects
from statsig_export.events.faults import BadValueError, FailureMarks
from statsig_export.events.json_text import escaped, members, quote
from statsig_export.layouts.reasons import Reason

DEEP = 100_000
EVERY_CONTROL = "".join(map(chr, range(0x20)))


def check(*texts: str) -> tuple[list[str], list[str | None]]:
    """What becomes of each text, and the reason of each that failed."""
    marks = FailureMarks(len(texts))
    checked = values_of(checked_objects(array(list(texts), TEXT), "user", marks))
    keys = array([str(row) for row in range(len(texts))], TEXT)
    failed = marks.failed(keys, keys, keys)
    reasons = dict(zip(*(failed[name].to_pylist() for name in ("row_key", "reason")), strict=True))
    return checked, [reasons.get(str(row)) for row in range(len(texts))]


@pytest.mark.parametrize("text", ["", "plain", 'a "quote"', "back\\slash", EVERY_CONTROL, "\x7f\u2028é😀"])
def test_strings_are_escaped_as_the_json_module_escapes_them(text: str):
    assert quote(text) == json.dumps(text, ensure_ascii=False)
    assert values_of(escaped(array(["clean", text, None], TEXT))) == ["clean", quote(text)[1:-1], None]


def test_a_column_that_needs_no_escape_is_not_copied():
    column = array(["a", "é", None], TEXT)
    assert escaped(column) is column


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        ' {"b" : 1.50, "a":\n[1E+2, 12345678901234567890123, -0.0] } ',
        '{"a":1,"a":2}',
        '{"emoji":"\\ud83d\\ude00","backslash":"\\\\ud800"}',
        '{"a": "privateAttributes", "b": ["secondaryExposures"],"c":"\\u0070rivateAttributes"}',
        '{"privateAttributes2":1}',
        '{"":"\x7f"}',
    ],
)
def test_a_valid_object_passes_byte_for_byte(text: str):
    assert check(text) == ([text], [None])


@pytest.mark.fault("F09", "F10", "F12", "F16")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed_json"),
        ("{", "malformed_json"),
        ('{"a":1}{}', "malformed_json"),
        ("{'a':1}", "malformed_json"),
        ('{"a":01}', "malformed_json"),
        ('{"a":"\n"}', "malformed_json"),
        ("\ufeff{}", "malformed_json"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "malformed_json"),
        ('{"a":NaN}', "not_json_number"),
        ('{"a":[1,-Infinity]}', "not_json_number"),
        ("[]", "wrong_type"),
        ('"a"', "wrong_type"),
        ("null", "wrong_type"),
        ("7", "wrong_type"),
        ('{"a":"\\ud800"}', "not_unicode"),
        ('{"a":"\\ud800 and more text"}', "not_unicode"),
        ('{"a":"\\udc00\\ud800 and more"}', "not_unicode"),
        ('{"\\uDFFF":1, "more":"text"}', "not_unicode"),
        ('{"a":"\\\\\\ud800 odd number of backslashes"}', "not_unicode"),
    ],
)
def test_anything_else_fails_with_its_reason(text: str, reason: str):
    assert check("{}", text)[1] == [None, reason]


@pytest.mark.fault("F09", "F72")
def test_the_detail_has_the_column_and_the_position_but_never_the_payload():
    marks = FailureMarks(1)
    checked_objects(array(['{"email":"a.user@email.com" 1}'], TEXT), "user", marks)
    key = array(["1"], TEXT)
    assert marks.failed(key, key, key)["detail"].to_pylist() == ["user, character 28"]


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"privateAttributes":{"ssn":"x"}}', "{}"),
        ('{"a": 1.0, "privateAttributes": null, "b": [1, 2]}', '{"a":1.0,"b":[1, 2]}'),
        ('{"\\u0070rivateAttribute\\u0073":1,"a":2}', '{"a":2}'),
        ('{"a":{"b":[{"secondaryExposures":[],"c":1E2}]}}', '{"a":{"b":[{"c":1E2}]}}'),
        ('{"a":{"privateAttributes":1},"a":2}', '{"a":2}'),
        ('{"k\\"ey":"privateAttributes","privateAttributes":1}', '{"k\\"ey":"privateAttributes"}'),
    ],
)
def test_keys_that_never_leave_are_dropped_at_any_depth_and_in_any_spelling(text: str, sent: str):
    assert check(text, "{}") == ([sent, "{}"], [None, None])


def test_a_repeated_text_is_judged_for_each_of_its_rows():
    private = '{"privateAttributes":1}'
    checked, reasons = check('{"a":1}', "[", "[]", '{"a":1}', "[", private, private, "[]")
    malformed, wrong = "malformed_json", "wrong_type"
    assert reasons == [None, malformed, wrong, None, malformed, None, None, wrong]
    assert checked[5:7] == ["{}", "{}"]


@pytest.mark.fault("F11")
def test_of_duplicate_keys_an_object_taken_apart_keeps_the_last():
    assert members('{"a": 1, "b": 2, "a": [1.50]}', "metadata") == {"a": "[1.50]", "b": "2"}


def test_taking_apart_what_is_no_object_raises_its_fault():
    with pytest.raises(BadValueError) as error:
        members('["a"]', "metadata")
    assert error.value.fault.reason is Reason.WRONG_TYPE
