"""Sending again what was sent, or only what failed: same ids, same bytes, the same account."""

import threading
import time
from collections import Counter

import pytest
from home import DAY, ExportHome
from rows import custom_event, exposure
from sqlalchemy import select

import statsig_export
from statsig_export.delivery.rules import RetryPolicy
from statsig_export.errors import DestinationError
from statsig_export.ledger.replays import plan_replay
from statsig_export.ledger.tables import batches
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.verify import verify
from statsig_export.runs import Timing
from statsig_export.shipping.replay import replay
from statsig_export.shipping.reports import ReplayReport
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import due_partitions, resume, status
from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Stage, answer
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key

KEYS = [partition_key(category, DAY) for category in Category]
CUSTOM = partition_key(Category.CUSTOM_EVENT, DAY)


def shipped(home: ExportHome, events: int = 25) -> ExportHome:
    home.set("webhook", max_events=10)

    def send() -> None:
        home.add([custom_event(key) for key in range(1, events + 1)], [exposure(1)])
        home.export()
        home.ship()

    home.begin(f"{events} events, sent", send)
    return home


def again(home: ExportHome, *, failed_only: bool = False) -> ReplayReport:
    report = replay(home.config, KEYS, failed_only=failed_only)
    assert verify(home.config).differences == ()
    return report


def rows(home: ExportHome) -> list:
    with ledger_of(home.config) as ledger, ledger.database.read() as connection:
        return list(connection.execute(select(batches).order_by(batches.c.id)))


def test_a_replay_sends_the_same_bodies_under_the_same_ids(any_home: ExportHome):
    first = list(shipped(any_home).receiver.requests)
    report = again(any_home)
    second = any_home.receiver.requests[len(first) :]

    assert (report.replayed, report.sent, report.pending, report.failed) == (26, 26, 0, 0)
    assert Counter((sent.webhook_id, sent.sha256) for sent in first) == Counter(
        (sent.webhook_id, sent.sha256) for sent in second
    )
    assert len(first) == len(second) == 4


def test_a_replay_leaves_the_account_as_it_is(any_home: ExportHome):
    shipped(any_home)
    before = any_home.account()
    report = again(any_home)

    assert any_home.account() == report.account == before
    assert before.forwarded == 26


def test_a_replay_can_be_repeated(home: ExportHome):
    shipped(home)
    assert [again(home).replayed for _ in range(3)] == [26, 26, 26]
    assert len(home.receiver.events()) == 4 * 26


def test_only_the_partitions_asked_for_are_sent_again(home: ExportHome):
    shipped(home)
    report = replay(home.config, [partition_key(Category.GATE_EXPOSURE, DAY)])

    assert (report.replayed, report.sent) == (1, 1)
    assert home.received_names()[26:] == ["statsig::gate_exposure"]


def test_what_was_never_exported_or_sent_is_not_replayed(home: ExportHome):
    assert replay(home.config, KEYS).replayed == 0
    home.add([custom_event(1)])
    home.export()
    report = replay(home.config, KEYS)

    assert (report.replayed, report.sent) == (0, 1)


def test_a_late_generation_is_replayed_with_the_first(home: ExportHome):
    shipped(home)
    home.add([custom_event(99, "late")])
    home.export()
    home.ship()

    assert again(home).sent == 27


def test_a_replay_that_is_under_way_is_not_begun_twice(any_home: ExportHome):
    shipped(any_home)
    any_home.receiver.play([Rule(actions=[answer(503, Retry_After="60")])])
    first, second = again(any_home), again(any_home)

    assert (first.replayed, first.sent, first.pending) == (26, 0, 26)
    assert (second.replayed, second.pending) == (0, 26)
    assert any_home.account().pending == any_home.account().rate_limited == 0
    line = next(line for line in status(any_home.config) if line.partition == CUSTOM)
    assert line.due_in is not None
    assert (line.last_error or "").startswith("HTTP 503")


