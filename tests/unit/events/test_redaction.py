"""What [privacy] makes of an event's text, on rows that are reshaped and encoded as in an export."""

import json
from pathlib import Path
from typing import Any

import pytest
from canonical_frames import CUSTOM_EVENTS, EXPOSURES, canonical_frame, custom_event, exposure

from statsig_export.config import parse_config
from statsig_export.events.encoding import Encoded, encode
from statsig_export.events.reshape import reshape
from statsig_export.privacy.hashing import hashed
from statsig_export.privacy.masking import Masking
from statsig_export.privacy.rule import Rule
from statsig_export.settings import SourceSettings

KEY = "0123456789abcdef0123456789abcdef"


def rule_of(**privacy: Any) -> Rule:  # noqa: ANN401
    document = {"privacy": {"hash_key": "env:KEY", **privacy}}
    rule = parse_config(document, folder=Path("/nowhere"), environ={"KEY": KEY}).privacy_rule()
    assert rule is not None
    return rule


def redacted(rule: Rule | None, *rows: dict[str, Any], max_bytes: int = 1_000_000) -> Encoded:
    table = EXPOSURES if "exposure_type" in rows[0] else CUSTOM_EVENTS
    return encode(reshape(canonical_frame(rows), table, SourceSettings()).events, max_bytes, rule=rule)


def event(rule: Rule, row: dict[str, Any]) -> dict[str, Any]:
    (text,) = redacted(rule, row).table["event"].to_pylist()
    found: dict[str, Any] = json.loads(text)
    return found


def user(user: str, **privacy: Any) -> str:  # noqa: ANN401
    """The user's text under a rule."""
    (text,) = redacted(rule_of(**privacy), custom_event(user=user)).table["event"].to_pylist()
    return text[text.index('"user":') + 7 : text.rindex(',"userID":"', 0, text.index(',"timestamp":'))]


def digest(text: str) -> str:
    return hashed(text, KEY.encode())


@pytest.mark.fault("F433")
def test_a_key_is_known_however_it_is_escaped_and_however_often_it_stands_there():
    written = '{"e\\u006dail":"a","email":"b","\\u0065mail":"c","x":1, "custom":{"email":"d"},"custom":7}'

    assert user(written, drop=["user.email"]) == '{"x":1,"custom":7}'
    assert user(written, hash=["user.email"]) == f'{{"email":"{digest("c")}","x":1,"custom":7}}'
    assert user(written, drop=["user.custom.email"]) == '{"email":"c","x":1,"custom":7}'


def test_what_no_path_names_stays_byte_for_byte():
    written = '{ "a" : 1.50, "b":"\\u0061\\/" , "custom": {"x" : [1, 2.0E+1] } }'

    assert user(written, drop=["user.email", "user.custom.y"], hash=["metadata.b"]) == (
        '{"a":1.50,"b":"\\u0061\\/","custom":{"x" : [1, 2.0E+1] }}'
    )
    assert user(written, drop=["user.email"]) == written


def test_dots_stars_and_quotes_in_keys_are_named_in_quotes():
    written = json.dumps({"a.b": 1, "a": {"b": 2}, "x*": 3, "xy": 4, 'q"': 5})

    assert json.loads(user(written, drop=['user."a.b"', 'user."x*"', r'user."q\""'])) == {"a": {"b": 2}, "xy": 4}
    assert json.loads(user(written, drop=["user.a.b", "user.x*"])) == {"a.b": 1, "a": {}, 'q"': 5}


def test_numbers_and_booleans_are_hashed_by_their_text_and_null_and_empty_texts_stay():
    found = json.loads(
        user('{"custom":{"a":7.0,"b":7,"c":"7","d":true,"e":null,"f":"","g":1e999}}', hash=["user.custom.*"])
    )

    seven = digest("7")
    assert list(found["custom"].values()) == [seven, seven, seven, digest("true"), None, "", digest("1e999")]


