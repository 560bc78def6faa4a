import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster_folder import DAYS, START, TODAY, Project, box

from statsig_export.config import Config, parse_config
from statsig_export.dagster import runs
from statsig_export.dagster.events.ranges import boxes, without
from statsig_export.dagster.events.schedules import cron
from statsig_export.dagster.keys import RANGE_END, RANGE_START
from statsig_export.dagster.partitions import event_partitions
from statsig_export.export.export import export_window
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, window_from_key, windows_between

pytestmark = pytest.mark.home_on_disk


def config(**tables: dict[str, object]) -> Config:
    return parse_config(tables, folder=Path("/nowhere"), environ={})


def days(count: int) -> list[Window]:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    return list(windows_between(start, start + timedelta(days=count), config().windows))


def missing_partitions(settings: Config, windows: list[Window], present: set[str]):
    """Every enabled category of the windows, but for what is there."""
    return without(dict.fromkeys(windows, settings.filter.enabled_categories()), present)


@pytest.mark.parametrize(
    ("every", "settle", "expected"),
    [
        ("day", "5m", "5 * * * *"),
        ("day", "90m", "30 * * * *"),
        ("day", "301s", "6 * * * *"),
        ("hour", "5m", "5 * * * *"),
        ("hour", "500ms", "1 * * * *"),
        ("hour", "70m", "10 * * * *"),
    ],
)
def test_the_schedule_ticks_every_hour_in_the_first_minute_after_a_window_settled(
    every: str, settle: str, expected: str
):
    assert cron(config(windows={"every": every, "settle": settle}).windows) == expected


def test_windows_that_miss_all_categories_are_one_box():
    windows = days(3)

    assert boxes(missing_partitions(config(), windows, set()), windows, 31) == [
        ("gate_exposure|2026-11-01", "custom_event|2026-11-03")
    ]


def test_a_window_that_is_there_splits_the_box():
    windows = days(3)
    present = {f"{category}|2026-11-02" for category in Category}

    assert boxes(missing_partitions(config(), windows, present), windows, 31) == [
        ("gate_exposure|2026-11-01", "custom_event|2026-11-01"),
        ("gate_exposure|2026-11-03", "custom_event|2026-11-03"),
    ]


def test_categories_that_are_switched_off_are_in_no_box():
    windows = days(2)
    without = config(filter={"exposures": {"gate": False, "experiment": False}})

    assert boxes(missing_partitions(without, windows, set()), windows, 31) == [
        ("config_exposure|2026-11-01", "config_exposure|2026-11-02"),
        ("layer_exposure|2026-11-01", "custom_event|2026-11-02"),
    ]


def test_a_long_stretch_is_cut_into_months():
    windows = days(40)

    assert boxes(missing_partitions(config(), windows, set()), windows, 31) == [
        ("gate_exposure|2026-11-01", "custom_event|2026-12-01"),
        ("gate_exposure|2026-12-02", "custom_event|2026-12-10"),
    ]


def test_the_boxes_hold_the_missing_partitions_and_nothing_else():
    windows = days(6)
    present = {"gate_exposure|2026-11-02", "config_change|2026-11-03", "config_change|2026-11-04"}
    settings = config(filter={"configuration_changes": True, "exposures": {"layer": False}})
    missing = missing_partitions(settings, windows, present)

    ranges = boxes(missing, windows, 31)

    partitions = event_partitions(settings.windows)
    covered = [
        key
        for first, last in ranges
        for key in partitions.get_partition_keys_in_range(dg.PartitionKeyRange(first, last))
    ]
    assert sorted(covered) == sorted(f"{c}|{window.key}" for window, categories in missing.items() for c in categories)


def test_the_first_tick_asks_for_every_closed_window_of_the_lookback(project: Project):
    (request,) = project.schedule_tick()

    assert box(request) == (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[-1]}")


def test_the_lookback_bounds_what_the_schedule_catches_up(project: Project):
    project.configure('lookback = "10d"', 'lookback = "1d"')

    (request,) = project.schedule_tick()

    assert box(request) == (f"gate_exposure|{DAYS[-1]}", f"custom_event|{DAYS[-1]}")


def test_a_window_that_has_not_settled_is_left_for_the_next_tick(project: Project):
    project.configure('settle = "1s"', 'settle = "2h"')

    (request,) = project.schedule_tick(hours=1)

    assert box(request) == (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[-2]}")


def test_the_requested_run_does_what_is_missing_and_the_next_tick_skips(project: Project):
    project.fill()
    (request,) = project.schedule_tick()

    result = project.run("export_events", request.run_config, request.tags)

    assert result.success
    assert project.schedule_tick() == "the 4 closed windows of the lookback are exported or under way"