def test_of_two_replays_begun_at_once_one_is_a_no_op(any_home: ExportHome):
    shipped(any_home)
    events: list[int] = []
    with ledger_of(any_home.config) as ledger:
        partition = next(row.partition for row in rows(any_home) if row.rows == 10)

        def begin() -> None:
            events.append(plan_replay(ledger.database, partition, 0, failed_only=False))

        threads = [threading.Thread(target=begin) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(events) == [0, 0, 0, 25]


def test_an_unfinished_replay_is_due_and_shipped_like_any_batch(home: ExportHome):
    shipped(home)
    home.set("webhook", concurrency=1)
    home.receiver.play([Rule(actions=[answer(401), NORMAL])])
    with pytest.raises(DestinationError):
        again(home)
    resume(home.config)

    assert sum(due.events for due in due_partitions(home.config)) == 26
    assert home.ship().sent == 26
    assert due_partitions(home.config) == []
    assert home.account().forwarded == 26


def test_a_replay_the_webhook_finds_too_large_is_halved_and_the_account_stands(any_home: ExportHome):
    shipped(any_home)
    any_home.receiver.play(Faults(max_events=3))
    report = again(any_home)

    assert (report.replayed, report.sent) == (26, 26)
    assert report.account.forwarded == 26
    origins = {row.id for row in rows(any_home) if row.replay_of is None}
    assert {row.replay_of for row in rows(any_home) if row.parent is not None} < origins


def test_a_replay_of_what_was_split_sends_the_halves(home: ExportHome):
    home.receiver.play(Faults(max_events=3))
    shipped(home)
    accepted = [request.sha256 for request in home.receiver.requests if request.accepted]
    count = len(home.receiver.requests)
    again(home)

    assert sorted(request.sha256 for request in home.receiver.requests[count:]) == sorted(accepted)


def test_a_rejected_replay_fails_alone_and_its_events_stay_forwarded(any_home: ExportHome):
    any_home.set("webhook", max_events=10)
    any_home.add([custom_event(key, time_uuid="poison" if key == 3 else None) for key in range(1, 11)])
    any_home.export()
    any_home.ship()
    any_home.receiver.play([Rule(time_uuid="poison", actions=[answer(400)])])
    report = again(any_home)

    assert (report.replayed, report.sent, report.failed, report.pending) == (10, 9, 1, 0)
    assert (report.account.forwarded, report.account.failed) == (10, 0)
    assert status(any_home.config)[-1].last_error is None
    assert again(any_home, failed_only=True).replayed == 0


@pytest.mark.fault("F68")
def test_what_failed_is_sent_again_by_itself(any_home: ExportHome):
    any_home.receiver.play([Rule(time_uuid="poison", actions=[answer(400)])])
    any_home.add([custom_event(key, time_uuid="poison" if key == 3 else None) for key in range(1, 11)])
    any_home.export()
    any_home.ship()
    failed = any_home.account()
    still = again(any_home, failed_only=True)
    any_home.receiver.play([])
    count = len(any_home.receiver.requests)
    mended = again(any_home, failed_only=True)

    assert (failed.forwarded, failed.failed) == (9, 1)
    assert (still.replayed, still.sent, still.account) == (1, 0, failed)
    assert (mended.replayed, mended.sent, mended.account.forwarded, mended.account.failed) == (1, 1, 10, 0)
    assert len(any_home.receiver.requests) == count + 1
    assert again(any_home, failed_only=True).replayed == 0


@pytest.mark.fault("F68")
def test_the_attempts_of_what_failed_go_on_in_the_same_batch(home: ExportHome):
    home.receiver.play([Rule(time_uuid="poison", actions=[answer(400)])])
    home.set("webhook", max_events=1, concurrency=1)
    home.add([custom_event(1), custom_event(2, time_uuid="poison")])
    home.export()
    home.ship()
    home.receiver.play([])
    again(home, failed_only=True)
    frame = statsig_export.deliveries(home.config)

    assert list(frame["attempt"]) == [1, 1, 2, 3]
    assert list(frame["outcome"]) == ["accepted", "rejected", "rejected", "accepted"]
    assert list(frame["replay"]) == [False] * 4
    assert len(rows(home)) == 2
    assert [request.attempt for request in home.receiver.requests] == [1, 1, 2, 3]


@pytest.mark.fault("F68")
def test_a_batch_that_was_given_up_has_its_patience_anew(home: ExportHome):
    home.receiver.play([Rule(actions=[answer(500)])])
    home.add([custom_event(1)])
    home.export()
    now = time.time()
    timing = Timing(clock=lambda: now, sleep=lambda _: None, roll=lambda: 0.5)
    policy = RetryPolicy(give_up_attempts=2, give_up_age=60, quick=(), schedule=(61,), breaker_after=100)
    for _ in range(2):
        ship(home.config, timing=timing, policy=policy)
        now += 100
    given_up = home.account()
    report = replay(home.config, KEYS, failed_only=True, timing=timing, policy=policy)

    assert (given_up.failed_by, given_up.pending) == ({"unavailable": 1}, 0)
    assert (report.account.failed, report.account.pending) == (0, 1)
    assert verify(home.config, policy=policy).differences == ()


def test_the_attempts_of_a_replay_are_told_apart_in_the_deliveries(any_home: ExportHome):
    shipped(any_home)
    again(any_home)
    frame = statsig_export.deliveries(any_home.config)

    assert list(frame["replay"]) == [False] * 4 + [True] * 4
    assert frame[frame["replay"]]["rows"].sum() == 26


def test_a_replay_whose_answer_was_lost_is_sent_once_more(home: ExportHome):
    shipped(home)
    home.receiver.play([Rule(actions=[Action(reset=Stage.PROCESSING), NORMAL])])
    report = again(home)

    assert report.sent == 26
    assert home.account().forwarded == 26
