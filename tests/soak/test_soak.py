"""Half an hour of steady work, every part killed and asked to end in its first half: nothing is lost, nothing grows."""

import os

import pytest
from soak_home import DESTINATIONS
from soak_inflow import LEFT_OUT, POISON
from soak_record import Record

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        "STATSIG_EXPORT_LONG" not in os.environ, reason="takes half an hour: STATSIG_EXPORT_LONG=1 runs it"
    ),
]

LONG_LIVED = ("daemon", "loop", "metrics", *(f"receiver of {name}" for name in DESTINATIONS))
"""The code server is none: the daemon starts another every minute or two, and the old one ends."""
MOST_GROWTH_MB, IN_A_SHORT_SOAK_MB = 10, 60
"""Of a process in the last third. In a soak of a few minutes it is still warming up."""
WARM_S = 1_200
MOST_LAG_S = 900
"""A batch that failed four times in a row waits five minutes for the next, a fifth time half an hour."""


@pytest.mark.fault("F601")
@pytest.mark.parametrize("destination", DESTINATIONS)
def test_every_row_that_came_in_is_in_the_account_and_all_of_it_is_sent(record: Record, destination: str):
    account, written = record.ended.accounts[destination], record.ended.written

    assert record.ended.balances[destination]
    assert account["events"] == sum(written.values())
    assert account["filtered"] == written[LEFT_OUT]
    assert account["failed"] == written[POISON]
    assert account["pending"] == 0
    assert account["forwarded"] == sum(written.values()) - written[POISON] - written[LEFT_OUT]


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_every_event_that_was_forwarded_has_arrived(record: Record, destination: str):
    assert record.ended.arrived[destination] == record.ended.accounts[destination]["forwarded"]
    assert record.ended.arrived_rows[destination] < 1.5 * record.ended.arrived[destination]


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_the_ledger_agrees_with_itself_and_the_files(record: Record, destination: str):
    assert record.ended.differences[destination] == 0


def test_every_part_was_killed_and_asked_to_end_and_no_process_is_left(record: Record):
    restarted = {(restart.part, restart.signal) for restart in record.restarts}
    parts = set(record.parts) - {"code server"}
    assert restarted == {(part, number) for part in parts for number in ("SIGKILL", "SIGTERM")}
    assert record.ended.left == 0


@pytest.mark.parametrize("part", LONG_LIVED)
def test_no_process_grows(record: Record, part: str):
    most = MOST_GROWTH_MB if record.seconds >= WARM_S else IN_A_SHORT_SOAK_MB
    assert record.growth_mb(part) < most


@pytest.mark.parametrize("part", LONG_LIVED)
def test_open_files_threads_and_processes_do_not_add_up(record: Record, part: str):
    late = record.second_half(part)
    if record.seconds >= WARM_S:
        assert record.more(part, lambda sample: sample.files) < 5
        assert record.more(part, lambda sample: sample.threads) < 7
        assert record.more(part, lambda sample: sample.below) < 7
    assert max(sample.files for sample in late) < 150
    assert max(sample.threads for sample in late) < 60
    assert max(sample.below for sample in late) < 25


def test_code_servers_that_the_daemon_replaces_do_not_add_up(record: Record):
    servers = [sample for sample in record.samples if sample.part == "code server"]
    assert max(sample.memory_mb for sample in servers) < 400
    assert max(sample.files for sample in servers) < 150
    assert max(sample.below for sample in record.samples if sample.part == "daemon") < 25


def test_connections_to_the_database_do_not_add_up(record: Record):
    assert max(look.connections for look in record.figures) < 60
    assert min(look.connections for look in record.figures[-10:]) < 25


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_nothing_waits_for_long(record: Record, destination: str):
    late = [look.oldest_pending_s.get(destination, 0) for look in record.figures if look.second > record.seconds / 2]
    assert max(late) < MOST_LAG_S
    assert sorted(late)[len(late) // 2] < MOST_LAG_S / 2


def test_a_ledger_that_is_pruned_stays_as_large_as_it_is(record: Record):
    half, quarter = record.seconds / 2, record.seconds / 4
    third = [look.ledger_bytes for look in record.figures if half < look.second <= half + quarter]
    last = [look.ledger_bytes for look in record.figures if look.second > half + quarter]
    assert max(last) < 1.4 * max(third)


def test_old_windows_were_pruned_all_along(record: Record):
    late = [pruned for pruned in record.pruned if pruned.second > record.seconds / 2]
    assert {pruned.destination for pruned in late if pruned.batches} == set(DESTINATIONS)
    assert {pruned.code for pruned in late} <= {0, 1}


def test_logs_grow_with_the_work_alone(record: Record):
    half = next(look for look in record.figures if look.second > record.seconds / 2)
    last = record.figures[-1]
    minutes = (last.second - half.second) / 60
    grown = {name: (size - half.log_bytes[name]) / minutes for name, size in last.log_bytes.items()}
    assert {name: rate for name, rate in grown.items() if rate > 100_000} == {}
