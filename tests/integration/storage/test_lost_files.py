"""Partition files that are gone or damaged: what it costs, who writes them again, and who says so."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from home import DAY, ExportHome
from rows import custom_event, exposure
from sqlalchemy import create_engine

import statsig_export
from statsig_export.errors import LedgerError, PartitionFileError, StorageError
from statsig_export.export.export import export_windows
from statsig_export.export.repair import repair
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import due_partitions, status

NEXT = "2026-11-21"
DAYS = ["--from", DAY, "--to", "2026-11-22"]


def two_days(home: ExportHome) -> Path:
    """Two exported days of two categories; the file of the first day's custom events."""
    home.set("windows", lookback="1h")
    home.set("webhook", max_events=10)
    home.begin("two days", lambda: export_two_days(home))
    home.write()
    return file_of(home)


def export_two_days(home: ExportHome) -> None:
    late = {"ingested_at": custom_event(1)["ingested_at"].replace(day=21)}
    home.add([custom_event(key) for key in range(1, 26)], [exposure(1)])
    home.add([custom_event(key, "next", **late) for key in range(31, 36)], [exposure(2, **late)])
    home.export()
    home.export(NEXT)


def file_of(home: ExportHome, generation: int = 1, day: str = DAY) -> Path:
    folder = home.folder / "files" / "events" / "category=custom_event" / f"window={day}"
    (file,) = folder.glob(f"{generation:04d}-*.parquet")
    return file


def say(home: ExportHome, *words: str) -> Result:
    return home.verb(*words)


def remove(file: Path) -> None:
    file.unlink()


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def replace_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def replace_by_rubbish(file: Path) -> None:
    file.write_bytes(b"PAR1" + b"x" * 2_000 + b"PAR1")


def change_bytes(file: Path) -> None:
    """In the last column, which holds the events."""
    events = pq.ParquetFile(file).metadata.row_group(0).column(5)
    middle = events.data_page_offset + events.total_compressed_size // 2
    whole = file.read_bytes()
    file.write_bytes(whole[: middle - 50] + b"\xa5" * 100 + whole[middle + 50 :])


def dangle(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("nowhere"))


DAMAGE = [remove, cut_short, empty, replace_by_a_folder, replace_by_rubbish, change_bytes, dangle]


@pytest.mark.fault("F100")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_partition_whose_file_cannot_be_read_is_set_aside_and_the_others_are_sent(
    home: ExportHome, damage: Callable[[Path], None]
):
    file = two_days(home)
    damage(file)
    with pytest.raises(PartitionFileError, match=file.name) as failed:
        home.ship()

    report = failed.value.report
    assert report is not None
    assert (report.sent, len(report.shipments)) == (7, 4)
    assert [Path(name).name for name in report.unreadable] == [file.name]
    assert failed.value.exit_code == 5
    assert sorted(home.received_names())[:5] == ["next"] * 5
    account = home.account()
    assert (account.forwarded, account.pending, account.balances) == (7, 25, True)
    assert [due.partition for due in due_partitions(home.config)] == [f"custom_event|{DAY}"]


@pytest.mark.fault("F100")
def test_once_the_file_is_back_its_events_are_sent(home: ExportHome):
    file = two_days(home)
    shutil.move(file, home.folder / "kept")
    with pytest.raises(PartitionFileError):
        home.ship()
    shutil.move(home.folder / "kept", file)

    assert home.ship().sent == 25
    assert home.account().pending == 0


@pytest.mark.fault("F100")
def test_a_file_that_this_user_may_not_read_is_set_aside_with_the_reason(home: ExportHome):
    file = two_days(home)
    for path in (home.folder.parent, home.folder):
        path.chmod(0o777)
    for path in home.folder.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    file.chmod(0o000)
    root = os.geteuid() == 0
    if root:
        open_to_all(home.folder)
        os.seteuid(65534)
    try:
        with pytest.raises(PartitionFileError, match=f"{file.name} cannot be read .EACCES: Permission denied"):
            home.ship()
    finally:
        if root:
            os.seteuid(0)
    assert home.account().forwarded == 7


def open_to_all(folder: Path) -> None:
    """Let another user come as far as this folder."""
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and parent.is_relative_to(tempfile.gettempdir()):
            parent.chmod(parent.stat().st_mode | 0o055)


@pytest.mark.fault("F100")
def test_the_command_line_tells_what_was_sent_and_ends_with_the_name_of_the_file(home: ExportHome):
    file = two_days(home)
    file.unlink()
    told = say(home, "ship", "--json")
    again = say(home, "ship")

    assert (told.exit_code, again.exit_code) == (5, 5)
    report = json.loads(told.stdout)
    assert (report["sent"], report["account"]["pending"]) == (7, 25)
    assert list(report["unreadable"].values()) == ["cannot be read: it is gone"]
    for result in (told, again):
        assert len(result.stderr.splitlines()) == 1
        assert file.name in result.stderr
        assert "verify --repair" in result.stderr


