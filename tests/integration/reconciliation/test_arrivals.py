"""Forwarded = Arrived + Missing + Not yet: the ledger held against a table in a real database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from home import ExportHome
from landing import EVENTS, Landing, landing_in
from rows import custom_event
from sent_home import GRACE, compared, fifteen_sent, points_at, sent_earlier

from statsig_export import read_events
from statsig_export.errors import ConfigError, PartitionFileError, SourceError
from statsig_export.maintenance.prune import prune
from statsig_export.reconciliation.check import ASKED_AGAIN, check_arrivals
from statsig_export.reconciliation.report import report_of
from statsig_export.reconciliation.reports import Arrivals, ArrivalsReport
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.testing.webhook.faults import Rule, answer

KEYS = ["custom_event|2026-11-20", "gate_exposure|2026-11-20"]


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return landing_in(tmp_path)


@pytest.fixture
def home(home: ExportHome, landing: Landing) -> ExportHome:
    return fifteen_sent(home, landing)


def ids(home: ExportHome) -> list[str]:
    return [event["timeUUID"] for event in home.receiver.events()]


def figures(report: ArrivalsReport) -> tuple[int, int, int, int]:
    total = report.total
    assert total.forwarded == total.arrived + total.missing + total.not_yet + total.unchecked
    return total.arrived, total.missing, total.not_yet, total.repeated


@pytest.mark.fault("F391")
def test_a_replay_explains_what_is_there_twice(home: ExportHome, landing: Landing):
    landing.land(home.receiver.events())
    sent = len(ids(home))
    replay(home.config, KEYS[:1])
    landing.land(home.receiver.events()[sent:])

    total = compared(home).total

    assert (total.repeated_replay, total.repeated_unknown, total.repeated_other) == (10, 0, 0)


@pytest.mark.fault("F391")
def test_an_attempt_that_nobody_knows_the_result_of_explains_it_too(home: ExportHome, landing: Landing):
    home.add([custom_event(11), custom_event(12)])
    home.export()
    home.receiver.play([Rule(actions=[answer(500)], requests={len(home.receiver.requests) + 1})])
    landing.land(home.receiver.events())
    home.ship()
    for _ in range(2):  # the request that was answered with 500 was stored all the same
        landing.land(home.receiver.events()[15:])

    total = compared(home).total

    assert (total.arrived, total.repeated_unknown, total.repeated_other) == (17, 2, 0)


@pytest.mark.fault("F392")
def test_what_is_there_though_the_ledger_has_it_as_pending_is_not_alien(home: ExportHome, landing: Landing):
    home.add([custom_event(11), custom_event(12)])
    home.export()
    home.receiver.play([Rule(actions=[answer(500)], cycle=True)])
    home.ship()
    pending = read_events(home.config, columns=["time_uuid"])["time_uuid"][10:12]
    landing.land({"eventName": "e", "timestamp": 1, "timeUUID": one} for one in pending)

    report = compared(home)

    assert (report.total.forwarded, report.total.unconfirmed, report.alien) == (15, 2, 0)


@pytest.mark.fault("F412")
def test_what_was_delivered_since_the_comparison_is_no_longer_beside_the_sum(home: ExportHome, landing: Landing):
    home.add([custom_event(11)])
    home.export()
    home.receiver.play([Rule(actions=[answer(500)], cycle=True)])
    home.ship()
    landing.land([{"eventName": "e", "timestamp": 1, "timeUUID": read_events(home.config)["time_uuid"][10]}])
    assert compared(home).total.unconfirmed == 1

    home.receiver.play([])
    ship(home.config, now=True)

    total = report_of(home.config).total
    assert (total.forwarded, total.unconfirmed, total.unchecked) == (16, 0, 1)


@pytest.mark.fault("F413")
def test_rows_that_a_late_sync_brought_are_ours_once_they_are_settled(home: ExportHome, landing: Landing):
    sent_earlier(home, timedelta(days=3))
    landing.land(home.receiver.events())
    assert figures(compared(home)) == (15, 0, 0, 0)
    home.add([custom_event(11)])
    home.export()
    home.ship()
    landing.land(home.receiver.events()[15:])

    report = compared(home)

    assert (report.landed, report.alien) == (16, 0), "the table is read from an hour before the newest attempt"


@pytest.mark.fault("F412")
def test_partitions_are_in_the_order_of_status(home: ExportHome):
    report = compared(home)

    assert [line.category for line in report.partitions] == ["gate_exposure", "custom_event"]


@pytest.mark.fault("F393")
def test_settled_events_are_not_asked_for_again_and_what_is_missing_is(home: ExportHome, landing: Landing):
    landing.land(home.receiver.events())
    first = compared(home, after=GRACE + timedelta(minutes=1))
    again = compared(home, after=GRACE + timedelta(minutes=2))
    assert (first.landed, again.landed) == (15, 0)
    assert figures(again) == (15, 0, 0, 0), "what was found before is kept"

    home.add([custom_event(11)])
    home.export()
    home.ship()
    assert figures(compared(home, after=GRACE + timedelta(minutes=3))) == (15, 1, 0, 0)
    assert figures(compared(home, after=ASKED_AGAIN)) == (15, 1, 0, 0)
    landing.land(home.receiver.events()[15:])
    assert figures(compared(home, after=GRACE + timedelta(minutes=4))) == (16, 0, 0, 0)


@pytest.mark.fault("F394")
def test_a_pruned_partition_is_counted_and_not_compared(home: ExportHome, landing: Landing):
    landing.land(home.receiver.events())
    compared(home)
    prune(home.config, datetime(2026, 11, 21, tzinfo=UTC), datetime.now(UTC))

    total = compared(home).total

    assert total == Arrivals(forwarded=15, unchecked=15)


@pytest.mark.fault("F394")
def test_a_lost_file_costs_its_own_partition(home: ExportHome, landing: Landing):
    landing.land(home.receiver.events())
    lost = next((home.folder / "files").rglob("*custom_event*/**/*.parquet"), None)
    lost = lost or next(path for path in (home.folder / "files").rglob("*.parquet") if "custom_event" in str(path))
    lost.unlink()

    report, unreadable = check_arrivals(home.config)

    assert [type(error) for error in unreadable] == [PartitionFileError]
    assert report.total.arrived == 5
    assert report.total.unchecked == 10


def test_nothing_that_was_ever_sent_is_nothing_to_compare(tmp_path: Path, home: ExportHome):
    del home
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    other = ExportHome(fresh, None)
    points_at(other, landing_in(fresh))

    assert compared(other).total == Arrivals()


@pytest.mark.fault("F395")
def test_two_columns_that_may_hold_the_id_are_an_error_that_names_both(home: ExportHome, landing: Landing):
    landing.run(f"ALTER TABLE {EVENTS} ADD COLUMN time_uuid TEXT")
    landing.run(f"ALTER TABLE {EVENTS} ADD COLUMN timeuuid TEXT")

    with pytest.raises(ConfigError, match=r"several columns for time_uuid: time_uuid, timeuuid"):
        compared(home)


@pytest.mark.fault("F395")
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"table": "nowhere"}, "there is no table nowhere"),
        ({"mode": "unpacked"}, "has no column timeUUID"),
        ({"columns": {"data": "payload"}}, r"arrivals.columns.data: statsig_events has no column payload"),
        ({"url": "sqlite:///gone.db"}, r"arrivals.url names that file"),
    ],
)
def test_a_table_that_is_not_what_export_toml_says_is_named(home: ExportHome, settings: dict[str, object], why: str):
    home.set("arrivals", **settings)

    with pytest.raises((ConfigError, SourceError), match=why):
        compared(home)


def test_a_table_without_a_time_is_read_whole(home: ExportHome, landing: Landing):
    landing.land(home.receiver.events())
    home.set("arrivals", columns={"synced": ""})

    assert figures(compared(home)) == (15, 0, 0, 0)


@pytest.mark.fault("F396")
def test_a_row_without_an_id_ends_nothing(home: ExportHome, landing: Landing):
    landing.land(home.receiver.events())
    landing.run("UPDATE statsig_events SET data = 'no json' WHERE _index = 0")

    report = compared(home, after=GRACE)

    assert report.total.arrived == 14
    assert report.alien == 1


@pytest.mark.fault("F396")
def test_a_failed_comparison_leaves_the_last_figures(home: ExportHome, landing: Landing):
    landing.land(home.receiver.events())
    before = compared(home)
    landing.run(f"DROP TABLE {EVENTS}")

    with pytest.raises(SourceError):
        compared(home)
    assert report_of(home.config) == before
