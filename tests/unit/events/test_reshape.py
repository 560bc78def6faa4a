import json
from typing import Any

import pandas as pd
import pytest
from canonical_frames import (
    AT_MS,
    CUSTOM_EVENTS,
    EXPOSURES,
    canonical_frame,
    custom_event,
    exposure,
    outcome,
    records,
)

from statsig_export.arrow.columns import TEXT, column
from statsig_export.events.reshape import reshape
from statsig_export.layouts.model import SourceTable
from statsig_export.settings import SourceSettings
from statsig_export.vocabulary import Category


def event(row: dict[str, Any], table: SourceTable = EXPOSURES, unit_types: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    """The one event that a row becomes."""
    reshaped = reshape(canonical_frame([row]), table, SourceSettings(unit_types=unit_types or {}))
    assert records(reshaped.failed) == []
    return records(reshaped.events)[0]


def failure(row: dict[str, Any], table: SourceTable = EXPOSURES) -> tuple[str, str, str]:
    """Category, reason and detail of the row, which fails."""
    reshaped = reshape(canonical_frame([row]), table, SourceSettings())
    assert len(reshaped.events) == 0
    (failed,) = records(reshaped.failed)
    assert failed["row_key"] == "1"
    return failed["category"], failed["reason"], failed["detail"]


def metadata(**columns: Any) -> str:  # noqa: ANN401
    text: str = event(exposure(**columns))["metadata"]
    return text


# Names and categories


@pytest.mark.parametrize("kind", ["gate", "config", "experiment", "layer"])
def test_the_type_of_an_exposure_gives_its_category_and_name(kind: str):
    found = event(exposure(exposure_type=kind))
    assert (found["category"], found["event_name"]) == (f"{kind}_exposure", f"statsig::{kind}_exposure")


def test_a_json_null_is_no_value():
    found = event(exposure(user="null", metadata="null", statsig_metadata="null", user_id=None))
    assert (found["user"], found["user_id"], found["statsig_metadata"]) == ("{}", "", "{}")
    assert found["metadata"] == '{"gate":"a_gate","gateValue":"true","ruleID":"a_rule"}'


def test_a_config_with_a_group_is_an_experiment():
    found = event(exposure(exposure_type="config", group_name="Test"))
    assert found["category"] == "experiment_exposure"
    assert found["event_name"] == "statsig::experiment_exposure"
    assert found["metadata"] == '{"config":"a_gate","ruleID":"a_rule","experimentGroupName":"Test"}'


@pytest.mark.fault("F14")
@pytest.mark.parametrize("kind", [None, "", "Gate", "holdout"])
def test_an_exposure_of_no_known_type_fails_in_the_home_category(kind: str | None):
    expected = ("gate_exposure", "unknown_exposure_type", "exposure_type")
    assert failure(exposure(exposure_type=kind)) == expected


@pytest.mark.parametrize("name", [None, ""])
def test_an_exposure_without_a_name_fails_in_its_own_category(name: str | None):
    assert failure(exposure(exposure_type="layer", name=name)) == ("layer_exposure", "missing_name", "name")


@pytest.mark.parametrize("name", ["purchase", "statsig::app_error", "statsig::diagnostics", "auto_capture::click", " "])
def test_custom_events_keep_their_names(name: str):
    found = event(custom_event(event_name=name), CUSTOM_EVENTS)
    assert (found["category"], found["event_name"], found["unit_id"]) == ("custom_event", name, None)


def test_a_configuration_change_has_a_category_of_its_own():
    found = event(custom_event(event_name="statsig::config_change"), CUSTOM_EVENTS)
    assert (found["category"], found["event_name"]) == ("config_change", "statsig::config_change")


@pytest.mark.fault("F14")
@pytest.mark.parametrize("name", [None, ""])
def test_a_custom_event_without_a_name_fails(name: str | None):
    row = custom_event(event_name=name)
    assert failure(row, CUSTOM_EVENTS) == ("custom_event", "missing_event_name", "event_name")


@pytest.mark.parametrize("kind", ["gate", "config", "experiment", "layer"])
def test_the_name_of_an_exposure_in_custom_events_fails_where_the_predicate_reads_it(kind: str):
    row = custom_event(event_name=f"statsig::{kind}_exposure")
    assert failure(row, CUSTOM_EVENTS) == ("custom_event", "exposure_name_in_custom_events", "event_name")


def test_an_unreadable_column_fails_its_row_in_the_category_that_is_still_known():
    row = exposure(exposure_type="config", unreadable="metadata", unreadable_reason="not_unicode")
    assert failure(row) == ("config_exposure", "not_unicode", "metadata")
    row = exposure(exposure_type="config", unreadable="group_name", unreadable_reason="not_unicode")
    assert failure(row) == ("experiment_exposure", "not_unicode", "group_name")
    row = exposure(gate_value=None, unreadable="gate_value", unreadable_reason="wrong_type")
    assert failure(row) == ("gate_exposure", "wrong_type", "gate_value")


# Metadata of exposures


def test_the_documented_keys_come_in_the_documented_order():
    own = '{"lcut": "1", "configVersion": "7"}'
    assert metadata(reason="Network", metadata=own) == (
        '{"gate":"a_gate","gateValue":"true","ruleID":"a_rule","reason":"Network","lcut": "1", "configVersion": "7"}'
    )
    experiment = {"exposure_type": "experiment", "group_name": "Control", "reason": "Network"}
    assert metadata(**experiment, metadata='{"a":"b"}') == (
        '{"config":"a_gate","ruleID":"a_rule","reason":"Network","experimentGroupName":"Control","a":"b"}'
    )
    layer = '{"allocatedExperiment":"e","parameterName":"title","isExplicitParameter":"true"}'
    assert metadata(exposure_type="layer", metadata=layer) == (
        '{"config":"a_gate","ruleID":"a_rule",'
        '"allocatedExperiment":"e","parameterName":"title","isExplicitParameter":"true"}'
    )


@pytest.mark.parametrize("own", [None, "{}", "{ }", '{"a":null}', '{"privateAttributes":"x"}'])
def test_without_anything_else_the_documented_keys_stand_alone(own: str | None):
    assert metadata(gate_value=False, metadata=own) == '{"gate":"a_gate","gateValue":"false","ruleID":"a_rule"}'


def test_a_null_reason_leaves_the_key_out_and_a_null_rule_or_group_is_empty():
    assert metadata(rule_id=None) == '{"gate":"a_gate","gateValue":"true","ruleID":""}'
    experiment = metadata(exposure_type="experiment", rule_id=None, group_name=None)
    assert experiment == '{"config":"a_gate","ruleID":"","experimentGroupName":""}'


def test_what_a_column_gave_is_not_repeated():
    own = {"gate": "other", "gateValue": False, "ruleID": 1, "reason": "other", "config": "c", "a": "b"}
    found = metadata(reason="Network", metadata=json.dumps(own))
    assert found == ('{"gate":"a_gate","gateValue":"true","ruleID":"a_rule","reason":"Network","config":"c","a":"b"}')


def test_a_reason_that_only_the_metadata_has_is_kept():
    assert (
        metadata(metadata='{"reason":"own"}') == '{"gate":"a_gate","gateValue":"true","ruleID":"a_rule","reason":"own"}'
    )


@pytest.mark.fault("F243")
@pytest.mark.parametrize("value", ["false", '"false"', '"False"', '"FALSE"', "0", '"0"', "0.0"])
def test_a_gate_value_that_only_the_metadata_has_is_taken(value: str):
    own = f'{{"a":"b", "gateValue":{value}}}'
    assert json.loads(metadata(gate_value=None, metadata=own))["gateValue"] == "false"


@pytest.mark.fault("F242")
@pytest.mark.parametrize("name", ["user", "metadata", "statsig_metadata"])
@pytest.mark.parametrize("empty", ["[]", " [ ]\n"])
def test_an_empty_list_is_an_empty_map_in_every_json_column(name: str, empty: str):
    row = custom_event(user_id="u", **{name: empty})
    assert outcome(row, CUSTOM_EVENTS) == outcome({**row, name: "{}"}, CUSTOM_EVENTS)


@pytest.mark.parametrize(
    "own", [None, "{}", '{"gateValue":"maybe"}', '{"gateValue":null}', '{"gateValue":2}', '{"gateValue":""}']
)
def test_a_gate_without_a_value_fails(own: str | None):
    row = exposure(gate_value=None, metadata=own)
    assert failure(row) == ("gate_exposure", "missing_gate_value", "gate_value")


def test_only_a_gate_needs_and_shows_a_gate_value():
    assert metadata(exposure_type="config", gate_value=True) == '{"config":"a_gate","ruleID":"a_rule"}'


def test_hostile_names_are_escaped():
    name = 'a"b\\c\n\x00é\u2028😀'
    found = metadata(name=name, rule_id=name, reason=name, exposure_type="experiment", group_name=name)
    assert json.loads(found) == dict.fromkeys(("config", "ruleID", "reason", "experimentGroupName"), name)


# Metadata of custom events


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        (None, "{}"),
        ("{}", "{}"),
        ('{"a":"b"}', '{"a":"b"}'),
        ('{"a": "b", "c": "d"}', '{"a": "b", "c": "d"}'),
        ('{"gate":"is an ordinary key here","reason":"too"}', '{"gate":"is an ordinary key here","reason":"too"}'),
        ('{"a":1,"b":2.50,"c":true,"d":null,"e":{"f": [1.0]}}', '{"a":"1","b":"2.5","c":"true","e":"{\\"f\\":[1.0]}"}'),
        ('{"secondaryExposures":"x","a":"b"}', '{"a":"b"}'),
        ('{"\\u0070rivateAttributes":"x","a":"b"}', '{"a":"b"}'),
        ('{"a":{"privateAttributes":1,"b":2}}', '{"a":"{\\"b\\":2}"}'),
        ('{"a":1,"a":"last"}', '{"a":"last"}'),
        ('{"a":"\\u00e9","b":1}', '{"a":"é","b":"1"}'),
    ],
)
def test_metadata_becomes_a_flat_object_of_strings(own: str | None, sent: str):
    assert event(custom_event(metadata=own), CUSTOM_EVENTS)["metadata"] == sent