@pytest.mark.fault("F100")
def test_a_replay_of_a_lost_file_leaves_the_others_replayed(home: ExportHome):
    file = two_days(home)
    home.ship()
    file.unlink()
    with pytest.raises(PartitionFileError, match=file.name):
        replay(home.config, [f"custom_event|{DAY}", f"custom_event|{NEXT}"])

    assert len(home.receiver.events()) == 32 + 5
    assert home.account().forwarded == 32


@pytest.mark.fault("F101")
@pytest.mark.parametrize("damage", [one for one in DAMAGE if one is not change_bytes])
def test_exporting_its_window_writes_a_lost_file_again(home: ExportHome, damage: Callable[[Path], None]):
    file = two_days(home)
    before = file.read_bytes()
    damage(file)
    report = home.export()

    assert file.read_bytes() == before
    assert report.account.forwarded == 26  # all planned before: nothing is added
    assert home.ship().sent == 32
    assert verify(home.config).differences == ()


@pytest.mark.fault("F101")
@pytest.mark.parametrize("lost", [[1], [2], [1, 2]], ids=str)
def test_whichever_generations_are_lost_they_come_back_and_late_rows_come_on_top(home: ExportHome, lost: list[int]):
    two_days(home)
    home.add([custom_event(101, "late")])
    home.export()
    files = [file_of(home, number) for number in lost]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    home.add([custom_event(102, "later")])
    home.export()

    assert [file.read_bytes() for file in files] == before
    assert home.ship().sent == 34
    assert sorted(home.received_names())[:2] == ["late", "later"]


@pytest.mark.fault("F101")
def test_where_the_source_has_changed_the_window_says_so_and_nothing_is_sent_twice(home: ExportHome):
    file = two_days(home)
    home.ship()
    file.unlink()
    home.change(3, event_name="another")
    home.add([custom_event(102, "later")], [exposure(7)])
    with pytest.raises(PartitionFileError, match=r"the source gives other rows now.*restore") as failed:
        home.export()

    assert list(failed.value.files) == [str(file.relative_to(home.folder / "files"))]
    assert not file.exists()
    assert home.ship().sent == 1  # the exposure: the other categories of the window go on
    assert len({event["timeUUID"] for event in home.receiver.events()}) == len(home.receiver.events()) == 33


@pytest.mark.fault("F101")
def test_run_goes_on_with_the_other_windows_and_ends_with_the_name_of_the_file(home: ExportHome):
    file = two_days(home)
    file.unlink()
    home.remove(3)
    later = custom_event(1)["ingested_at"].replace(day=21)
    home.add([custom_event(200, "late", ingested_at=later)])
    result = say(home, "run", *DAYS, "--json")

    assert result.exit_code == 5
    report = json.loads(result.stdout)
    assert (report["sent"], len(report["export_runs"])) == (8, 1)
    assert report["account"]["pending"] == 25
    assert [file.name in line for line in result.stderr.splitlines()].count(True) == 1


@pytest.mark.fault("F152")
def test_windows_with_a_lost_file_beside_one_that_cannot_be_exported_are_each_told_and_the_others_go_on(
    home: ExportHome,
):
    home.set("windows", lookback="1h")
    home.set("webhook", max_events=10)
    home.write()
    days = [f"2026-11-{20 + day}" for day in range(4)]
    for key, day in enumerate(days, 1):
        home.add([custom_event(key, ingested_at=datetime.fromisoformat(f"{day}T12:00"))])
        home.export(day)
    home.ship()
    lost = [next((home.folder / "files").rglob(f"window={day}/*")) for day in days[:2]]
    for key, file in enumerate(lost, 1):
        file.unlink()
        home.remove(key)
        home.add(exposures=[exposure(key, ingested_at=datetime.fromisoformat(f"{days[key - 1]}T12:00"))])
    home.add([custom_event(9, "late", ingested_at=datetime.fromisoformat(f"{days[3]}T12:00"))])
    ledger = create_engine(home.ledger_url)
    with ledger.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER broken BEFORE UPDATE ON partitions WHEN new.window = '{days[2]}'"
            " BEGIN SELECT json('{'); END"
        )
    ledger.dispose()
    windows = dict.fromkeys(map(home.window, days))
    with pytest.raises(LedgerError, match=f"SQLITE_ERROR.*{lost[0].name}.*{lost[1].name}"):
        list(export_windows(home.config, windows))
    result = say(home, "run", "--from", days[0], "--to", "2026-11-24", "--json")
    report = json.loads(result.stdout)

    assert result.exit_code == 5
    assert (report["sent"], report["missing"], len(report["export_runs"])) == (3, days[:3], 1)
    assert [result.stderr.count(file.name) for file in lost] == [1, 1]
    assert result.stderr.count("SQLITE_ERROR") == 1


