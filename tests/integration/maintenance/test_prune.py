"""Pruning: what is old and settled goes, its account stays, and nothing is ever sent a second time for it."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from export_home import DAY, ExportHome, custom_event, exposure
from old_windows import CUSTOM, GATE, LATER, NOW, count, files, lines, lived, moment, next_day, pruned
from sqlalchemy import select, text, update

import statsig_export
from statsig_export.errors import ConfigError
from statsig_export.export.plan import plan
from statsig_export.ledger import retention as ledger_pruning
from statsig_export.ledger.locks import lock_name, open_locks
from statsig_export.ledger.replays import plan_replay
from statsig_export.ledger.tables import attempts, batches, export_runs, generations, pruned_partitions
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance import verify as verifying
from statsig_export.maintenance.prune import PruneReport, prune
from statsig_export.maintenance.verify import verify
from statsig_export.pipeline import export_window, replay, ship
from statsig_export.shipping.status import due_partitions, status
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.vocabulary import Category


def test_files_batches_and_attempts_go_and_every_figure_stays(any_home: ExportHome):
    before, account = lines(lived(any_home)), any_home.account()
    made = count(any_home, batches, attempts)
    kept = count(any_home, generations, export_runs)
    report = pruned(any_home)

    assert lines(any_home) == before
    assert report.account == account == any_home.account()
    assert (account.failed, account.filtered, account.rate_limited) == (2, 1, 1)
    assert report.pruned == (CUSTOM, GATE)
    assert [report.batches, report.attempts] == made
    assert (report.files, report.complete) == (4, True)
    assert report.bytes > 1_000
    assert count(any_home, batches, attempts) == [0, 0]
    assert count(any_home, generations, export_runs) == kept
    assert files(any_home) == []


def test_what_is_left_of_a_partition_is_one_row_of_sums(any_home: ExportHome):
    deliveries = statsig_export.deliveries(lived(any_home).config)
    mine = deliveries[deliveries["category"] == "custom_event"]
    pruned(any_home)
    with ledger_of(any_home.config) as ledger, ledger.database.read() as connection:
        rows = connection.execute(select(pruned_partitions).order_by(pruned_partitions.c.partition)).mappings().all()

    row = next(row for row in rows if row["attempts"] == len(mine))
    assert len(rows) == 2
    assert (row["forwarded"], row["failed_by"], row["rate_limited"]) == (30, '{"rejected": 1}', 1)
    assert row["batches"] == 4 + 6 + 6 + 1  # as planned, halves, replays of what was delivered, late
    assert json.loads(row["outcomes"]) == mine["outcome"].value_counts().to_dict()
    span = [round(edge.timestamp() * 1000) for edge in (mine["started"].min(), mine["started"].max())]
    assert [row["first_attempt_ms"], row["last_attempt_ms"]] == span
    assert row["pruned_ms"] == row["removed_ms"] == round(NOW.timestamp() * 1000)


def test_a_partition_of_which_something_is_pending_is_left_as_it_is(any_home: ExportHome):
    any_home.receiver.play([Rule(time_uuid="slow", actions=[answer(503, Retry_After="60")])])
    any_home.add([custom_event(1, time_uuid="slow")], [exposure(1)])
    any_home.export()
    any_home.ship()
    report = pruned(any_home)

    assert (report.pruned, report.pending, report.complete) == ((GATE,), (CUSTOM,), False)
    assert [path.parts[-3] for path in files(any_home)] == ["category=custom_event"]
    assert verify(any_home.config).differences == ()
    any_home.receiver.play([])
    assert replay(any_home.config, [CUSTOM]).sent == 0
    with ledger_of(any_home.config) as ledger, ledger.database.write() as connection:
        connection.execute(update(batches).values(due_ms=0))
    assert ship(any_home.config, now=True).sent == 1
    assert pruned(any_home).pruned == (CUSTOM,)


def test_neither_a_request_under_way_nor_a_replay_to_come_is_settled(home: ExportHome):
    lived(home)
    home.receiver.play([Rule(actions=[answer(503, Retry_After="60")])])
    replay(home.config, [GATE])
    assert home.account().pending == 0
    assert pruned(home, dry_run=True).pending == (GATE,)
    with ledger_of(home.config) as ledger, ledger.database.write() as connection:
        connection.execute(update(batches).where(batches.c.state == "deferred").values(state="sending"))
    assert pruned(home).pending == (GATE,)


def test_a_partition_that_a_shipper_holds_is_left_to_it(any_home: ExportHome):
    lived(any_home)
    with ledger_of(any_home.config) as ledger:
        partition = ledger_pruning.candidates(ledger.database, "fivetran", moment(LATER))[0]
        with closing(open_locks(ledger.database.engine)) as locks:
            assert locks.acquire(lock_name(partition.id))
            report = pruned(any_home)

    assert (report.busy, report.pruned, report.complete) == ((CUSTOM,), (GATE,), False)
    with pytest.raises(ConfigError, match="was pruned"):
        replay(any_home.config, [CUSTOM, GATE])
    assert due_partitions(any_home.config) == []
    assert pruned(any_home).pruned == (CUSTOM,)


def test_only_windows_that_ended_by_then_are_pruned(home: ExportHome):
    next_day(lived(home))
    home.ship()
    half = prune(home.config, moment(DAY, 23), NOW)
    first = prune(home.config, moment(LATER, 23), NOW)

    assert half.pruned == ()
    assert first.pruned == (CUSTOM, GATE)
    assert [path.parts[-2] for path in files(home)] == [f"window={LATER}"]


def test_a_window_of_which_nothing_was_laid_down_has_nothing_to_prune_and_can_be_exported(home: ExportHome):
    home.add([custom_event(1, "debug_ping")])
    home.set("filter", custom_events={"events": {"debug_ping": False}})
    home.export()
    assert pruned(home).pruned == ()
    home.set("filter", custom_events={"events": {}})
    home.export()

    assert home.ship().sent == 1


def test_a_pruned_window_is_not_exported_planned_or_replayed_again(any_home: ExportHome):
    lived(any_home)
    pruned(any_home)
    before, requests = lines(any_home), len(any_home.receiver.requests)
    any_home.add([custom_event(300, "late")])
    refused = "custom_event|2026-11-20 was pruned on 2027-01-05 and 1 more".replace("|", r"\|")

    for verb in (any_home.export, lambda: plan(any_home.config, any_home.window())):
        with pytest.raises(ConfigError, match=refused):
            verb()
    for failed_only in (False, True):
        with pytest.raises(ConfigError, match="was pruned on 2027-01-05"):
            replay(any_home.config, [CUSTOM], failed_only=failed_only)
    assert any_home.ship().requests == 0
    assert due_partitions(any_home.config) == []
    assert (lines(any_home), len(any_home.receiver.requests)) == (before, requests)
    assert [path for path in files(any_home) if path.parts[-4] == "events"] == []


def test_a_category_that_was_not_pruned_can_still_be_exported(home: ExportHome):
    lived(home)
    pruned(home)
    home.add(exposures=[exposure(7, "layer")])
    report = export_window(home.config, home.window(), [Category.LAYER_EXPOSURE])

    assert report.account.pending == 1


def test_an_export_that_read_a_window_before_it_was_pruned_plans_nothing(any_home: ExportHome):
    lived(any_home)
    before = lines(any_home)
    any_home.add([custom_event(300, "late")])
    any_home.set("windows", lookback="0s")

    def prune_meanwhile(_: int) -> None:
        prune(any_home.config, moment(LATER), datetime.now(UTC))

    with pytest.raises(ConfigError, match="was pruned"):
        export_window(any_home.config, any_home.window(), on_progress=prune_meanwhile)

    assert lines(any_home) == before
    assert count(any_home, batches) == [0]


def test_a_replay_that_comes_while_a_partition_is_pruned_is_refused(home: ExportHome):
    lived(home)
    with ledger_of(home.config) as ledger:
        partition = ledger_pruning.candidates(ledger.database, "fivetran", moment(LATER))[0]
        pruned(home)
        with pytest.raises(ConfigError, match="was pruned"):
            plan_replay(ledger.database, partition.id, 0, failed_only=False)


def test_what_was_pruned_can_be_sent_anew_as_another_destination(home: ExportHome):
    sent = {event["timeUUID"] for event in lived(home).receiver.events()}
    pruned(home)
    home.set("webhook", name="again")
    home.export()
    home.ship()

    assert {event["timeUUID"] for event in home.receiver.events()} == sent
    assert home.account().forwarded == 31


@pytest.mark.parametrize(
    ("settings", "latest"),
    [
        ({}, datetime(2027, 1, 2, 15, tzinfo=UTC)),
        ({"lookback": "0s"}, datetime(2027, 1, 5, 14, 55, tzinfo=UTC)),
        ({"lookback": "1h", "settle": "2h"}, datetime(2027, 1, 5, 13, tzinfo=UTC)),
    ],
)
def test_neither_the_lookback_nor_an_open_window_can_be_pruned(home: ExportHome, settings, latest: datetime):
    home.set("windows", **settings)
    prune(home.config, latest, NOW)
    with pytest.raises(ConfigError, match=f"windows after {latest:%Y-%m-%d %H:%M} UTC cannot be pruned"):
        prune(home.config, latest + timedelta(minutes=1), NOW)


def test_verify_holds_the_account_of_what_was_pruned(any_home: ExportHome):
    next_day(lived(any_home))
    any_home.ship()
    pruned(any_home)
    report = verify(any_home.config)
    assert (report.differences, report.account) == ((), any_home.account())
    assert (report.partitions, report.pruned, report.files, report.batches) == (12, 2, 1, 1)

    with ledger_of(any_home.config) as ledger, ledger.database.write() as connection:
        connection.execute(update(pruned_partitions).values(forwarded=pruned_partitions.c.forwarded - 1))
    assert [difference.check for difference in verify(any_home.config).differences] == ["account"] * 2


def test_a_partition_that_is_pruned_while_its_files_are_verified_is_no_difference(home: ExportHome, monkeypatch):
    next_day(lived(home))
    home.ship()
    read = verifying._files

    def prune_first(record, destination, storage) -> verifying.Found:
        if record.generations:
            pruned(home)
        yield from read(record, destination, storage)

    monkeypatch.setattr(verifying, "_files", prune_first)
    assert verify(home.config).differences == ()


def test_a_notebook_reads_what_is_left_and_status_says_what_was_pruned(home: ExportHome):
    next_day(lived(home))
    home.ship()
    pruned(home)
    config = home.config

    assert set(statsig_export.read_events(config)["window"]) == {LATER}
    assert len(statsig_export.failed_rows(config)) == 0
    assert set(statsig_export.deliveries(config)["window"]) == {LATER}
    assert {line.partition: line.pruned for line in status(config) if line.pruned} == {CUSTOM: NOW, GATE: NOW}


def test_pruning_without_a_ledger_makes_none(home: ExportHome):
    assert pruned(home) == PruneReport(moment(LATER))
    assert not (home.folder / "ledger.db").exists()


def test_two_prunes_of_one_partition_come_to_one(any_home: ExportHome):
    lived(any_home)
    with ledger_of(any_home.config) as ledger:
        partition = ledger_pruning.candidates(ledger.database, "fivetran", moment(LATER))[0]
        first = ledger_pruning.prune_partition(ledger.database, partition.id, 1)
        second = ledger_pruning.prune_partition(ledger.database, partition.id, 2)

    assert first == second
    assert first is not None


def test_a_ledger_from_before_there_was_pruning_is_opened_and_pruned(any_home: ExportHome):
    before = lines(lived(any_home))
    with ledger_of(any_home.config) as ledger, ledger.database.write() as connection:
        connection.execute(text("DROP TABLE pruned_partitions"))

    assert lines(any_home) == before
    assert pruned(any_home).pruned == (CUSTOM, GATE)
    assert lines(any_home) == before
