import pandas as pd
import pytest
from home import DAY, ExportHome
from rows import custom_event, exposure

from statsig_export.errors import DestinationError
from statsig_export.export.export import export_window
from statsig_export.export.plan import plan
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import due_partitions, resume, status
from statsig_export.testing.webhook.faults import Faults, Rule, answer, redirect
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category

KINDS_AND_A_BAD_ONE = ["gate", "config", "experiment", "layer", "hologram"]


def test_every_event_of_a_window_is_accounted_for_once(any_home: ExportHome):
    any_home.set("filter", custom_events={"events": {"debug_ping": False}})
    any_home.add(
        [
            *(custom_event(key) for key in range(1, 41)),
            *(custom_event(key, "debug_ping") for key in range(41, 51)),
            custom_event(51, "statsig::config_change", user={"name": "Ana"}),
            custom_event(52, "statsig::diagnostics"),
            custom_event(53, user=["no", "object"]),
        ],
        [exposure(key, kind) for key, kind in enumerate(KINDS_AND_A_BAD_ONE, start=1)],
    )
    any_home.export()
    before = any_home.account()
    any_home.ship()
    account = any_home.account()

    assert before.balances
    assert (before.pending, before.forwarded) == (45, 0)
    assert account.balances
    assert (account.events, account.forwarded, account.pending) == (58, 45, 0)
    assert account.filtered_by == {"custom_events.events.debug_ping": 10, "sdk_telemetry": 1}
    assert account.failed_by == {"wrong_type": 1, "unknown_exposure_type": 1}
    assert len(any_home.receiver.events()) == 45


@pytest.mark.fault("F64")
def test_running_a_window_twice_sends_nothing_the_second_time(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(1, 31)])
    any_home.export()
    any_home.ship()
    requests = len(any_home.receiver.requests)

    again = any_home.export()
    shipped = any_home.ship()

    assert again.partitions[Category.CUSTOM_EVENT].already_planned == 30
    assert again.partitions[Category.CUSTOM_EVENT].planned == 0
    assert shipped.requests == 0
    assert len(any_home.receiver.requests) == requests


@pytest.mark.fault("F03")
def test_a_row_added_late_is_the_only_thing_sent(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(1, 31)])
    any_home.export()
    any_home.ship()
    any_home.add([custom_event(99, "late")])

    report = any_home.export()
    any_home.ship()

    assert report.partitions[Category.CUSTOM_EVENT].generation == 2
    assert any_home.received_names()[30:] == ["late"]
    assert any_home.account().forwarded == 31
    assert any_home.account().balances


def test_an_event_belongs_to_the_window_its_window_column_says_to_the_microsecond(any_home: ExportHome):
    edge = pd.Timestamp("2026-11-20").to_pydatetime()
    microsecond = pd.Timedelta(microseconds=1).to_pytimedelta()
    any_home.add(
        [
            custom_event(1, "the day before", ingested_at=edge - microsecond),
            custom_event(2, "first", ingested_at=edge),
            custom_event(3, "last", ingested_at=edge + pd.Timedelta(days=1).to_pytimedelta() - microsecond),
            custom_event(4, "the day after", ingested_at=edge + pd.Timedelta(days=1).to_pytimedelta()),
        ]
    )
    any_home.export()
    any_home.ship()

    assert any_home.received_names() == ["first", "last"]


def test_a_run_for_one_category_reads_and_sends_only_that_one(home: ExportHome):
    home.add([custom_event(1)], [exposure(1), exposure(2, "layer")])

    report = export_window(home.config, home.window(), [Category.LAYER_EXPOSURE])
    home.ship()

    assert report.rows_read == 1
    assert home.received_names() == ["statsig::layer_exposure"]


@pytest.mark.fault("F14")
def test_one_run_a_category_comes_to_the_same_as_one_run_for_all(home: ExportHome):
    rows = [custom_event(1), custom_event(2, "statsig::config_change"), custom_event(3, None)]
    exposures = [exposure(1), exposure(2, "layer"), exposure(3, None), exposure(4, "hologram")]
    told_by_its_group = exposure(5, "config", group_name="control")
    home.add(rows, [*exposures, told_by_its_group, exposure(6, "config"), exposure(7, "experiment")])
    for category in Category:
        export_window(home.config, home.window(), [category])
    by_category = home.account()
    home.export()

    assert by_category == home.account()
    assert by_category.events == 10
    assert by_category.failed == 3


