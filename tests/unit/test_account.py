from statsig_export.account import Account, total


def test_an_account_balances_when_every_event_is_in_one_place():
    account = Account(events=10, forwarded=4, pending=1, filtered_by={"duplicate": 3}, failed_by={"too_large": 2})

    assert account.balances
    assert not Account(events=11, forwarded=10).balances
    assert Account(events=11, forwarded=10, forgotten=1).balances


def test_rate_limited_events_are_no_part_of_the_sum():
    assert Account(events=1, forwarded=1, rate_limited=1).balances


def test_the_total_adds_up_rule_by_rule():
    both = total([Account(events=3, filtered_by={"a": 1, "b": 2}), Account(events=2, filtered_by={"b": 2})])

    assert both.to_dict() == {
        "events": 5,
        "forwarded": 0,
        "filtered": 5,
        "failed": 0,
        "pending": 0,
        "rate_limited": 0,
        "forgotten": 0,
        "filtered_by": {"a": 1, "b": 4},
        "failed_by": {},
    }