def test_of_an_object_or_a_list_every_value_is_hashed_and_lists_are_no_level():
    written = '{"custom":{"mails":["a",{"b":"c"}],"people":[{"mail":"d","x":1},[{"mail":"e"}],"f"]}}'

    assert json.loads(user(written, hash=["user.custom.mails"]))["custom"]["mails"] == [digest("a"), {"b": digest("c")}]
    found = json.loads(user(written, hash=["user.custom.people.mail"]))["custom"]["people"]
    assert found == [{"mail": digest("d"), "x": 1}, [{"mail": digest("e")}], "f"]
    assert json.loads(user(written, drop=["user.custom.people.*"]))["custom"]["people"] == [{}, [{}]]


def test_json_in_a_text_is_looked_into_only_where_a_path_goes_on():
    inner = json.dumps({"mail": "a@b", "x": 1})
    rows = custom_event(metadata=json.dumps({"note": inner, "twice": json.dumps(inner), "mail": "c"}))

    into = event(rule_of(hash=["metadata.note.mail", "metadata.twice.mail"]), rows)["metadata"]
    assert json.loads(into["note"]) == {"mail": digest("a@b"), "x": 1}
    assert json.loads(json.loads(into["twice"])) == {"mail": digest("a@b"), "x": 1}
    beside = event(rule_of(hash=["metadata.mail"]), rows)["metadata"]
    assert (beside["note"], beside["mail"]) == (inner, digest("c"))
    whole = event(rule_of(hash=["metadata.note"]), rows)["metadata"]
    assert whole["note"] == digest(inner)


@pytest.mark.fault("F428")
@pytest.mark.parametrize(
    "cut", ['{"mail":"a@b', '[{"mail":"a@b"}', ' \ufeff{"mail":"a@b","y":NaN}', '{"mail":"\\ud800"}']
)
def test_a_text_that_begins_like_json_and_was_cut_off_is_dropped_where_a_path_goes_on(cut: str):
    row = custom_event(metadata=json.dumps({"note": cut, "x": "1"}), value=cut)

    assert event(rule_of(drop=["metadata.note.mail"]), row)["metadata"] == {"x": "1"}
    assert event(rule_of(hash=["metadata.*.mail"]), row)["metadata"] == {"x": "1"}
    assert event(rule_of(hash=["value.mail"]), row)["value"] == ""
    assert event(rule_of(hash=["metadata.other.mail"]), row)["metadata"]["note"] == cut


@pytest.mark.fault("F429")
def test_an_id_is_hashed_wherever_it_stands_under_its_name():
    written = {"userID": "u", "user_id": "u", "stableID": "s", "customIDs": {"stableID": "s", "companyID": "c"}}
    written["custom"] = {"UserId": "u", "company_id": "c", "plan": "p"}
    row = exposure(
        user=json.dumps(written),
        user_id="u",
        metadata=json.dumps({"userID": "u", "user-id": "u", "companyId": "c", "other": "o"}),
        statsig_metadata=json.dumps({"stableID": "s", "sdkType": "js"}),
    )
    encoded = redacted(rule_of(hash=["userID", "user.customIDs.*"]), row)
    found = json.loads(encoded.table["event"][0].as_py())

    u, s, c = map(digest, "usc")
    assert encoded.table["user_id"].to_pylist() == [u]
    assert found["userID"] == u
    assert found["user"] == {
        "userID": u,
        "user_id": u,
        "stableID": s,
        "customIDs": {"stableID": s, "companyID": c},
        "custom": {"UserId": u, "company_id": c, "plan": "p"},
    }
    assert found["statsigMetadata"] == {"stableID": s, "sdkType": "js"}
    gate = {"gate": "a_gate", "gateValue": "true", "ruleID": "a_rule"}
    assert found["metadata"] == {**gate, "userID": u, "user-id": u, "companyId": c, "other": "o"}
    dropped = event(rule_of(drop=["userID", "user.customIDs.companyID"]), row)
    assert (dropped["userID"], dropped["user"]["custom"]) == ("", {"plan": "p"})
    assert set(dropped["metadata"]) == {*gate, "other"}