@pytest.mark.fault("F62", "F63")
def test_a_narrowed_filter_takes_nothing_back_and_a_widened_one_adds_what_was_left_out(home: ExportHome):
    home.add([custom_event(1, "a"), custom_event(2, "b")])
    home.export()
    home.set("filter", custom_events={"include_new_by_default": False, "events": {"b": True}})
    home.add([custom_event(3, "a"), custom_event(4, "b")])
    home.export()
    home.ship()
    narrowed = home.account()
    home.set("filter", custom_events={"include_new_by_default": True})
    home.export()
    home.ship()

    assert (narrowed.events, narrowed.forwarded, narrowed.filtered) == (4, 3, 1)
    assert sorted(home.received_names()) == ["a", "a", "b", "b"]
    assert home.account().filtered == 0


@pytest.mark.fault("F06")
def test_a_repeated_time_uuid_is_filtered_as_a_duplicate(home: ExportHome):
    home.add([custom_event(key, time_uuid="the-same") for key in (1, 2, 3)])
    home.export()
    home.ship()
    first = home.account()
    home.export()

    assert first.forwarded == 1
    assert first.filtered_by == {"duplicate": 2}
    assert home.account() == first


@pytest.mark.fault("F08", "F27")
def test_two_identical_rows_stay_two_events(home: ExportHome):
    same = {"timestamp": custom_event(1)["timestamp"], "user_id": "u", "user": {"userID": "u"}}
    home.add([custom_event(1, **same), custom_event(2, **same)])
    home.export()
    home.ship()

    assert len({event["timeUUID"] for event in home.receiver.events()}) == 2


@pytest.mark.fault("F09")
def test_a_failed_row_that_was_mended_is_sent_and_leaves_the_quarantine(home: ExportHome):
    home.add([custom_event(1), custom_event(2, None)])
    home.export()
    broken = home.account()
    home.change(2, event_name="mended")
    home.export()
    home.ship()

    assert broken.failed_by == {"missing_event_name": 1}
    assert home.account().failed == 0
    assert sorted(home.received_names()) == ["mended", "page_view"]


@pytest.mark.fault("F65")
def test_rows_changed_or_deleted_after_their_export_change_nothing(home: ExportHome):
    home.add([custom_event(1), custom_event(2)])
    home.export()
    home.ship()
    home.change(1, event_name=None)
    home.remove(2)
    home.export()
    home.ship()

    account = home.account()
    assert (account.events, account.forwarded, account.failed) == (2, 2, 0)
    assert len(home.receiver.events()) == 2


@pytest.mark.fault("F21")
def test_an_empty_window_is_on_record_and_sends_nothing(home: ExportHome):
    report = home.export()
    home.ship()

    assert report.rows_read == 0
    assert {line.window for line in status(home.config)} == {DAY}
    assert home.receiver.requests == []


def test_a_partition_file_is_what_pandas_reads_and_what_was_sent(home: ExportHome):
    home.add([custom_event(key) for key in range(1, 6)], [exposure(6)])
    home.export()
    home.ship()
    frame = pd.read_parquet(home.folder / "files" / "events")

    assert sorted(frame["time_uuid"]) == sorted(event["timeUUID"] for event in home.receiver.events())
    assert set(frame.columns) == {
        *("time_uuid", "event_name", "timestamp", "user_id", "unit_id", "event"),
        *("category", "window"),
    }


@pytest.mark.fault("F25")
def test_no_body_holds_more_events_or_bytes_than_configured(home: ExportHome):
    home.receiver.play(Faults(max_events=7, max_bytes=1_500))
    home.set("webhook", max_events=7, max_bytes=1_500)
    home.add([custom_event(key, metadata={"page": "é" * (key % 40)}) for key in range(1, 101)])
    home.export()
    home.ship()

    assert {request.status for request in home.receiver.requests} == {200}
    assert len(home.receiver.events()) == 100


@pytest.mark.fault("F15")
def test_an_event_no_body_can_hold_fails_alone(home: ExportHome):
    home.set("webhook", max_bytes=2_000)
    home.add([custom_event(1), custom_event(2, metadata={"page": "x" * 5_000})])
    home.export()
    home.ship()

    assert home.account().failed_by == {"too_large": 1}
    assert home.account().forwarded == 1


