"""Windows that several processes export side by side are the windows that one exports: one account, nothing twice."""

import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing import Pipe, active_children, current_process
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from home import ExportHome
from rows import NOON, custom_event, exposure
from sqlalchemy import create_engine

from statsig_export.errors import ConfigError, LedgerError, PartitionFileError, SourceError, StatsigExportError
from statsig_export.export import processes
from statsig_export.export.export import MOST_FAILURES, each_window, export_windows
from statsig_export.export.processes import Child, ChildError, cores, heard, processes_of, windows_at_once
from statsig_export.export.reports import ExportReport
from statsig_export.maintenance.verify import verify
from statsig_export.runs import no_progress
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.windows import Window, window_from_key

HOURS = 5
KEYS = [f"2026-11-20-{12 + hour}:00" for hour in range(HOURS)]


def hourly(home: ExportHome) -> ExportHome:
    """In each window an exposure and an event, but three events in the first."""
    home.set("windows", every="hour")
    times = [NOON + timedelta(hours=hour, minutes=1) for hour in (0, 0, *range(HOURS))]
    home.add(
        [custom_event(key, ingested_at=at) for key, at in enumerate(times)],
        [exposure(key, ingested_at=at) for key, at in enumerate(times[2:])],
    )
    return home


def windows(home: ExportHome, keys: Sequence[str] = KEYS) -> dict[Window, None]:
    return dict.fromkeys(window_from_key(key, home.config.windows) for key in keys)


def exported(
    home: ExportHome, on_progress: Callable[[int], None] = no_progress, keys: Sequence[str] = KEYS
) -> dict[str, ExportReport | StatsigExportError]:
    """What each window comes to, two at once."""
    found = each_window(home.config, windows(home, keys), on_progress=on_progress, processes=2)
    return {window.key: outcome for window, outcome in found}


def files(home: ExportHome) -> set[str]:
    """Their names, which hold their digests."""
    return {str(path.relative_to(home.folder)) for path in (home.folder / "files").rglob("*.parquet")}