def test_which_custom_ids_a_user_has_decides_for_this_users_events_alone():
    rule = rule_of(hash=["user.customIDs.*"])
    metadata = '{"teamID":"t"}'
    with_team = custom_event(user='{"customIDs":{"teamID":"t"}}', metadata=metadata)
    texts = redacted(rule, with_team, custom_event(user="{}", metadata=metadata), with_team).table["event"].to_pylist()

    assert [json.loads(text)["metadata"]["teamID"] for text in texts] == [digest("t"), "t", digest("t")]


def test_many_kinds_of_users_in_one_chunk_are_told_apart():
    rule = rule_of(hash=["user.customIDs.*"])
    rows = [
        custom_event(user=f'{{"customIDs":{{"n{n}":"x"}}}}', metadata=f'{{"n{n}":"x","n{n + 1}":"x"}}')
        for n in range(40)
    ]
    texts = redacted(rule, *rows).table["event"].to_pylist()

    assert [list(json.loads(text)["metadata"].values()) for text in texts] == [[digest("x"), "x"]] * 40


def test_drop_goes_before_keep_user_and_that_before_hash_and_the_first_hash_counts():
    written = '{"userID":"U","email":"E","custom":{"plan":"P","x":1},"ip":"i"}'

    assert json.loads(user(written, drop=["user.email"], hash=["user.email"])) == json.loads(
        user(written, drop=["user.email"])
    )
    kept = user(written, keep_user=["userID", "custom.plan"], hash=["user.email", "user.custom.*"], drop=["user.ip"])
    assert json.loads(kept) == {"userID": "U", "custom": {"plan": digest("P")}}
    assert json.loads(user(written, keep_user=["custom"], drop=["user.custom.x"])) == {"custom": {"plan": "P"}}
    lower = {"path": "user.email", "normalize": "lower"}
    assert json.loads(user(written, hash=[lower, "user.*"]))["email"] == digest("e")
    assert json.loads(user(written, hash=["user.*", lower]))["email"] == digest("E")
    assert user(written, keep_user=[]) == user(written, drop=["user"]) == user(written, drop=["user.*"]) == "{}"


def test_user_id_at_the_top_and_in_the_user_are_one():
    row = custom_event(user='{"userID":"u","country":"NZ"}', user_id="u")

    for privacy in ({"drop": ["userID"]}, {"drop": ["user.userID"]}, {"keep_user": ["country"]}):
        found = event(rule_of(**privacy), row)
        assert (found["userID"], found["user"]) == ("", {"country": "NZ"})
    for path in ("userID", "user.userID", "user.user*"):
        found = event(rule_of(hash=[path]), row)
        assert (found["userID"], found["user"]["userID"]) == (digest("u"), digest("u"))


def test_an_exposure_keeps_what_says_what_it_is_of():
    row = exposure(exposure_type="experiment", group_name="g", reason="r", metadata='{"mine":"m"}', gate_value=None)

    for privacy in ({"drop": ["metadata.*"]}, {"hash": ["metadata"], "drop": ["metadata.mine", "metadata.reason"]}):
        found = event(rule_of(**privacy), row)
        assert found["metadata"] == {"config": "a_gate", "ruleID": "a_rule", "experimentGroupName": "g"}
        assert found["eventName"] == "statsig::experiment_exposure"


def test_the_preset_adds_to_the_lists_and_a_keep_user_of_ones_own_stands_in_for_its():
    row = custom_event(
        user='{"userID":"u","email":"e","country":"NZ","custom":{"plan":"p","x":1},"customIDs":{"a":"b"}}',
        metadata='{"customer_email":"e","shippingAddress":"s","page":"/","mine":"m"}',
        statsig_metadata='{"sdkType":"js","sessionID":"s","stableID":"t"}',
    )
    strict = event(rule_of(preset="strict", drop=["metadata.mine"]), row)

    assert strict["user"] == {"userID": digest("u"), "country": "NZ", "customIDs": {"a": digest("b")}}
    assert strict["metadata"] == {"page": "/"}
    assert strict["statsigMetadata"] == {"sdkType": "js", "stableID": digest("t")}
    assert event(rule_of(preset="strict", keep_user=["custom.plan"]), row)["user"] == {"custom": {"plan": "p"}}