@pytest.mark.fault("F10")
@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ("", "malformed_json"),
        ('{"a":"b"', "malformed_json"),
        ('["a"]', "wrong_type"),
        ('"{}"', "wrong_type"),
        ('{"a":NaN}', "not_json_number"),
        ('{"a":1e999999}', "not_json_number"),
        ('{"a":"\\ud800"}', "not_unicode"),
        ('{"\\ud800":"a"}', "not_unicode"),
    ],
)
def test_metadata_that_is_no_object_fails_the_row(own: str, reason: str):
    category, found, _ = failure(custom_event(metadata=own), CUSTOM_EVENTS)
    assert (category, found) == ("custom_event", reason)
    assert failure(exposure(metadata=own))[:2] == ("gate_exposure", reason)


# The other keys


@pytest.mark.parametrize("value", [None, "", "7", "19.99", "a value"])
def test_the_value_is_that_of_the_column(value: str | None):
    assert event(custom_event(value=value), CUSTOM_EVENTS)["value"] == (value or "")


def test_exposures_have_no_value():
    assert event(exposure(value="7"))["value"] == ""


@pytest.mark.parametrize(
    ("user_id", "user", "expected"),
    [
        ("column", '{"userID":"user"}', "column"),
        ("", '{"userID":"user"}', ""),
        (None, '{"userID":"us\\u00e9r"}', "usér"),
        (None, '{"userID":12345678901234567890}', "12345678901234567890"),
        (None, '{"userID":7.0}', "7"),
        (None, '{"userID":null}', ""),
        (None, '{"custom":{"userID":"nested"}}', ""),
        (None, "{}", ""),
        (None, None, ""),
        (None, "not json", ""),
    ],
)
def test_the_user_id_is_the_column_or_else_what_the_user_says(user_id: str | None, user: str | None, expected: str):
    found = event(exposure(user_id=user_id, user=user))
    assert (found["user_id"], found["user"]) == (expected, "{}" if user is None else user)


