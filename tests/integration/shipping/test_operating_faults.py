"""What operators, other hosts and the clock do to a shipment that is under way."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from home import ExportHome
from rows import custom_event
from sqlalchemy import Result, func, select

from statsig_export.cli.sigterm import stop_on_sigterm
from statsig_export.errors import DestinationError
from statsig_export.ledger.tables import ship_runs
from statsig_export.ledger.transactions import ledger_of
from statsig_export.lineage.frames import deliveries, failed_rows
from statsig_export.runs import REAL_TIME
from statsig_export.shipping.ship import ship
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Stage, answer
from statsig_export.testing.webhook.receiver import Receiver

AT_ONCE = replace(REAL_TIME, roll=lambda: 0.0)
"""Retries without a pause."""


@pytest.mark.fault("F34", "F42")
@pytest.mark.parametrize(
    "fault",
    [Action(reset=Stage.PROCESSING), Action(status=500, processed=True), answer(500), Action(reset=Stage.BODY)],
    ids=["reply lost", "500 after processing", "500 before processing", "reset before processing"],
)
def test_after_an_answer_that_leaves_it_open_the_same_bytes_go_again_under_the_same_id(
    any_home: ExportHome, fault: Action
):
    any_home.receiver.play([Rule(per_batch=True, actions=[fault, NORMAL])])
    any_home.set("webhook", max_events=10, concurrency=1)
    any_home.add([custom_event(key) for key in range(1, 31)])
    any_home.export()
    ship(any_home.config, timing=AT_ONCE)

    sent = Counter(event["timeUUID"] for event in any_home.receiver.events())
    taken_in_twice = fault.processed or fault.reset is Stage.PROCESSING
    assert set(sent.values()) == ({2} if taken_in_twice else {1})
    assert len(sent) == any_home.account().forwarded == 30
    assert len({request.webhook_id for request in any_home.receiver.requests}) == 3


@pytest.mark.fault("F36")
def test_a_2xx_is_an_acceptance_whatever_its_body_says_and_the_body_is_kept_to_be_seen(home: ExportHome):
    home.receiver.play([Rule(actions=[answer(200, "<html>Sign in</html>", Content_Type="text/html")])])
    home.add([custom_event(1)])
    home.export()
    home.ship()
    (reason,) = in_ledger(home, "SELECT reason FROM attempts").one()

    assert home.account().forwarded == 1
    assert reason == "HTTP 200: Sign in"


@pytest.mark.fault("F38")
def test_a_single_event_that_the_webhook_finds_too_large_fails_alone(home: ExportHome):
    home.receiver.play(Faults(max_bytes=900))
    home.add([custom_event(key, metadata={"page": "x" * (2_000 if key == 5 else 2)}) for key in range(1, 9)])
    home.export()
    home.ship()

    assert home.account().failed_by == {"too_large": 1}
    assert home.account().forwarded == 7
    assert list(failed_rows(home.config)["reason"]) == ["too_large"]


@pytest.mark.fault("F39")
def test_a_batch_that_may_have_arrived_and_is_then_too_large_comes_again_in_halves(home: ExportHome):
    lost, too_large = Action(reset=Stage.PROCESSING), answer(413)
    home.receiver.play([Rule(requests=[1], actions=[lost]), Rule(requests=[2], actions=[too_large])])
    home.add([custom_event(key) for key in range(1, 11)])
    home.export()
    ship(home.config, timing=AT_ONCE)

    sent = Counter(event["timeUUID"] for event in home.receiver.events())
    assert set(sent.values()) == {2}
    assert len(sent) == home.account().forwarded == 10
    assert len({request.webhook_id for request in home.receiver.requests}) == 3


@pytest.mark.fault("F07")
def test_of_two_rows_with_one_time_uuid_and_other_contents_the_first_is_sent_and_the_other_counted(home: ExportHome):
    home.add([custom_event(1, "first", time_uuid="same"), custom_event(2, "second", time_uuid="same")])
    home.export()
    home.ship()

    assert home.received_names() == ["first"]
    assert home.account().filtered_by == {"duplicate": 1}
    assert home.account().balances


@pytest.mark.fault("F19")
def test_an_event_from_the_future_goes_unchanged_and_stays_in_the_window_of_its_arrival(home: ExportHome):
    home.add([custom_event(1, timestamp=datetime(2049, 7, 1))])
    home.export()
    home.ship()

    assert [event["timestamp"] for event in home.receiver.events()] == [2_508_710_400_000]


@pytest.mark.fault("F61")
def test_a_set_up_that_changes_between_tries_sends_the_frozen_bytes_with_the_new_secret(home: ExportHome):
    with Receiver(auth=Authentication("hmac", "new"), strict_delivery=True) as moved:
        home.receiver.play([Rule(actions=[answer(503, Retry_After="3600")])])
        home.environ["SECRET"] = "old"
        home.set("webhook", max_events=10, auth={"method": "hmac", "secret": "env:SECRET"})
        home.add([custom_event(key) for key in range(1, 21)])
        home.export()
        ship(home.config, timing=AT_ONCE)
        in_ledger(home, "UPDATE batches SET due_ms = 0")
        home.environ |= {"SECRET": "new", "HOOK": moved.url}
        home.set("webhook", max_events=30, max_bytes=2_000_000, compression="gzip")
        ship(home.config, timing=AT_ONCE, now=True)

        assert {request.webhook_id for request in moved.requests} == {
            request.webhook_id for request in home.receiver.requests
        }
        assert [len(request.events) for request in moved.requests] == [10, 10]
    assert home.account().forwarded == 20
    runs = "SELECT count(DISTINCT config_fingerprint) FROM ship_runs JOIN attempts ON ship_run = ship_runs.id"
    assert in_ledger(home, runs).scalar() == 2


@pytest.mark.fault("F69")
@pytest.mark.parametrize("fault", [answer(500), answer(401), Action(reset=Stage.ACCEPT)], ids=["500", "401", "reset"])
def test_of_two_destinations_the_one_that_is_down_does_not_delay_the_other(any_home: ExportHome, fault: Action):
    with Receiver(strict_delivery=True) as other:
        any_home.receiver.play([Rule(actions=[fault])])
        any_home.set("webhook", max_events=10)
        any_home.add([custom_event(key) for key in range(1, 101)])
        any_home.export()
        with suppress(DestinationError):
            ship(any_home.config, timing=AT_ONCE)
        assert any_home.account().pending == 100

        any_home.environ["HOOK"] = other.url
        any_home.set("webhook", name="second")
        any_home.export()
        report = any_home.ship()

        assert (report.sent, report.requests, report.paused_until) == (100, 10, None)
        assert any_home.account().forwarded == 100
    any_home.set("webhook", name="fivetran")
    assert any_home.account().pending == 100


@pytest.mark.fault("F50")
def test_sigterm_finishes_the_request_under_way_and_begins_no_other(any_home: ExportHome):
    any_home.set("webhook", max_events=1, concurrency=2)
    any_home.add([custom_event(key) for key in range(1, 51)])
    any_home.export()
    any_home.receiver.play([Rule(actions=[Action(delay=1.0)])])
    command = [sys.executable, "-m", "statsig_export", "--config", str(any_home.write()), "ship"]
    with subprocess.Popen(
        command, env={**os.environ, **any_home.environ}, stderr=subprocess.PIPE, text=True
    ) as shipper:
        wait_for_connections(any_home.receiver, 2)
        shipper.send_signal(signal.SIGTERM)
        _, said = shipper.communicate(timeout=20)

    assert shipper.returncode == 1  # done, with events pending
    assert "requests under way were finished" in said
    account = any_home.account()
    assert 1 <= account.forwarded == len(any_home.receiver.events()) <= 4
    assert account.pending == 50 - account.forwarded
    assert list(deliveries(any_home.config)["outcome"].unique()) == ["accepted"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT means what it does in a terminal: a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.fault("F50")
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_lets_what_is_under_way_finish_as_when_dagster_cancels_a_run(home: ExportHome):
    home.set("webhook", max_events=1, concurrency=2)
    home.add([custom_event(key) for key in range(1, 21)])
    home.export()
    home.receiver.play([Rule(actions=[Action(delay=0.5)])])

    def interrupt() -> None:
        wait_for_connections(home.receiver, 2)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        home.ship()
    thread.join()

    assert set(deliveries(home.config)["outcome"]) == {"accepted"}
    assert home.account().forwarded == len(home.receiver.events()) > 0
    assert home.account().pending > 0


@pytest.mark.fault("F50")
def test_the_second_sigterm_is_not_caught_and_the_end_of_the_run_restores_what_was_before():
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_sigterm() as stop:
        started = time.monotonic()
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        stop.sleep(10)
        assert time.monotonic() - started < 5
        assert stop.asked()
        assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGTERM) == before


def test_outside_the_main_thread_nothing_asks_the_run_to_end():
    asked: list[bool] = []

    def run() -> None:
        with stop_on_sigterm() as stop:
            asked.append(stop.asked())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert asked == [False]


def in_ledger(home: ExportHome, statement: str) -> Result[Any]:
    with ledger_of(home.config) as ledger, ledger.database.write() as connection:
        found = connection.exec_driver_sql(statement)
        return found.freeze()() if found.returns_rows else found


def wait_for_connections(receiver: Receiver, count: int) -> None:
    patience = time.monotonic() + 15
    while receiver.connections < count and time.monotonic() < patience:
        time.sleep(0.01)
    assert receiver.connections >= count


@pytest.mark.fault("F600")
def test_a_shipment_that_finds_nothing_to_send_leaves_nothing_in_the_ledger(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    ship(home.config)
    for _ in range(3):
        assert ship(home.config).sent == 0

    with ledger_of(home.config) as ledger, ledger.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(ship_runs)).scalar() == 1