def test_a_row_that_cannot_be_read_fails_as_before_and_one_that_is_too_large_may_fit_afterwards():
    big = json.dumps({"userID": "u", "custom": {"blob": "x" * 5_000}})
    rows = [custom_event(user="{"), custom_event(user='{"email":"\\ud800"}'), custom_event(user=big), custom_event()]
    without = redacted(None, *rows, max_bytes=2_000)
    under = redacted(rule_of(drop=["user.custom", "user.email"]), *rows, max_bytes=2_000)

    assert without.failed["reason"].to_pylist() == ["malformed_json", "not_unicode", "too_large"]
    assert under.failed["reason"].to_pylist() == ["malformed_json", "not_unicode"]
    assert under.table.num_rows == 2


@pytest.mark.fault("F430")
def test_json_of_any_depth_is_redacted_or_its_row_fails():
    deep, deeper = ("[" * levels + '{"mail":"a@b"}' + "]" * levels for levels in (400, 900))
    rows = [custom_event(user=f'{{"custom":{deep}}}'), custom_event(user='{"custom":[[{"mail":"a@b"}]]}')]
    rows += [custom_event(user=f'{{"custom":{deeper}}}'), custom_event(value=f'{{"x":{deep}}}')]
    found = redacted(rule_of(drop=["user.custom.mail", "value.x.mail"]), *rows)

    assert found.failed["detail"].to_pylist() == [*["user is nested too deeply"] * 2, "value is nested too deeply"]
    assert [json.loads(text)["user"] for text in found.table["event"].to_pylist()] == [{"custom": [[{}]]}]
    (hashed_whole,) = redacted(rule_of(hash=["user.custom"]), rows[0]).table["event"].to_pylist()
    assert "a@b" not in hashed_whole
    assert digest("a@b") in hashed_whole


def test_a_path_that_matched_nothing_is_remembered():
    rule = rule_of(drop=["user.ip", "metadata.never", "value"], hash=["userID", "user.customIDs.*"], keep_user=["*"])
    redacted(rule, custom_event(user='{"userID":"u","ip":1}', value="v", metadata='{"ever":"1"}'))

    assert rule.unmatched == ["metadata.never", "user.customIDs.*"]


@pytest.mark.fault("F434")
def test_a_mask_shows_what_an_event_is_made_of_and_nothing_of_it():
    row = exposure(user='{"userID":"u","custom":{"a":[1,null,""]}}', metadata='{"x":"y"}')
    found = event(Masking(), row)

    assert found["user"] == {"userID": "...", "custom": {"a": ["...", None, ""]}}
    assert found["metadata"] == {"gate": "a_gate", "gateValue": "true", "ruleID": "a_rule", "x": "..."}
    assert found["userID"] == "..."


@pytest.mark.fault("F435")
def test_a_path_to_all_keys_of_an_object_names_what_stands_in_its_place_too():
    odd = '{"custom":["ada",{"plan":"ada"},7],"customIDs":"ada","a":{"b":true},"c":"[\\"ada\\"]","d":null}'
    paths = ["user.custom.*", "user.customIDs.*", "user.a.b.*", "user.c.*.*", "user.d.*"]
    rule = rule_of(drop=paths)

    assert user(odd, drop=paths) == '{"custom":[{}],"a":{},"c":"[]","d":null}'
    assert json.loads(user(odd, hash=paths)) == {
        "custom": [digest("ada"), {"plan": digest("ada")}, digest("7")],
        "customIDs": digest("ada"),
        "a": {"b": digest("true")},
        "c": json.dumps([digest("ada")]),
        "d": None,
    }
    event(rule, custom_event(user='{"custom":"ada"}'))
    assert rule.unmatched == paths[1:]
    assert user(odd, drop=["user.custom.plan", 'user.customIDs."*"']) == odd.replace('{"plan":"ada"}', "{}")