@pytest.mark.parametrize("user_id", ["true", "{}", '["u"]'])
def test_a_user_id_that_is_neither_string_nor_number_fails(user_id: str):
    row = exposure(user=f'{{"userID":{user_id}}}')
    assert failure(row) == ("gate_exposure", "wrong_type", "user.userID is neither a string nor a number")


@pytest.mark.parametrize("half", ["\\ud800", "\\ud800 and more", "\\udc00"])
def test_half_a_surrogate_pair_in_the_users_own_id_is_found_when_the_user_is_encoded(half: str):
    row = exposure(user=f'{{"userID":"{half}"}}')
    assert event(row)["user_id"] == ""
    assert outcome(row, EXPOSURES) == "[not_unicode]"


@pytest.mark.parametrize("at", ["1793709015123", "2026-11-03T12:30:15.123456Z"])
def test_the_timestamp_is_in_milliseconds(at: str):
    assert event(exposure())["timestamp"] == AT_MS
    assert event(exposure(timestamp=at))["timestamp"] == AT_MS


@pytest.mark.parametrize("at", [None, "", "yesterday", "-5"])
def test_a_time_that_is_none_fails(at: str | None):
    assert failure(exposure(timestamp=at)) == ("gate_exposure", "bad_timestamp", "timestamp")


