"""The simulated outage: nothing is lost in it, and it does what the delivery rules say."""

from dataclasses import replace

import pytest

from benchmarks.outage import HOUR, Scenario, simulate, with_capacity
from benchmarks.outage_in_miniature import scaled
from statsig_export.delivery.rules import DEFAULT_POLICY

SMALL = Scenario(batches_a_window=40)


@pytest.mark.parametrize("capacity", [1.1, 2.0, 20.0])
def test_every_batch_is_delivered_and_none_fails_for_an_outage_of_hours(capacity: float):
    found = simulate(with_capacity(capacity, batches_a_window=40))
    waiting = found.looks[-1].backlog
    assert found.delivered + waiting == 24 * 40
    assert found.failed == 0


def test_without_an_outage_nothing_is_tried_in_vain():
    assert simulate(replace(SMALL, outage=(0, 0))).wasted == 0


def test_the_breaker_keeps_the_attempts_in_vain_few_however_many_batches_wait():
    few, many = (simulate(replace(SMALL, batches_a_window=size)) for size in (40, 400))
    assert few.wasted == pytest.approx(many.wasted, abs=6)
    assert many.wasted < 40


def test_the_backlog_at_the_end_of_the_outage_is_what_came_in_since():
    found = simulate(SMALL)
    assert found.highest == 2 * 40
    assert max(look.backlog for look in found.looks if look.second < SMALL.outage[0]) <= 40


def test_the_more_capacity_is_spare_the_sooner_the_backlog_is_gone():
    drained = [simulate(with_capacity(times, 40)).drained for times in (1.5, 2.0, 4.0)]
    assert None not in drained
    assert drained == sorted(drained, reverse=True)  # type: ignore[type-var]


def test_sending_begins_again_within_the_breakers_longest_pause():
    found = simulate(SMALL)
    end = SMALL.outage[1]
    first = next(look.second for look in found.looks if look.second >= end and look.backlog < found.highest)
    assert first - end <= max(DEFAULT_POLICY.breaker_pauses) + SMALL.tick + SMALL.run_start + SMALL.every


def test_an_outage_longer_than_the_limit_is_seen_as_overdue():
    assert simulate(SMALL).first_time(HOUR) == pytest.approx(300 + HOUR, abs=2 * SMALL.every)


def test_the_same_seed_makes_the_same_day():
    assert simulate(SMALL) == simulate(SMALL)


def test_a_scaled_policy_has_every_time_a_fraction_and_every_count_as_it_was():
    small = scaled(DEFAULT_POLICY, 60)
    assert small.breaker_pauses == tuple(pause / 60 for pause in DEFAULT_POLICY.breaker_pauses)
    assert small.breaker_after == DEFAULT_POLICY.breaker_after
