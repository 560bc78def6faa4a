"""The locks of a run: how many it holds at once, what tells one ledger's from another's, and what is left of them."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from home import ExportHome
from old_windows import pruned
from rows import NOON, custom_event, exposure
from sqlalchemy import make_url, text

from statsig_export.errors import DestinationError, LedgerError
from statsig_export.export.export import export_windows
from statsig_export.ledger import locks
from statsig_export.ledger.database import open_existing, open_to_read, open_to_write
from statsig_export.ledger.locks import FileLocks, lock_name, open_locks
from statsig_export.ledger.transactions import ledger_of
from statsig_export.runs import REAL_TIME
from statsig_export.shipping.reports import ShipReport
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import due_partitions
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.windows import window_from_key

HOURS = 24


def hourly(home: ExportHome, hours: int = HOURS) -> ExportHome:
    """Two partitions an hour, of one event each, all due."""
    home.set("windows", every="hour")
    times = [NOON + timedelta(hours=hour) for hour in range(hours)]
    home.add(
        [custom_event(key, ingested_at=at) for key, at in enumerate(times, start=1)],
        [exposure(key, ingested_at=at) for key, at in enumerate(times, start=1)],
    )
    windows = [window_from_key(at.strftime("%Y-%m-%d-%H:00"), home.config.windows) for at in times]
    for _ in export_windows(home.config, dict.fromkeys(windows)):
        pass
    return home


@contextmanager
def held(home: ExportHome, number: int) -> Iterator[str]:
    """Another shipper has the partition at this place in the order of what is due."""
    key = due_partitions(home.config)[number].partition
    with ledger_of(home.config) as ledger:
        with ledger.database.read() as connection:
            category, window = key.split("|")
            ids = text('SELECT id FROM partitions WHERE category = :category AND "window" = :window')
            partition = connection.execute(ids, {"category": category, "window": window}).scalar_one()
        with closing(open_locks(ledger.database.engine)) as other:
            assert other.acquire(lock_name(partition))
            yield key


_SHIP = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
from statsig_export.cli import main
main()
"""