@pytest.mark.fault("F08")
def test_an_id_of_the_source_passes_as_it_is():
    ids = ["not-a-uuid", "00000000-0000-g123-0000-000000000000", "A" * 500, " "]
    found = reshape(canonical_frame([exposure(time_uuid=each) for each in ids]), EXPOSURES, SourceSettings())
    assert [row["time_uuid"] for row in records(found.events)] == ids


@pytest.mark.fault("F08")
@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_id_is_derived_from_the_key_the_table_and_the_source(missing: str | None):
    rows = [exposure(time_uuid=each) for each in ("own", missing, "own", missing)]
    first = [row["time_uuid"] for row in records(reshape(canonical_frame(rows), EXPOSURES, SourceSettings()).events)]
    again = reshape(canonical_frame(rows[1:2], first_key=2), EXPOSURES, SourceSettings())
    other = reshape(canonical_frame(rows[1:2], first_key=2), EXPOSURES, SourceSettings(name="eu"))
    assert first[::2] == ["own", "own"]
    assert first[1].endswith("000000000002")
    assert first[3].endswith("000000000004")
    assert records(again.events)[0]["time_uuid"] == first[1]
    assert records(other.events)[0]["time_uuid"] != first[1]


def test_a_failed_row_has_the_id_that_its_event_would_have():
    rows = [exposure(time_uuid=None), exposure(time_uuid=None, name=None), exposure(time_uuid="own", name=None)]
    reshaped = reshape(canonical_frame(rows, first_key=10), EXPOSURES, SourceSettings())
    (alone,) = records(reshape(canonical_frame(rows[:1], first_key=11), EXPOSURES, SourceSettings()).events)
    assert [row["time_uuid"] for row in records(reshaped.failed)] == [alone["time_uuid"], "own"]


def test_text_keys_are_keys_too():
    found = event(exposure(row_key="key-é", time_uuid=None))
    assert found["row_key"] == "key-é"
    assert len(found["time_uuid"]) == 36


