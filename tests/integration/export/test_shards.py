"""A window that is read in shards is the window that is read in one go: the same events, one account, nothing twice."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import active_children, current_process
from pathlib import Path

import pytest
from home import DAY, ExportHome
from rows import custom_event, exported_event, exposure, forwarded_exposure
from scrapes import scraped
from sqlalchemy import text
from statsig_tables import Laid

from statsig_export.errors import LedgerError, PartitionFileError
from statsig_export.events.shards import Shard
from statsig_export.export import processes, shards_in_processes
from statsig_export.export.exporter import Exporter
from statsig_export.export.gaps import missing_windows
from statsig_export.export.late_rows import changed_windows
from statsig_export.export.processes import cores_of_old_quota, cores_of_quota
from statsig_export.export.reading import Read
from statsig_export.export.reports import ExportReport
from statsig_export.export.wide import WideWindow
from statsig_export.forgetting.forget import forget
from statsig_export.ledger.lanes import Lane, lanes_of
from statsig_export.ledger.locks import lock_name, open_locks
from statsig_export.ledger.queries import partition_ids
from statsig_export.ledger.shards import KEPT_FOR_MS, Part
from statsig_export.ledger.transactions import ledger_of
from statsig_export.lineage.frames import failed_rows, read_events
from statsig_export.lineage.trace import trace
from statsig_export.maintenance.prune import prune
from statsig_export.maintenance.verify import verify
from statsig_export.monitoring.reading import read_figures
from statsig_export.monitoring.rules import Limits
from statsig_export.runs import REAL_TIME, RunContext
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
SHARDS = 4


class GivenUpError(Exception):
    """The run ends here, as if somebody had ended it."""


def fill(home: ExportHome, count: int = 60, shards: int = SHARDS) -> ExportHome:
    """Rows of both tables, two of one id, two that fail."""
    home.set("windows", shards=shards)
    home.add(
        [
            *(custom_event(key) for key in range(1, count + 1)),
            *(custom_event(key, time_uuid="0A-one-id") for key in (901, 902)),
            *(custom_event(key, None) for key in (903, 904, 905, 906)),
        ],
        [exposure(key) for key in range(1, 11)],
    )
    return home


def events(home: ExportHome) -> dict[str, str]:
    """Id -> the event, of all that was planned."""
    found = read_events(home.config, columns=["time_uuid", "event"])
    assert found["time_uuid"].is_unique
    return dict(zip(found["time_uuid"], found["event"], strict=True))


def given_up(home: ExportHome, after: int) -> Counter[str]:
    """Export until so many shards are staged; the rows that were read."""
    rows: Counter[str] = Counter()
    stage = WideWindow.stage

    def stage_some(self: WideWindow, shard: Shard) -> None:
        if rows["shards"] == after:
            raise GivenUpError
        stage(self, shard)
        rows["shards"] += 1

    WideWindow.stage = stage_some
    try:
        with pytest.raises(GivenUpError):
            exported(home, lambda count: rows.update(rows=count))
    finally:
        WideWindow.stage = stage
    return rows


def exported(home: ExportHome, on_progress: Callable[[int], None] = lambda _: None, most: int = 1) -> ExportReport:
    with Exporter(home.config, RunContext(on_progress=on_progress), processes=most) as exporter:
        return exporter.export(home.window())


def numbers(report: ExportReport) -> tuple[int, int, int]:
    """Events planned now, planned before, rows read."""
    parts = report.partitions.values()
    return sum(part.planned for part in parts), sum(part.already_planned for part in parts), report.rows_read


@pytest.mark.fault("F570")
def test_a_window_in_shards_has_the_events_and_the_account_of_one_read_in_one_go(any_home: ExportHome):
    fill(any_home, shards=1)
    any_home.set("webhook", name="another")
    any_home.export()
    whole, account = events(any_home), any_home.account()
    any_home.set("webhook", name="fivetran")
    any_home.set("windows", shards=SHARDS)

    report = any_home.export()
    shipped = any_home.ship()

    assert events(any_home) == whole
    assert report.rows_read == 76
    assert [part.files for part in report.partitions.values()] == [4, 0, 0, 0, 0, 4]
    assert account.events == any_home.account().events == 76
    assert account.filtered_by == any_home.account().filtered_by == {"duplicate": 1}
    assert account.failed_by == any_home.account().failed_by == {"missing_event_name": 4}
    assert shipped.sent == len(any_home.receiver.events()) == 71
    assert verify(any_home.config).differences == ()


@pytest.mark.fault("F571")
def test_another_number_of_shards_sends_nothing_again_and_late_rows_are_found_among_all_files(home: ExportHome):
    fill(home, shards=1)
    home.export()
    for at, shards in enumerate([4, 1, 2, 8, 3, 1]):
        home.set("windows", shards=shards)
        home.add([custom_event(1_000 + at)])
        assert [change.rows_now - change.rows_exported for change in changed_windows(home.config, NOW)] == [1]

        assert numbers(home.export()) == (1, 71 + at, 77 + at)
        assert numbers(home.export()) == (0, 72 + at, 77 + at)
        assert changed_windows(home.config, NOW) == []
    home.ship()

    assert Counter(event["timeUUID"] for event in home.receiver.events()).most_common(1)[0][1] == 1
    assert len(home.receiver.events()) == 77
    assert verify(home.config).differences == ()


@pytest.mark.fault("F572")
def test_a_window_of_which_shards_are_missing_is_not_exported_and_only_those_are_read_again(home: ExportHome):
    fill(home)
    before = given_up(home, after=3)

    assert status(home.config) == []
    assert home.window() in missing_windows(home.config, NOW)
    assert home.ship().sent == 0
    rows: list[int] = []
    report = exported(home, rows.append)

    assert before["rows"] + sum(rows) == report.rows_read == 76
    assert sum(rows) < 40
    assert home.window() not in missing_windows(home.config, NOW)
    assert home.account().events == 76
    assert verify(home.config).differences == ()


@pytest.mark.fault("F573")
@pytest.mark.parametrize(
    "change",
    [
        lambda home: home.set("windows", shards=8),
        lambda home: home.set("windows", shards=1),
        lambda home: home.set("filter", exposures=False),
        lambda home: home.set("privacy", drop=["user.email"]),
        lambda home: forget(home.config, [("userID", "user-1")]),
    ],
    ids=["more shards", "no shards", "filter", "privacy", "forget"],
)
def test_what_was_staged_counts_for_nothing_once_something_else_decides(
    home: ExportHome, change: Callable[[ExportHome], object]
):
    fill(home)
    given_up(home, after=3)
    change(home)
    rows: list[int] = []

    report = exported(home, rows.append)
    home.ship()

    assert sum(rows) == report.rows_read == 76
    sent = home.receiver.events()
    assert len({event["timeUUID"] for event in sent}) == len(sent) == home.account().forwarded
    assert verify(home.config).differences == ()


@pytest.mark.fault("F573")
def test_a_file_that_was_staged_with_somebody_who_is_forgotten_is_removed(home: ExportHome):
    fill(home)
    given_up(home, after=SHARDS - 1)
    first = forget(home.config, [("userID", f"user-{key}") for key in range(1, 40)])

    home.export()
    again = forget(home.config, None)

    assert first.unnamed_of_theirs
    assert again.unnamed_of_theirs == ()
    assert home.account().forgotten > 0
    assert not {f"user-{key}" for key in range(1, 40)} & set(read_events(home.config)["user_id"])


@pytest.mark.fault("F574")
def test_a_staged_shard_is_read_again_once_it_is_old_since_rows_may_have_come(home: ExportHome):
    fill(home)
    given_up(home, after=3)
    home.add([custom_event(key) for key in range(2_000, 2_040)])
    late = replace(REAL_TIME, clock=lambda: REAL_TIME.clock() + KEPT_FOR_MS / 1000)

    with Exporter(home.config, RunContext(timing=late)) as exporter:
        report = exporter.export(home.window())

    assert numbers(report) == (111, 0, 116)


@pytest.mark.fault("F575")
def test_two_runs_share_the_shards_of_a_window_and_report_the_same_run(any_home: ExportHome):
    fill(any_home, count=200, shards=6)
    rows: list[int] = []
    reports: list[ExportReport] = []
    both = threading.Barrier(2)
    stage = WideWindow.stage

    def together(self: WideWindow, shard: Shard) -> None:
        both.wait(30)  # each holds a shard by now
        both_at_work.add(threading.get_ident())
        WideWindow.stage = stage
        stage(self, shard)

    both_at_work: set[int] = set()
    WideWindow.stage = together
    try:
        runs = [threading.Thread(target=lambda: reports.append(exported(any_home, rows.append))) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    finally:
        WideWindow.stage = stage

    assert len(both_at_work) == 2
    assert sum(rows) == 216
    one, other = reports
    assert one.run_id == other.run_id
    assert {name: part.account for name, part in one.partitions.items()} == {
        name: part.account for name, part in other.partitions.items()
    }
    assert [(part.files, part.batches, part.file_bytes) for part in one.partitions.values()] == [
        (part.files, part.batches, part.file_bytes) for part in other.partitions.values()
    ]
    assert verify(any_home.config).differences == ()


@pytest.mark.fault("F575")
def test_of_two_runs_that_plan_the_same_shards_one_reports_what_the_other_has_planned(home: ExportHome):
    fill(home)
    others: list[ExportReport] = []
    merged = WideWindow.merged

    def overtaken(self: WideWindow, parts: Mapping[int, Part]) -> Read:
        WideWindow.merged = merged
        read = merged(self, parts)
        others.append(exported(home))  # which finds all shards staged, and plans them first
        return read

    WideWindow.merged = overtaken
    try:
        rows: list[int] = []
        report = exported(home, rows.append)
    finally:
        WideWindow.merged = merged

    assert sum(rows) == 76
    assert report.run_id == others[0].run_id
    assert numbers(report) == numbers(others[0]) == (71, 0, 76)
    assert verify(home.config).differences == ()


@pytest.mark.acceptance
@pytest.mark.fault("F576")
def test_a_process_that_is_killed_is_named_and_what_others_have_read_is_not_read_again(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shards_in_processes, "ROWS_WORTH_A_PROCESS", 100)
    fill(home, count=400, shards=6)
    killed: list[int] = []

    def kill(_: int) -> None:
        if not killed:
            killed.extend(int(child.pid or 0) for child in active_children())
            for child in killed:
                os.kill(child, signal.SIGKILL)

    with pytest.raises(LedgerError, match=r"the process \d+ that read shards of 2026-11-20 ended by SIGKILL"):
        exported(home, kill, most=2)
    assert status(home.config) == []
    assert active_children() == []
    rows: list[int] = []
    report = exported(home, rows.append, most=2)

    assert len(killed) == 2
    assert sum(rows) <= report.rows_read
    assert numbers(report) == (411, 0, 416)
    assert verify(home.config).differences == ()


@pytest.mark.fault("F577")
def test_a_lost_file_of_a_shard_is_written_again_byte_for_byte(home: ExportHome):
    fill(home)
    home.export()
    home.set("windows", shards=2)
    home.add([custom_event(key) for key in range(1_000, 1_030)])
    home.export()
    files = sorted((home.folder / "files" / "events" / "category=custom_event" / f"window={DAY}").iterdir())
    before = {file: file.read_bytes() for file in files}
    for file in files[::2]:
        file.unlink()

    report = home.export()

    assert len(files) == 6
    assert {file: file.read_bytes() for file in files} == before
    assert numbers(report) == (0, 101, 106)


@pytest.mark.fault("F577")
def test_a_lost_file_that_the_source_does_not_make_again_keeps_its_category_alone(home: ExportHome):
    fill(home)
    home.export()
    folder = home.folder / "files" / "events" / "category=custom_event" / f"window={DAY}"
    lost = sorted(folder.iterdir())[1]
    lost.unlink()
    for key in range(1, 61):
        home.change(key, event_name="other")
    home.add(exposures=[exposure(50)])

    with pytest.raises(PartitionFileError, match=lost.name):
        home.export()

    assert {line.category: line.account.events for line in status(home.config)}["gate_exposure"] == 11


@pytest.mark.fault("F578", "F658")
def test_late_rows_alone_count_as_late_however_many_files_a_window_had(home: ExportHome):
    def judged() -> tuple[int, int]:
        seen = read_figures(home.config, Limits.of(home.config.checks), datetime.now(UTC))
        return seen.late, seen.planned

    fill(home)
    home.export()
    before, judged_before = scraped(home), judged()
    home.add([custom_event(1_000), custom_event(1_001)])
    home.export()

    assert before.sum("late_events_total") == 0
    assert scraped(home).sum("late_events_total") == 2
    assert judged_before == (0, before.sum("planned_events_total"))
    assert judged() == (2, before.sum("planned_events_total") + 2)


def test_the_failed_rows_of_all_shards_are_in_one_quarantine(home: ExportHome):
    fill(home)
    home.export()

    assert len(list((home.folder / "files" / "quarantine").rglob("*.parquet"))) == 1
    assert sorted(failed_rows(home.config)["row_key"]) == ["903", "904", "905", "906"]


def test_an_event_is_traced_to_the_file_of_its_shard(home: ExportHome):
    fill(home)
    home.export()
    home.ship()

    for time_uuid in list(events(home))[::10]:
        (found,) = trace(home.config, time_uuid).events
        assert found.attempts


@pytest.mark.fault("F570")
@pytest.mark.parametrize("repeats", ["events", "duplicates"])
def test_rows_without_a_key_are_told_apart_in_shards_as_they_are_in_one_go(
    tmp_path: Path, receiver: Receiver, repeats: str
):
    def planned(shards: int) -> list[tuple[str, str]]:
        folder = tmp_path / str(shards)
        folder.mkdir()
        laid = Laid(
            folder, receiver, f"sqlite:///{tmp_path}/source.db", "warehouse_native", {"exposures": {"repeats": repeats}}
        )
        laid.create("sqlite")
        laid.add("statsig_forwarded_exposures", [forwarded_exposure(user_id=f"u-{n % 7}") for n in range(40)])
        laid.add("statsig_forwarded_events", [exported_event(user_id=f"u-{n % 5}") for n in range(20)])
        laid.set("windows", shards=shards)
        laid.export()
        laid.add("statsig_forwarded_events", [exported_event(user_id="u-1"), exported_event(user_id="u-9")])
        laid.export()
        found = read_events(laid.config, columns=["time_uuid", "event"])
        return sorted(found.itertuples(index=False, name=None))

    whole = planned(1)

    assert len(whole) == (62 if repeats == "events" else 29)
    assert planned(5) == whole


@pytest.mark.fault("F581")
@pytest.mark.parametrize(
    ("says", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("", None), (None, None)]
)
def test_a_container_with_a_limit_has_as_many_processes_as_that_allows(
    tmp_path: Path, says: str | None, cores: int | None
):
    file = tmp_path / "cpu.max"
    if says is not None:
        file.write_text(says)

    assert cores_of_quota(file) == cores


@pytest.mark.fault("F671")
@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [
        ("150000", "100000", 2),
        ("50000\n", "100000\n", 1),
        ("-1", "100000", None),
        ("150000", "0", None),
        ("", "", None),
    ],
    ids=["1.5", "0.5", "no-limit", "no-period", "empty"],
)
def test_so_does_a_container_of_the_first_version_of_control_groups(
    tmp_path: Path, quota: str, period: str, cores: int | None
):
    assert cores_of_old_quota(tmp_path) is None
    (tmp_path / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu.cfs_period_us").write_text(period)

    assert cores_of_old_quota(tmp_path) == cores


@pytest.mark.fault("F581")
def test_a_small_window_starts_no_process(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError

    fill(home)
    monkeypatch.setattr(processes, "_begun", refuse)

    assert numbers(exported(home, most=4)) == (71, 0, 76)


@pytest.mark.fault("F581")
def test_a_process_that_may_have_no_children_reads_all_shards_itself(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    fill(home)
    monkeypatch.setattr(shards_in_processes, "ROWS_WORTH_A_PROCESS", 1)
    monkeypatch.setitem(current_process()._config, "daemon", value=True)  # as the workers of Celery and of pools are

    assert numbers(exported(home, most=4)) == (71, 0, 76)


@pytest.mark.fault("F582")
def test_a_prune_takes_off_the_record_what_was_staged_for_nothing(home: ExportHome):
    fill(home)
    given_up(home, after=2)

    def staged() -> int:
        with ledger_of(home.config) as ledger, ledger.database.read() as connection:
            return connection.execute(text("SELECT count(*) FROM staged_shards")).scalar_one()

    before = datetime(2026, 11, 1, tzinfo=UTC)
    prune(home.config, before, now=datetime.now(UTC))
    kept = staged()
    prune(home.config, before, now=datetime.now(UTC) + timedelta(days=3))

    assert (kept, staged()) == (2, 0)


@pytest.mark.fault("F583")
def test_two_shippers_are_at_work_on_one_partition_and_send_each_event_once(any_home: ExportHome):
    any_home.set("webhook", max_events=1, concurrency=1)
    fill(any_home, count=120, shards=4)
    any_home.export()
    any_home.set("windows", shards=1)
    any_home.add([custom_event(2_000)])
    any_home.export()
    partition = f"custom_event|{DAY}"
    with ledger_of(any_home.config) as ledger, closing(open_locks(ledger.database.engine)) as others:
        (number,) = partition_ids(ledger.database, "fivetran", [(Category.CUSTOM_EVENT, DAY)]).values()
        lanes = lanes_of(ledger.database, [number])[number]
        assert lanes == [Lane(number, shard) for shard in range(4)]
        assert others.acquire(lock_name(lanes[1]))

        first = ship(any_home.config, [partition])
        others.release()
        second = ship(any_home.config, [partition])

    assert first.busy == ()
    assert 0 < first.sent < 122
    assert first.sent + second.sent == 122
    assert Counter(event["timeUUID"] for event in any_home.receiver.events()).most_common(1)[0][1] == 1
    assert verify(any_home.config).differences == ()


@pytest.mark.fault("F583")
def test_a_partition_of_which_a_shipper_holds_a_lane_is_neither_pruned_nor_rewritten(home: ExportHome):
    fill(home)
    home.export()
    home.ship()
    with ledger_of(home.config) as ledger, closing(open_locks(ledger.database.engine)) as others:
        (number,) = partition_ids(ledger.database, "fivetran", [(Category.CUSTOM_EVENT, DAY)]).values()
        assert others.acquire(lock_name(Lane(number, 3)))

        forgotten = forget(home.config, [("userID", "user-1")])
        pruned = prune(home.config, datetime(2026, 11, 22, tzinfo=UTC), now=datetime(2027, 1, 1, tzinfo=UTC))

    assert forgotten.busy == pruned.busy == (f"custom_event|{DAY}",)