def test_partitions_that_a_live_run_exports_are_not_asked_for_again(project: Project):
    job = project.definitions().resolve_job_def("export_events")
    for tags in (
        {RANGE_START: f"gate_exposure|{DAYS[0]}", RANGE_END: f"custom_event|{DAYS[2]}"},
        {"dagster/partition": f"gate_exposure|{DAYS[3]}"},
    ):
        project.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)

    (request,) = project.schedule_tick()

    assert box(request) == (f"config_exposure|{DAYS[3]}", f"custom_event|{DAYS[3]}")


@pytest.mark.parametrize(
    "tags",
    [
        {RANGE_START: "2026-11-01", RANGE_END: "2026-11-02"},
        {RANGE_START: f"gate_exposure|{DAYS[0]}-00:00", RANGE_END: f"gate_exposure|{DAYS[0]}-05:00"},
        {"dagster/partition": "europe"},
        {},
    ],
    ids=["another code location's days", "hours from before the windows were days", "a region", "none"],
)
def test_runs_of_other_windows_and_of_jobs_and_schedules_that_share_our_names_keep_no_tick_from_its_work(
    project: Project, tags: dict[str, str]
):
    @dg.job(name="export_events")
    def of_another_location() -> None: ...

    for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS):
        scheduled_too = {**tags, "dagster/schedule_name": "export_schedule"}
        project.instance.create_run_for_job(of_another_location, tags=scheduled_too, status=status)

    (request,) = project.schedule_tick()

    assert box(request) == (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[-1]}")


def test_each_tick_has_run_keys_of_its_own_so_that_a_failed_window_is_tried_again(project: Project):
    (first,), (second,) = project.schedule_tick(hours=1), project.schedule_tick(hours=2)

    assert first.run_key != second.run_key


def scheduled(project: Project, first: str, last: str, status: dg.DagsterRunStatus) -> None:
    """A run that an earlier tick has asked for, as it ended."""
    job = project.definitions().resolve_job_def("export_events")
    tags = {**job.tags, "dagster/schedule_name": "export_schedule", RANGE_START: first, RANGE_END: last}
    project.instance.create_run_for_job(job, tags=tags, status=status)


def test_a_window_whose_export_failed_is_asked_for_by_the_next_tick(project: Project):
    project.folder.joinpath("source.db").touch()
    (request,) = project.schedule_tick(hours=1)
    failed = project.run("export_events", request.run_config, request.tags)
    assert not failed.success

    (again,) = project.schedule_tick(hours=2)

    assert box(again) == box(request)


def test_one_tick_asks_for_every_hour_of_the_ticks_that_were_missed(project: Project):
    project.configure("[windows]", '[windows]\nevery = "hour"')
    project.configure('lookback = "10d"', 'lookback = "6h"')

    (request,) = project.schedule_tick(hours=5.1)

    last = f"{TODAY + timedelta(hours=4):%Y-%m-%d-%H:%M}"
    first = f"{TODAY - timedelta(hours=1):%Y-%m-%d-%H:%M}"
    assert box(request) == (f"gate_exposure|{first}", f"custom_event|{last}")


def exported(project: Project, *days: str) -> None:
    """As from the command line: what is exported is the ledger's word, whoever ran the export."""
    for day in days:
        export_window(project.config, window_from_key(day, project.config.windows))


@pytest.mark.fault("F294")
def test_a_daemon_that_was_away_for_longer_than_the_lookback_goes_on_where_it_stopped(project: Project):
    project.configure('lookback = "10d"', 'lookback = "1d"')
    project.fill()
    exported(project, DAYS[0])

    new, skipped = project.schedule_tick()

    assert box(new) == (f"gate_exposure|{DAYS[-1]}", f"custom_event|{DAYS[-1]}")
    assert box(skipped) == (f"gate_exposure|{DAYS[1]}", f"custom_event|{DAYS[-2]}")


@pytest.mark.fault("F294")
def test_what_the_ledger_holds_is_not_asked_for_whatever_dagster_shows(project: Project):
    project.fill()
    exported(project, *DAYS)

    assert project.schedule_tick() == "the 4 closed windows of the lookback are exported or under way"

    project.configure("[webhook]", '[webhook]\nname = "another"')
    (request,) = project.schedule_tick()
    assert box(request) == (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[-1]}")