@pytest.mark.parametrize(
    ("unit_type", "unit_types", "expected"),
    [
        ("stableID", {}, "stableID"),
        ("stableID", {"a_gate": "companyID"}, "stableID"),
        (None, {"a_gate": "companyID"}, "companyID"),
        (None, {"other": "companyID"}, "userID"),
        ("", {}, "userID"),
        (None, {}, "userID"),
    ],
)
def test_the_unit_is_what_the_row_says_then_the_configuration(
    unit_type: str | None, unit_types: dict[str, str], expected: str
):
    assert event(exposure(unit_type=unit_type), unit_types=unit_types)["unit_id"] == expected


# Chunks


def test_the_tables_have_the_columns_and_types_of_the_contract():
    reshaped = reshape(canonical_frame([exposure(), exposure(name=None)]), EXPOSURES, SourceSettings())
    assert reshaped.events.column_names == [
        "row_key", "category", "event_name", "user", "user_id", "timestamp",
        "statsig_metadata", "value", "metadata", "time_uuid", "unit_id",
    ]  # fmt: skip
    assert reshaped.failed.column_names == ["row_key", "category", "time_uuid", "reason", "detail"]
    for table in (reshaped.events, reshaped.failed):
        kinds = {name: str(table[name].type) for name in table.column_names}
        assert kinds.pop("timestamp", "int64") == "int64"
        assert set(kinds.values()) == {"large_string"}


def test_a_slice_of_a_chunk_gives_what_the_same_rows_give_alone():
    rows = [exposure(name=f"n{each}", metadata=f'{{"a":{each}}}', time_uuid=None) for each in range(10)]
    part = canonical_frame(rows).iloc[4:8].reset_index(drop=True)
    alone = canonical_frame(rows[4:8], first_key=5)
    found, expected = (reshape(frame, EXPOSURES, SourceSettings()).events for frame in (part, alone))
    assert records(found) == records(expected)


def test_two_chunks_glued_together_are_one_chunk():
    rows = [exposure(name=f"n{each}", metadata=f'{{"a":"{each}"}}') for each in range(4)]
    glued = pd.concat([canonical_frame(rows[:1]), canonical_frame(rows[1:], first_key=2)], ignore_index=True)
    found, expected = (reshape(frame, EXPOSURES, SourceSettings()).events for frame in (glued, canonical_frame(rows)))
    assert records(found) == records(expected)


def test_an_empty_chunk_gives_empty_tables():
    for table in (EXPOSURES, CUSTOM_EVENTS):
        reshaped = reshape(canonical_frame([]), table, SourceSettings())
        assert (len(reshaped.events), len(reshaped.failed)) == (0, 0)
        assert column(reshaped.events, "metadata").type == TEXT


def test_the_first_fault_of_a_row_is_its_reason():
    row = exposure(name=None, timestamp=None, metadata="[", exposure_type="experiment")
    assert failure(row) == (Category.EXPERIMENT_EXPOSURE, "missing_name", "name")


# Parts


def test_a_chunk_in_parts_has_its_events_in_order_and_what_failed_in_the_first():
    rows = [custom_event(time_uuid=f"id-{row}", event_name="" if row == 3 else "purchase") for row in range(10)]
    reshaped = reshape(canonical_frame(rows), CUSTOM_EVENTS, SourceSettings())
    parts = list(reshaped.in_parts(reshaped.events.nbytes // 4 + 1))

    assert [part.rows for part in parts] == [4, 3, 3]
    assert [part.failed for part in parts] == [reshaped.failed, reshaped.failed[:0], reshaped.failed[:0]]
    assert [row for part in parts for row in records(part.events)] == records(reshaped.events)


def test_a_chunk_of_which_every_row_failed_is_one_part():
    reshaped = reshape(canonical_frame([custom_event(event_name="")]), CUSTOM_EVENTS, SourceSettings())
    assert [part.rows for part in reshaped.in_parts(1)] == [1]