def on_ledger(home: ExportHome, statement: str) -> None:
    engine = create_engine(home.ledger_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def children_of(pid: int) -> list[str]:
    """Their ids, as the kernel has them."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def opened_by(pid: str) -> set[str]:
    """The files that a process has open."""
    try:
        return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:  # one was closed meanwhile
        return set()


def test_windows_side_by_side_come_to_what_they_come_to_one_by_one(
    any_home: ExportHome, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
):
    hourly(any_home)
    folder = tmp_path_factory.mktemp("other")
    other = ExportHome(folder, receiver, any_home.source_url, f"sqlite:///{folder}/ledger.db")
    other.set("windows", every="hour")
    one_by_one = list(export_windows(other.config, windows(other)))
    rows: list[int] = []
    shown: set[str] = set()

    def seen(count: int) -> None:
        rows.append(count)
        shown.update(Path(f"/proc/{child.pid}/cmdline").read_text() for child in active_children())

    side_by_side = exported(any_home, seen)

    assert list(side_by_side) == KEYS
    reports = [report for report in side_by_side.values() if isinstance(report, ExportReport)]
    assert [report.account for report in reports] == [report.account for report in one_by_one]
    assert [report.window for report in reports] == KEYS
    assert sum(rows) == sum(report.rows_read for report in one_by_one) == 2 * HOURS + 2
    assert files(any_home) == files(other)
    assert verify(any_home.config).differences == ()
    assert active_children() == []
    assert shown
    assert not [line for line in shown for secret in any_home.environ.values() if secret in line]


def test_a_window_that_fails_is_told_in_its_place_and_ends_none_of_the_others(home: ExportHome):
    hourly(home)
    list(export_windows(home.config, windows(home, KEYS[:1])))
    for file in (home.folder / "files").rglob("*.parquet"):
        file.unlink()
    home.remove(1)
    on_ledger(
        home,
        f"CREATE TRIGGER broken BEFORE INSERT ON partitions WHEN new.window = '{KEYS[2]}' BEGIN SELECT json('{{'); END",
    )

    found = exported(home)

    assert list(found) == KEYS
    assert isinstance(found[KEYS[0]], PartitionFileError)
    assert isinstance(found[KEYS[2]], LedgerError)
    assert all(isinstance(found[key], ExportReport) for key in (KEYS[1], KEYS[3], KEYS[4]))


def test_where_the_source_does_not_answer_the_rest_is_given_up_as_by_one_process(home: ExportHome):
    hourly(home)
    home.environ["DB"] = f"sqlite:///{home.folder}/nowhere/source.db"

    found = exported(home)

    assert list(found) == KEYS[:MOST_FAILURES]
    assert {type(outcome) for outcome in found.values()} == {SourceError}
    assert active_children() == []


@pytest.mark.acceptance
@pytest.mark.fault("F653")
def test_a_process_that_is_killed_costs_its_window_which_the_next_run_exports(home: ExportHome):
    hourly(home)
    list(export_windows(home.config, windows(home, KEYS[:1])))
    engine = create_engine(home.ledger_url)
    ledger = engine.connect()
    ledger.exec_driver_sql("BEGIN IMMEDIATE")  # so that nobody can plan before the kill
    killed: list[BaseProcess] = []

    def kill(_: int) -> None:
        if not killed:
            killed.extend(active_children())
            for child in killed:
                os.kill(int(child.pid or 0), signal.SIGKILL)
            ledger.rollback()

    found = exported(home, kill, KEYS[1:])
    ledger.close()
    engine.dispose()

    lost, kept = list(found.values())[:2], list(found.values())[2:]
    assert len(killed) == 2
    for error in lost:
        assert isinstance(error, LedgerError)
        assert "ended by SIGKILL. export it again: nothing is planned or sent twice" in str(error)
    assert [outcome.account.pending for outcome in kept if isinstance(outcome, ExportReport)] == [2, 2]
    reports = list(export_windows(home.config, windows(home)))
    assert [report.account.pending for report in reports] == [0, 2, 2, 0, 0]
    assert home.ship().account.forwarded == 2 * HOURS + 2
    assert len({event["timeUUID"] for event in home.receiver.events()}) == 2 * HOURS + 2
    assert verify(home.config).differences == ()


def test_ctrl_c_ends_all_processes_and_loses_nothing(home: ExportHome):
    hourly(home)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exported(home, interrupt)

    assert active_children() == []
    list(export_windows(home.config, windows(home)))
    assert home.account().events == 2 * HOURS + 2
    assert verify(home.config).differences == ()


@pytest.mark.acceptance
@pytest.mark.fault("F655")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_outlives_a_run_that_is_interrupted_or_killed(home: ExportHome, number: signal.Signals):
    hourly(home).set("export", processes=2)
    list(export_windows(home.config, windows(home, KEYS[:1])))
    engine = create_engine(home.ledger_url)
    ledger = engine.connect()
    ledger.exec_driver_sql("BEGIN IMMEDIATE")  # so that nobody gets to an end
    ledger_file = str(home.folder / "ledger.db")
    command = [sys.executable, "-m", "statsig_export", "--config", str(home.write()), "run", "--from", "2026-11-20"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has it ignored in the background
    with subprocess.Popen(
        [*command, "--to", "2026-11-21"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **home.environ},
        start_new_session=True,
    ) as run:
        while sum(ledger_file in opened_by(child) for child in children_of(run.pid)) < 2:
            assert run.poll() is None
        if number is signal.SIGINT:  # as a terminal sends it
            os.killpg(run.pid, number)
        else:
            run.send_signal(number)
        _, errors = run.communicate(timeout=60)  # which all of them write to, up to their ends
    signal.signal(signal.SIGINT, before)
    ledger.close()
    engine.dispose()

    assert run.returncode == (130 if number is signal.SIGINT else -number)
    assert "Traceback" not in errors
    assert [report.account.pending for report in export_windows(home.config, windows(home))] == [0, 2, 2, 2, 2]
    assert verify(home.config).differences == ()


@pytest.mark.acceptance
@pytest.mark.fault("F674")
def test_a_run_in_which_sigterm_is_ignored_ends_its_processes_all_the_same(home: ExportHome):
    hourly(home)
    program = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Dagster does where a shell has begun it in the background
from statsig_export.config import load_config
from statsig_export.export.export import each_window
from statsig_export.windows import window_from_key
config = load_config(sys.argv[1])
found = each_window(config, {window_from_key(key, config.windows): None for key in sys.argv[2:]}, processes=2)
next(found)
found.close()  # while they have windows to export
"""
    command = [sys.executable, "-c", program, str(home.write()), *KEYS]

    ended = subprocess.run(command, env={**os.environ, **home.environ}, timeout=60, check=False)

    assert ended.returncode == 0


@pytest.mark.fault("F654")
def test_where_the_system_starts_no_more_processes_the_windows_are_exported_by_this_one(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def refused(*_: object) -> None:
        raise OSError(errno.EAGAIN, "refused")

    monkeypatch.setattr("multiprocessing.popen_spawn_posix.Popen._launch", refused)

    found = exported(hourly(home))

    assert list(found) == KEYS
    assert all(isinstance(outcome, ExportReport) for outcome in found.values())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "1 of 2 processes export windows: the system starts no more" in caplog.text


@pytest.mark.parametrize(("keys", "shards", "in_a_pool"), [(KEYS[:1], 1, False), (KEYS, 2, False), (KEYS, 1, True)])
def test_no_process_is_started_for_one_window_or_for_windows_in_shards_or_in_a_process_of_a_pool(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, keys: list[str], shards: int, *, in_a_pool: bool
):
    def refuse(*_: object) -> None:
        raise AssertionError

    hourly(home).set("windows", shards=shards)
    monkeypatch.setitem(
        current_process()._config, "daemon", value=in_a_pool
    )  # as the workers of Celery and of pools are
    monkeypatch.setattr(processes, "_begun", refuse)

    assert list(exported(home, keys=keys)) == keys


def test_an_error_of_our_own_in_a_process_is_one_of_the_run():
    def broken(_order: None, _pipe: object) -> None:
        raise ZeroDivisionError

    mine, others = Pipe()
    processes._child(broken, None, {}, others)

    with pytest.raises(ChildError, match="ZeroDivisionError"):
        list(heard([Child(current_process(), mine)]))


def test_the_verb_run_exports_as_many_windows_at_once_as_export_processes_says(home: ExportHome):
    hourly(home).set("export", processes=2)
    home.write()

    result = home.verb("run", "--from", "2026-11-20T12:00", "--to", "2026-11-20T17:00")

    assert result.exit_code == 0, result.output
    assert home.account().forwarded == 2 * HOURS + 2


def test_the_setting_counts_windows_and_never_multiplies_the_processes_of_shards(home: ExportHome):
    assert (processes_of(home.config), windows_at_once(home.config)) == (1, 1)
    before = home.config.fingerprint()
    home.set("export", processes=7)
    assert (processes_of(home.config), windows_at_once(home.config)) == (7, 7)
    assert home.config.fingerprint() == before
    home.set("windows", shards=2)
    assert (processes_of(home.config), windows_at_once(home.config)) == (cores(), 1)


@pytest.mark.parametrize("processes", [0, -1, 1.5, True, "2", 257])
def test_a_number_of_processes_that_is_none_or_a_slip_of_the_hand_is_refused(home: ExportHome, processes: object):
    home.set("export", processes=processes)

    with pytest.raises(ConfigError, match=r"export\.processes"):
        _ = home.config