@pytest.mark.fault("F295")
def test_a_gap_is_asked_for_again_however_old_it_is_and_the_windows_of_the_lookback_first(project: Project):
    project.configure('lookback = "10d"', 'lookback = "1d"')
    project.fill()
    exported(project, DAYS[0], DAYS[2])

    assert [box(request)[0] for request in project.schedule_tick()] == [
        f"gate_exposure|{DAYS[3]}",
        f"gate_exposure|{DAYS[1]}",
    ]


@pytest.mark.fault("F295")
def test_windows_of_the_first_lookback_that_failed_before_anything_was_exported_are_a_gap_too(project: Project):
    project.fill()
    exported(project, DAYS[2])
    project.configure('lookback = "10d"', 'lookback = "0s"')

    assert [box(request) for request in project.schedule_tick()] == [
        (f"gate_exposure|{DAYS[3]}", f"custom_event|{DAYS[3]}")
    ]

    project.configure('lookback = "0s"', 'lookback = "3d"')
    assert f"gate_exposure|{DAYS[1]}" in [box(request)[0] for request in project.schedule_tick(hours=24 * 30)]


@pytest.mark.fault("F295")
def test_a_year_of_skipped_hours_is_asked_for_oldest_first_and_bounded_a_tick(project: Project):
    project.configure("[windows]", '[windows]\nevery = "hour"')
    project.configure(f"{START:%Y-%m-%d}", f"{START - timedelta(days=365):%Y-%m-%d}")
    project.configure('lookback = "10d"', 'lookback = "6h"')
    project.fill([])
    first = f"{START - timedelta(days=365):%Y-%m-%d}-00:00"
    exported(project, first)
    began = time.perf_counter()

    requests = project.schedule_tick()

    assert time.perf_counter() - began < 10
    assert len(requests) == 10
    assert box(requests[1])[0] == f"gate_exposure|{first.replace('-00:00', '-01:00')}"


@pytest.mark.fault("F295")
def test_hours_of_days_that_were_exported_as_days_are_no_gap(project: Project):
    project.fill()
    exported(project, *DAYS[:3])
    project.configure("[windows]", '[windows]\nevery = "hour"')
    project.configure('lookback = "10d"', 'lookback = "6h"')

    keys = [box(request)[0] for request in project.schedule_tick(hours=0.1)]

    assert keys == [f"gate_exposure|{DAYS[3]}-18:00", f"gate_exposure|{DAYS[3]}-00:00"]


@pytest.mark.fault("F293")
def test_a_range_that_failed_is_split_and_asked_for_after_what_has_not_failed(project: Project):
    project.configure('lookback = "10d"', 'lookback = "1d"')
    project.fill()
    exported(project, DAYS[0])
    scheduled(project, f"gate_exposure|{DAYS[1]}", f"custom_event|{DAYS[2]}", dg.DagsterRunStatus.FAILURE)

    assert [box(request)[1] for request in project.schedule_tick()] == [f"custom_event|{DAYS[at]}" for at in (3, 1, 2)]


@pytest.mark.fault("F296")
@pytest.mark.parametrize(
    ("settle", "lookback", "expected"),
    [("3d", "1d", DAYS[0]), ("3d", "0s", DAYS[0]), ("1d", "1d", DAYS[2]), ("1s", "0s", DAYS[3])],
)
def test_the_lookback_is_counted_from_the_last_closed_window(
    project: Project, settle: str, lookback: str, expected: str
):
    project.configure('settle = "1s"', f'settle = "{settle}"')
    project.configure('lookback = "10d"', f'lookback = "{lookback}"')

    (request,) = project.schedule_tick()

    assert box(request) == (f"gate_exposure|{expected}", f"custom_event|{expected}")


def test_a_run_that_was_never_submitted_holds_its_windows_for_ten_minutes_only(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    everything = (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[-1]}")
    job = project.definitions().resolve_job_def("export_events")
    tags = {RANGE_START: everything[0], RANGE_END: everything[1]}
    project.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.NOT_STARTED)
    assert isinstance(project.schedule_tick(), str)
    monkeypatch.setattr(runs, "ABANDONED_AFTER", timedelta(seconds=0))

    (request,) = project.schedule_tick()

    assert box(request) == everything


@pytest.mark.fault("F334")
def test_a_tick_that_died_before_it_submitted_its_run_asks_for_the_same_when_it_is_done_again(project: Project):
    (first,) = project.schedule_tick()
    scheduled(project, *box(first), dg.DagsterRunStatus.NOT_STARTED)

    (again,) = project.schedule_tick()

    assert (again.run_key, box(again)) == (
        first.run_key,
        box(first),
    )  # Dagster finds the run by its key
