"""Which requests meet a scripted fault, and when it passes."""

import http.client
import json
from collections.abc import Sequence
from contextlib import closing

import pytest

from statsig_export.testing.webhook.event_reader import Event
from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Stage, answer
from statsig_export.testing.webhook.receiver import Receiver


def event(number: int = 1) -> Event:
    return {
        "eventName": "other" if number == 9 else "product_view",
        "user": {},
        "userID": "",
        "timestamp": number,
        "statsigMetadata": {},
        "value": "",
        "metadata": {},
        "timeUUID": f"uuid-{number}",
    }


def status(receiver: Receiver, number: int = 1, **headers: str) -> int:
    """The status of a good request on a connection of its own."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)) as client:
        client.request(
            "POST", "/webhooks/stand-in", json.dumps([event(number)]), {"Content-Type": "application/json", **said}
        )
        return client.getresponse().status


def statuses(rules: Sequence[Rule], sent: Sequence[tuple[str, int]]) -> list[int]:
    """What requests of these webhook-ids and numbers are answered, in turn."""
    with Receiver(faults=rules) as receiver:
        return [status(receiver, number, webhook_id=batch) for batch, number in sent]


def test_the_actions_of_a_rule_are_taken_in_turn_and_the_last_one_stays():
    assert statuses([Rule(actions=[answer(500), answer(502)])], [("a", 1)] * 4) == [500, 502, 502, 502]
    assert statuses([Rule(actions=[answer(500), NORMAL])], [("a", 1)] * 4) == [500, 200, 200, 200]
    assert statuses([Rule(actions=[answer(500), NORMAL], cycle=True)], [("a", 1)] * 4) == [500, 200, 500, 200]


def test_a_rule_can_hold_for_request_numbers_or_each_nth_request():
    assert statuses([Rule(requests=range(2, 4), actions=[answer(500)])], [("a", 1)] * 4) == [200, 500, 500, 200]
    assert statuses([Rule(every=3, actions=[answer(500)])], [("a", 1)] * 6) == [200, 200, 500, 200, 200, 500]


def test_a_rule_can_hold_for_a_webhook_id_or_go_through_its_actions_for_each():
    sent = [("a", 1), ("b", 1), ("a", 1), ("b", 1)]
    assert statuses([Rule(webhook_id="b", actions=[answer(500), NORMAL])], sent) == [200, 500, 200, 200]
    assert statuses([Rule(per_batch=True, actions=[answer(500), NORMAL])], sent) == [500, 500, 200, 200]


def test_a_rule_can_hold_for_attempt_numbers():
    with Receiver(faults=[Rule(attempts=[1], actions=[answer(500)])]) as receiver:
        assert [status(receiver, webhook_attempt=str(attempt)) for attempt in (1, 2, 1)] == [500, 200, 500]


def test_a_rule_can_hold_for_what_a_body_contains():
    sent = [("a", 1), ("b", 2), ("c", 1)]
    assert statuses([Rule(time_uuid="uuid-2", actions=[answer(400)])], sent) == [200, 400, 200]
    assert statuses([Rule(event_name="other", actions=[answer(400)])], [*sent, ("d", 9)]) == [200, 200, 200, 400]
    first = Rule(where=lambda events: events[0]["timestamp"] == 1, actions=[answer(422)])
    assert statuses([first], sent) == [422, 200, 422]


def test_the_first_rule_that_matches_decides():
    rules = [Rule(requests=[1], actions=[NORMAL]), Rule(actions=[answer(500)])]
    assert statuses(rules, [("a", 1)] * 2) == [200, 500]


def test_a_probability_meets_about_its_share_and_the_same_requests_for_the_same_seed():
    def met(seed: int) -> list[int]:
        faults = Faults(seed=seed, rules=[Rule(probability=0.3, actions=[answer(500)])])
        with Receiver(faults=faults) as receiver:
            return [status(receiver) for _ in range(60)]

    first = met(1)
    assert first == met(1)
    assert first != met(2)
    assert 5 < first.count(500) < 35


def test_another_script_takes_over_and_an_empty_one_ends_all_faults():
    with Receiver(faults=[Rule(actions=[answer(500)])]) as receiver:
        assert status(receiver) == 500
        receiver.play([Rule(requests=[2], actions=[answer(502)])])
        assert [status(receiver), status(receiver)] == [502, 200]
        receiver.play(())
        assert status(receiver) == 200


def test_a_reset_before_its_condition_can_be_known_is_refused():
    with pytest.raises(ValueError, match="a reset at half_body comes before"):
        Rule(time_uuid="x", actions=[Action(reset=Stage.HALF_BODY)])
    with pytest.raises(ValueError, match="a reset at accept comes before"):
        Rule(webhook_id="x", actions=[Action(reset=Stage.ACCEPT)])
    Rule(webhook_id="x", actions=[Action(reset=Stage.HALF_BODY)])