def test_plan_tells_what_would_happen_and_writes_nothing(home: ExportHome):
    home.set("filter", custom_events={"events": {"debug_ping": False}})
    home.add([custom_event(1), custom_event(2, "debug_ping"), custom_event(3, None)], [exposure(1)])
    before = sorted(home.folder.rglob("*"))

    report = plan(home.config, home.window())

    assert sorted(home.folder.rglob("*")) == before
    assert (report.account.forwarded, report.account.filtered, report.account.failed) == (2, 1, 1)
    assert set(report.examples) == {Category.CUSTOM_EVENT, Category.GATE_EXPOSURE}
    home.export()
    home.ship()
    assert home.account() == report.account
    assert plan(home.config, home.window()).to_send == 0


def test_a_filter_change_is_planned_for_what_was_exported_and_for_windows_to_come(home: ExportHome):
    home.set("filter", custom_events={"events": {"debug_ping": False}})
    home.add([custom_event(1), custom_event(2), custom_event(3, "debug_ping")])
    home.export()
    changed = home.config.with_filter(custom_events={"events": {"debug_ping": True, "page_view": False}})

    now = plan(changed, home.window())
    to_come = plan(changed, home.window(), anew=True)

    assert (now.to_send, now.account.forwarded, now.account.filtered_by) == (1, 3, {})
    assert (to_come.to_send, to_come.account.filtered_by) == (1, {"custom_events.events.page_view": 2})
    assert plan(home.config, home.window(), anew=True).to_send == 2


@pytest.mark.fault("F43")
def test_one_poisoned_event_fails_alone_and_the_rest_goes_on(home: ExportHome, receiver: Receiver):
    receiver.play([Rule(time_uuid="poison", actions=[answer(400)])])
    home.add([custom_event(key, time_uuid="poison" if key == 33 else None) for key in range(1, 65)])
    home.export()
    home.ship()

    account = home.account()
    assert account.forwarded == 63
    assert account.failed_by == {"rejected": 1}
    assert account.balances
    assert len(receiver.requests) <= 2 * 6 + 1


@pytest.mark.fault("F38")
def test_batches_the_webhook_finds_too_large_are_halved_until_they_fit(home: ExportHome, receiver: Receiver):
    receiver.play(Faults(max_events=10))
    home.add([custom_event(key) for key in range(1, 41)])
    home.export()
    home.ship()

    assert home.account().forwarded == 40
    assert max(len(request.events) for request in receiver.requests if request.accepted) == 10


@pytest.mark.fault("F44")
@pytest.mark.parametrize("status_code", [401, 403, 404, 405, 410])
def test_a_refused_set_up_halts_the_destination_and_fails_nothing(
    home: ExportHome, receiver: Receiver, status_code: int
):
    receiver.play([Rule(actions=[answer(status_code)])])
    home.set("webhook", max_events=10, concurrency=1)
    home.add([custom_event(key) for key in range(1, 101)])
    home.export()

    with pytest.raises(DestinationError, match=str(status_code)):
        home.ship()
    with pytest.raises(DestinationError):
        home.ship()

    assert len(receiver.requests) == 1
    assert (home.account().pending, home.account().failed) == (100, 0)
    assert due_partitions(home.config) == []


@pytest.mark.fault("F44")
def test_a_halt_ends_when_the_set_up_changes(home: ExportHome, receiver: Receiver):
    receiver.play([Rule(requests=[1], actions=[answer(401)])])
    home.add([custom_event(1)])
    home.export()
    with pytest.raises(DestinationError):
        home.ship()
    home.environ["SECRET"] = "another"
    home.set("webhook", auth={"method": "token", "secret": "env:SECRET", "header": "X-Token"})

    assert home.ship().sent == 1
    assert home.account().pending == 0


def test_a_halt_ends_when_somebody_says_resume(home: ExportHome, receiver: Receiver):
    receiver.play([Rule(requests=[1], actions=[answer(410)])])
    home.add([custom_event(1)])
    home.export()
    with pytest.raises(DestinationError):
        home.ship()
    resume(home.config)

    assert home.ship().sent == 1


@pytest.mark.fault("F37")
@pytest.mark.parametrize("status_code", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_second_host_never_visited(
    home: ExportHome, receiver: Receiver, status_code: int
):
    with Receiver() as other:
        receiver.play([Rule(actions=[redirect(other.url, status_code)])])
        home.add([custom_event(1)])
        home.export()
        with pytest.raises(DestinationError):
            home.ship()
        assert other.connections == 0
    assert home.account().pending == 1


def test_an_empty_ledger_has_nothing_due_and_nothing_to_tell(home: ExportHome):
    assert due_partitions(home.config) == []
    assert status(home.config) == []
    assert ship(home.config).shipments == {}
