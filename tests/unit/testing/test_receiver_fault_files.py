"""Scripts of faults in JSON files: what they may say, and how a mistake is named."""

from pathlib import Path

import pytest

from statsig_export.testing.webhook.fault_file import load_faults, parse_faults
from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Shape, Stage, answer


def test_a_script_is_read_from_a_file(tmp_path: Path):
    path = tmp_path / "faults.json"
    path.write_text(
        """{"seed": 3, "max_bytes": 1000, "max_events": 5, "rules": [
            {"requests": [1, 2], "actions": [{"status": 429, "headers": {"Retry-After": "2"}, "body": "slow"}]},
            {"per_batch": true, "cycle": true, "attempts": [1], "webhook_id": "w", "every": 2, "probability": 0.5,
             "actions": [{"reset": "half_body", "delay": 1.5}, {}]},
            {"actions": [{"interim": [100, 103], "status": 500, "reply": "second_answer"}]},
            {"time_uuid": "u", "event_name": "e", "actions": [{"reply": "garbage", "drip": 1, "processed": false}]}
        ]}"""
    )
    assert load_faults(path) == Faults(
        seed=3,
        max_bytes=1000,
        max_events=5,
        rules=(
            Rule(requests=frozenset({1, 2}), actions=(answer(429, "slow", Retry_After="2"),)),
            Rule(
                per_batch=True,
                cycle=True,
                attempts=frozenset({1}),
                webhook_id="w",
                every=2,
                probability=0.5,
                actions=(Action(reset=Stage.HALF_BODY, delay=1.5), NORMAL),
            ),
            Rule(actions=(Action(interim=(100, 103), status=500, reply=Shape.SECOND_ANSWER),)),
            Rule(
                time_uuid="u",
                event_name="e",
                actions=(Action(reply=Shape.GARBAGE, drip=1, processed=False),),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "the script: expected an object"),
        ({"rule": []}, "the script: unknown key 'rule', did you mean 'rules'?"),
        ({"rules": {}}, "rules: expected a list"),
        ({"rules": [{"actions": []}]}, "rules[0]: a rule without actions"),
        ({"rules": [{}]}, "rules[0]: a rule without actions"),
        (
            {"rules": [{"actions": [{"rest": "body"}]}]},
            "rules[0].actions[0]: unknown key 'rest', did you mean 'reset'?",
        ),
        ({"rules": [{"actions": [{"reset": "boddy"}]}]}, "rules[0].actions[0].reset: did you mean 'body'?"),
        ({"rules": [{"actions": [{"reply": "?"}]}]}, "rules[0].actions[0].reply: expected one of whole, chunked"),
        ({"rules": [{"actions": [{"status": "503"}]}]}, "rules[0].actions[0].status: expected a whole number"),
        ({"rules": [{"actions": [{"status": 100}]}]}, "rules[0].actions[0].status: expected a status from 200"),
        ({"rules": [{"actions": [{"interim": [200]}]}]}, "rules[0].actions[0].interim: expected statuses from 100"),
        ({"rules": [{"actions": [{"interim": 103}]}]}, "rules[0].actions[0].interim: expected a list"),
        ({"rules": [{"actions": [{"delay": -1}]}]}, "rules[0].actions[0].delay: expected a number of at least 0"),
        ({"rules": [{"actions": [{"headers": {"a": 1}}]}]}, "rules[0].actions[0].headers.a: expected a string"),
        ({"rules": [{"actions": [{"processed": 1}]}]}, "rules[0].actions[0].processed: expected true or false"),
        ({"rules": [{"requests": 1, "actions": [{}]}]}, "rules[0].requests: expected a list"),
        ({"rules": [{"every": 0, "actions": [{}]}]}, "rules[0]: every: expected a number of at least 1"),
        ({"rules": [{"probability": 2, "actions": [{}]}]}, "rules[0]: probability: expected a share from 0 to 1"),
        (
            {"rules": [{"time_uuid": "x", "actions": [{"reset": "headers"}]}]},
            "rules[0]: a reset at headers comes before",
        ),
        ({"max_bytes": True}, "max_bytes: expected a whole number"),
    ],
)
def test_a_mistake_in_a_script_is_named_with_its_place(document: object, complaint: str):
    with pytest.raises(ValueError) as caught:
        parse_faults(document)
    assert str(caught.value).startswith(complaint)


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"missing\.json: No such file"):
        load_faults(tmp_path / "missing.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken\.json: Expecting property name"):
        load_faults(tmp_path / "broken.json")
