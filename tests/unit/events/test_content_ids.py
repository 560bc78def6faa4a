import json
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.arrow.columns import TEXT, array, frame_of, values_of
from statsig_export.events.content_ids import canonical_json, content_keys
from statsig_export.events.seen_ids import Occurrences
from statsig_export.layouts.known import LAYOUTS

_, EVENTS = LAYOUTS["cloud_exports"]
EXPOSURES, _ = LAYOUTS["warehouse_native"]
AT = "2026-11-20T12:00:00.250Z"


def frame(*rows: dict[str, str | None], table=EVENTS) -> pd.DataFrame:
    blank = dict.fromkeys(table.frame_columns)
    columns = {name: array([{**blank, **row}[name] for row in rows], TEXT) for name in blank}
    nothing = array([None] * len(rows), TEXT)
    return frame_of({**columns, "unreadable": nothing, "unreadable_reason": nothing})


def keys(*rows: dict[str, str | None], table=EVENTS, source: str = "", counted: bool = True) -> list[str]:
    return values_of(content_keys(frame(*rows, table=table), table, source, Occurrences() if counted else None))


@pytest.mark.parametrize(
    "column", ["event_name", "value", "user", "statsig_metadata", "metadata", "unit userID", "custom_ids", "timestamp"]
)
def test_every_column_that_an_event_is_made_of_is_part_of_its_content(column: str):
    assert keys({"event_name": "a", column: "1"}) != keys({"event_name": "a", column: "2"})
    assert keys({"event_name": "a", column: "1"}) != keys({"event_name": "a", column: None})


def test_a_value_never_passes_for_another_columns():
    assert len(set(keys({"event_name": 'a","value":"b'}, {"event_name": "a", "value": "b"}))) == 2


def test_a_column_that_is_null_or_json_null_is_no_part_of_the_content():
    assert keys({"event_name": "a", "user": "null"}) == keys({"event_name": "a"})


def test_times_are_equal_that_give_equal_events():
    assert (
        keys({"timestamp": "2026-11-20 12:00:00.250499"})
        == keys({"timestamp": AT})
        == keys({"timestamp": "1795176000250"})
    )
    assert keys({"timestamp": "yesterday"}) != keys({"timestamp": "today"})


def test_the_same_row_of_another_source_or_table_is_another_event():
    row = {"timestamp": AT}
    assert len({*keys(row), *keys(row, source="eu"), *keys(row, table=EXPOSURES)}) == 3


def test_equal_rows_are_told_apart_by_their_ordinal_across_chunks():
    occurrences = Occurrences()
    row = {"event_name": "a", "timestamp": AT}
    chunks = [content_keys(frame(*[row] * height), EVENTS, "", occurrences) for height in (2, 3)]
    found = [key for chunk in chunks for key in values_of(chunk)]
    assert len(set(found)) == 5
    assert found == keys(*[row] * 5)


def test_rows_that_are_written_again_with_more_in_them_have_one_id_where_repeats_are_duplicates():
    rows = [{"name": "e", "timestamp": AT}, {"name": "e", "timestamp": AT, "user_dimensions": '{"os":"iOS"}'}]
    assert len(set(keys(*rows, table=EXPOSURES, counted=False))) == 1
    assert len(set(keys(*rows, table=EXPOSURES))) == 2


def test_the_ids_are_uuids_of_version_8():
    for number in range(200):
        (key,) = keys({"event_name": str(number)})
        assert len(key) == 36
        assert key[14] == "8"
        assert key[19] in "89ab"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def shuffled(value: object, random: Random) -> object:
    """Equal JSON with the members of every object in another order."""
    if isinstance(value, dict):
        members = list(value.items())
        random.shuffle(members)
        return {key: shuffled(member, random) for key, member in members}
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@given(JSON, st.randoms(use_true_random=False))
def test_json_has_one_spelling_whatever_the_order_the_spaces_and_the_escapes(value: object, random: Random):
    plain = json.dumps(value, ensure_ascii=False)
    other = json.dumps(shuffled(value, random), indent=random.choice([None, 1]), ensure_ascii=random.random() < 0.5)
    assert canonical_json(plain) == canonical_json(other)
    if "\\ud" not in plain:
        assert json.loads(canonical_json(plain)) == value
        assert json.loads(canonical_json(plain, without_nulls=True)) == without_nulls(value)


@pytest.mark.parametrize(
    ("one", "other"), [("3", "3.0"), ("[1e2]", "[100]"), ('{"a":-0.0}', '{"a":0}'), ("2.50", "2.5"), ("1E3", "1000.0")]
)
def test_a_number_is_the_same_whole_or_with_a_fraction_of_nothing(one: str, other: str):
    assert canonical_json(one) == canonical_json(other)


@pytest.mark.fault("F615")
@pytest.mark.parametrize("later", ['{"u":1,"new":null}', '{"u":1,"in":{}}', '{"u":1,"in":{"new":null},"l":[null]}'])
def test_a_member_that_came_after_the_row_does_not_change_its_id(later: str):
    """Files show all members that a struct has by now."""
    before = {'{"u":1,"new":null}': '{"u":1}', '{"u":1,"in":{}}': '{"u":1,"in":{"a":null}}'}
    earlier = before.get(later, '{"in":{},"l":[null],"u":1}')
    assert canonical_json(later, without_nulls=True) == canonical_json(earlier, without_nulls=True)


@pytest.mark.parametrize("text", ["", "{", '{"a":', "NaN", '"\\ud800"', "1e999", "[" * 5_000])
def test_text_that_is_no_json_stands_as_it_is(text: str):
    assert canonical_json(text) == text