@pytest.mark.fault("F101")
@pytest.mark.parametrize("damage", DAMAGE)
def test_verify_repair_writes_again_what_is_lost_or_differs(home: ExportHome, damage: Callable[[Path], None]):
    file = two_days(home)
    before = file.read_bytes()
    damage(file)
    result = say(home, "verify", "--repair", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["repaired"] == [str(file.relative_to(home.folder / "files"))]
    assert file.read_bytes() == before
    assert repair(home.config).repaired == ()


@pytest.mark.fault("F101")
def test_verify_repair_says_what_the_source_does_not_make_again(home: ExportHome):
    file = two_days(home)
    file.unlink()
    home.remove(25)
    result = say(home, "verify", "--repair")

    assert result.exit_code == 1
    assert "the source gives other rows now" in result.stdout
    assert "restore" in result.stdout


def a_folder_that_holds_something(file: Path) -> str:
    file.unlink()
    file.mkdir()
    (file / "somebody's").touch()
    return "ENOTEMPTY"


def a_file_for_the_windows_folder(file: Path) -> str:
    shutil.rmtree(file.parent)
    file.parent.touch()
    return "EEXIST"


def a_file_for_the_categorys_folder(file: Path) -> str:
    shutil.rmtree(file.parent.parent)
    file.parent.parent.touch()
    return "ENOTDIR"


IN_THE_WAY = [a_folder_that_holds_something, a_file_for_the_windows_folder, a_file_for_the_categorys_folder]


@pytest.mark.fault("F147")
@pytest.mark.parametrize("put", IN_THE_WAY)
def test_what_lies_in_one_files_place_keeps_no_other_from_being_repaired(home: ExportHome, put: Callable[[Path], str]):
    file = two_days(home)
    other = next((home.folder / "files").glob(f"events/category=gate_exposure/window={NEXT}/*"))
    cause = put(file)
    other.unlink()
    result = say(home, "verify", "--repair")
    (told,) = [
        line
        for line in result.stdout.splitlines()
        if f"cannot be written again there ({cause}" in line and file.name in line
    ]

    assert result.exit_code == 1
    assert "restore" in told
    assert f"{other.name} was written again" in result.stdout
    assert other.is_file()
    assert list((home.folder / "files").rglob(".new-*")) == []


@pytest.mark.fault("F147")
@pytest.mark.parametrize("put", IN_THE_WAY)
def test_what_lies_in_one_files_place_costs_a_run_that_partition_alone(home: ExportHome, put: Callable[[Path], str]):
    file = two_days(home)
    cause = put(file)
    home.add(exposures=[exposure(3)])
    result = say(home, "run", "--from", DAY, "--to", NEXT)

    assert result.exit_code == 5
    assert f"{file.name} cannot be read" in result.stderr
    assert cause in result.stderr
    assert len(home.received_names()) == 2  # the gates, the late one too
    assert list((home.folder / "files").rglob(".new-*")) == []


@pytest.mark.fault("F148")
def test_a_run_of_one_window_that_has_lost_a_file_sends_its_other_categories(home: ExportHome):
    file = two_days(home)
    file.unlink()
    home.remove(3)
    result = say(home, "run", "--from", DAY, "--to", NEXT, "--json")

    assert result.exit_code == 5
    assert file.name in result.stderr
    report = json.loads(result.stdout)
    assert (report["sent"], report["account"]["pending"], report["missing"]) == (1, 25, [DAY])


@pytest.mark.fault("F102")
@pytest.mark.parametrize("damage", [remove, replace_by_a_folder])
def test_prune_leaves_a_partition_that_has_lost_a_file_and_prunes_the_others(
    home: ExportHome, damage: Callable[[Path], None]
):
    file = two_days(home)
    home.ship()
    damage(file)
    first = say(home, "prune", "--before", "2026-11-22", "--json")
    left = [line.partition for line in status(home.config) if line.account.events and not line.pruned]
    second = say(home, "prune", "--before", "2026-11-22", "--missing")

    assert first.exit_code == 5
    assert len(json.loads(first.stdout)["pruned"]) == 3
    assert file.name in first.stderr
    assert left == [f"custom_event|{DAY}"]
    assert second.exit_code == (0 if damage is remove else 5)  # what is in the file's place is not ours to remove
    assert [line.partition for line in status(home.config) if line.account.events and not line.pruned] == []


@pytest.mark.fault("F102")
def test_plan_plans_the_other_windows_and_says_which_it_cannot(home: ExportHome):
    file = two_days(home)
    file.unlink()
    result = say(home, "plan", *DAYS, "--json")

    assert result.exit_code == 5
    assert json.loads(result.stdout)["windows"] == [NEXT]
    assert file.name in result.stderr


@pytest.mark.fault("F102")
def test_a_notebook_that_reads_a_lost_file_is_told_its_name_and_can_leave_its_window_out(home: ExportHome):
    file = two_days(home)
    file.unlink()
    with pytest.raises(PartitionFileError, match=file.name):
        statsig_export.read_events(home.config)

    assert len(statsig_export.read_events(home.config, home.window(NEXT).start)) == 6


@pytest.mark.fault("F102")
def test_a_trace_finds_its_event_in_the_files_that_are_left(home: ExportHome):
    file = two_days(home)
    home.ship()
    (found, *_) = [event["timeUUID"] for event in home.receiver.events() if event["eventName"] == "next"]
    file.unlink()

    assert statsig_export.trace(home.config, found).found
    with pytest.raises(LedgerError, match="1 cannot be read"):
        statsig_export.trace(home.config, "nobody")


@pytest.mark.fault("F102")
def test_a_quarantine_that_is_gone_is_written_anew_by_the_next_export(home: ExportHome):
    home.add([custom_event(1), custom_event(2, None)])
    home.export()
    (quarantine,) = (home.folder / "files" / "quarantine").rglob("*.parquet")
    quarantine.unlink()
    with pytest.raises(PartitionFileError, match="export its window again"):
        statsig_export.failed_rows(home.config)
    home.export()

    assert len(statsig_export.failed_rows(home.config)) == 1


def unmount(home: ExportHome) -> None:
    shutil.move(home.folder / "files", home.folder / "away")


def unmount_to_an_empty_folder(home: ExportHome) -> None:
    unmount(home)
    (home.folder / "files").mkdir()


def point_to_another_ledgers_storage(home: ExportHome) -> None:
    unmount(home)
    other = home.folder / "files" / "events" / "category=custom_event" / "window=2026-01-01"
    other.mkdir(parents=True)
    (other / "0001-abc.parquet").write_bytes(b"x")


AWAY = [unmount, unmount_to_an_empty_folder, point_to_another_ledgers_storage]


@pytest.mark.fault("F107")
@pytest.mark.parametrize("away", AWAY)
def test_prune_and_verify_refuse_a_storage_that_has_none_of_the_files_and_change_nothing(
    home: ExportHome, away: Callable[[ExportHome], None]
):
    two_days(home)
    home.ship()
    before = status(home.config)
    away(home)
    results = [
        say(home, *words)
        for words in (
            ["prune", "--before", "2026-11-22"],
            ["prune", "--before", "2026-11-22", "--dry-run"],
            ["verify"],
            ["verify", "--repair"],
        )
    ]
    for result in results:
        if away is point_to_another_ledgers_storage and result is results[-1]:
            continue  # it repairs what it can: the storage may have lost all its files
        assert (result.exit_code, result.stdout) == (5, "")
        assert len(result.stderr.splitlines()) == 1
        assert str(home.folder / "files") in result.stderr
    if away is not point_to_another_ledgers_storage:
        shutil.rmtree(home.folder / "files", ignore_errors=True)
        shutil.move(home.folder / "away", home.folder / "files")
        assert status(home.config) == before
        assert verify(home.config).differences == ()


@pytest.mark.fault("F107")
@pytest.mark.parametrize("away", AWAY[:2])
def test_neither_export_nor_ship_goes_on_beside_a_disk_that_is_not_mounted(
    home: ExportHome, away: Callable[[ExportHome], None]
):
    two_days(home)
    away(home)
    with pytest.raises(StorageError, match="mounted"):
        home.export()
    with pytest.raises(LedgerError):
        ship(home.config)

    assert list(home.folder.glob("files/**/*.parquet")) == []
    assert home.receiver.requests == []
    assert home.account().pending == 32


@pytest.mark.fault("F107")
def test_a_prune_that_was_killed_before_its_last_file_is_not_finished_on_another_disk(home: ExportHome):
    two_days(home)
    home.ship()
    assert say(home, "prune", "--before", NEXT).exit_code == 0
    unmount(home)

    assert say(home, "prune", "--before", "2026-11-22").exit_code == 5