@pytest.mark.fault("F110")
def test_more_partitions_are_due_than_this_process_may_open_files(home: ExportHome):
    hourly(home)
    config = home.folder / "export.toml"
    config.write_text(
        '[source]\nurl = "env:DB"\n[windows]\nevery = "hour"\n[webhook]\nurl = "env:HOOK"\n'
        '[storage]\nurl = "files"\n[ledger]\nurl = "env:LEDGER"\n'
    )
    command = [sys.executable, "-c", _SHIP, "--config", str(config), "ship", "--json"]
    done = subprocess.run(command, env={**os.environ, **home.environ}, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert home.account().forwarded == len(home.receiver.events()) == 2 * HOURS


@pytest.mark.fault("F110")
def test_partitions_are_shipped_group_by_group_with_one_report_over_all(
    any_home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", 3)
    home = hourly(any_home, 5)
    with held(home, 4) as key:
        report = home.ship()

    assert report.busy == (key,)
    assert (len(report.shipments), report.sent, report.account.pending) == (9, 9, 1)
    assert home.ship().sent == 1
    assert len(home.receiver.events()) == 10


@pytest.mark.fault("F110")
def test_a_refusal_in_one_group_leaves_the_next_ones_as_they_are_and_in_the_report(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", 3)
    hourly(home, 5).set("webhook", concurrency=1)
    home.receiver.play([Rule(actions=[answer(401)])])
    with pytest.raises(DestinationError) as refused:
        home.ship()

    report = refused.value.report
    assert report is not None
    assert len(home.receiver.requests) == 1
    assert (len(report.shipments), report.account.pending, report.busy) == (10, 10, ())


@pytest.mark.fault("F110")
def test_a_breaker_that_opens_in_one_group_stops_the_next_ones(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", 6)
    hourly(home, 5).set("webhook", concurrency=1)
    home.receiver.play([Rule(actions=[answer(500)])])
    report = home.ship()

    assert len(home.receiver.requests) == 5
    assert report.paused_until is not None
    assert (len(report.shipments), report.account.pending) == (10, 10)


@pytest.mark.fault("F110")
def test_a_run_that_is_told_to_stop_takes_no_other_group_and_reports_what_is_left(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", 3)
    hourly(home, 5).set("webhook", concurrency=1)
    timing = replace(REAL_TIME, stopping=lambda: len(home.receiver.requests) >= 2)
    report: ShipReport = ship(home.config, timing=timing)

    assert (report.sent, report.account.pending, len(report.shipments)) == (2, 8, 10)


@pytest.mark.fault("F110")
def test_a_prune_of_many_partitions_locks_them_group_by_group(any_home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", 3)
    home = hourly(any_home, 5)
    home.ship()

    assert len(pruned(home, "2026-11-22").pruned) == 10


@pytest.mark.fault("F110")
def test_no_lock_file_outlives_its_run_and_one_that_a_killed_run_left_is_taken_over(home: ExportHome):
    hourly(home, 2)
    folder = home.folder / "ledger.db.locks"
    with held(home, 0):
        (file,) = folder.iterdir()
        shutil.copy(file, home.folder / "left")
    assert list(folder.iterdir()) == []
    shutil.copy(home.folder / "left", file)
    report = home.ship()

    assert (report.sent, report.busy, list(folder.iterdir())) == (4, (), [])


@pytest.mark.fault("F110")
def test_a_lock_file_that_its_holder_removes_while_another_takes_it_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    holder, taker, third = (FileLocks(tmp_path / "locks", "ledger") for _ in range(3))
    assert holder.acquire("one")
    flock = fcntl.flock

    def release_first(handle: int, how: int) -> None:
        holder.release()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", release_first)
    assert taker.acquire("one")
    monkeypatch.setattr(fcntl, "flock", flock)

    assert not third.acquire("one")
    taker.close()
    assert third.acquire("one")
    third.close()


def acquired(first: str, second: str) -> bool:
    """Whether a shipper by one URL leaves a partition to another by the other URL."""
    one, other = open_to_write(make_url(first)), open_to_write(make_url(second))
    with (
        closing(one),
        closing(other),
        closing(open_locks(one.engine)) as mine,
        closing(open_locks(other.engine)) as theirs,
    ):
        assert mine.acquire(lock_name(1))
        return theirs.acquire(lock_name(1))


@pytest.mark.fault("F111")
def test_two_ledgers_in_two_schemas_of_one_database_do_not_block_each_other(postgres_url: str):
    database = open_to_write(make_url(postgres_url))
    with closing(database), database.write() as connection:
        connection.execute(text("CREATE SCHEMA one"))
        connection.execute(text("CREATE SCHEMA two"))
    urls = [make_url(postgres_url).update_query_dict({"options": f"-csearch_path={name}"}) for name in ("one", "two")]
    one, two = (url.render_as_string(hide_password=False) for url in urls)

    assert acquired(one, two)
    assert not acquired(one, one)


@pytest.mark.fault("F111")
def test_two_names_of_one_ledger_exclude_each_other_and_a_copy_is_a_ledger_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("real", "elsewhere"):
        (tmp_path / name).mkdir()
    url = f"sqlite:///{tmp_path}/real/ledger.db"
    open_to_write(make_url(url)).close()
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "elsewhere" / "link.db").symlink_to(tmp_path / "real" / "ledger.db")
    shutil.copy(tmp_path / "real" / "ledger.db", tmp_path / "elsewhere" / "copy.db")
    monkeypatch.chdir(tmp_path / "elsewhere")

    for other in (f"{tmp_path}/folder/ledger.db", f"{tmp_path}/elsewhere/link.db", "../real/ledger.db"):
        assert not acquired(url, f"sqlite:///{other}"), other
    assert acquired(url, f"sqlite:///{tmp_path}/elsewhere/copy.db")


@pytest.mark.fault("F111")
def test_a_ledger_with_a_second_hard_link_is_refused(tmp_path: Path):
    url = make_url(f"sqlite:///{tmp_path}/ledger.db")
    open_to_write(url).close()
    (tmp_path / "second.db").hardlink_to(tmp_path / "ledger.db")

    with pytest.raises(LedgerError, match="second name"):
        open_to_write(url)


@pytest.mark.fault("F150")
@pytest.mark.parametrize("link", ["ledger.db", "folder"])
@pytest.mark.parametrize("target", ["a disk that is not mounted", "itself"])
def test_a_link_to_nothing_is_no_new_ledger_whoever_opens_it(tmp_path: Path, link: str, target: str):
    (tmp_path / link).symlink_to(tmp_path / (link if target == "itself" else target))
    url = make_url(f"sqlite:///{tmp_path}/{link}{'/ledger.db' if link == 'folder' else ''}")

    for opened in (open_to_write, open_to_read, open_existing):
        with pytest.raises(LedgerError, match=f"{link} is a symbolic link to nothing.*mount its disk"):
            opened(url)
    assert [path.name for path in tmp_path.iterdir()] == [link]
