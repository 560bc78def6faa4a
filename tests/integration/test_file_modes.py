"""Who may read what is written beside the partition files, and what a shell makes of the demo's environment."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from home import ExportHome
from rows import custom_event

from statsig_export.demo.home import new_home, read_environment, running_webhook, write_environment
from statsig_export.ledger.locks import open_locks
from statsig_export.ledger.transactions import ledger_of
from statsig_export.testing.webhook.receiver import Receiver


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.fault("F261")
@pytest.mark.parametrize(("mask", "ledger"), [(0o022, 0o640), (0o002, 0o660), (0o077, 0o600), (0o000, 0o660)])
def test_the_ledger_and_the_files_beside_it_are_for_the_user_and_by_umask_the_group(
    home: ExportHome, mask: int, ledger: int
):
    home.add([custom_event(1)])
    with umask(mask):
        home.export()
        with ledger_of(home.config) as opened, opened.database.write():
            beside = {path.name: mode(path) for path in home.folder.glob("ledger.db*") if path.is_file()}

    assert beside == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), ledger)


@pytest.mark.fault("F261")
@pytest.mark.parametrize(("mask", "lock"), [(0o022, 0o600), (0o002, 0o660), (0o000, 0o660), (0o077, 0o600)])
def test_only_who_may_write_to_the_ledger_can_open_its_lock_files(home: ExportHome, mask: int, lock: int):
    home.add([custom_event(1)])
    with umask(mask):
        home.export()
        with ledger_of(home.config) as ledger, closing(open_locks(ledger.database.engine)) as locks:
            assert locks.acquire("one")
            assert [mode(path) for path in (home.folder / "ledger.db.locks").iterdir()] == [lock]


@pytest.mark.fault("F261")
def test_a_lock_file_that_an_earlier_version_left_open_to_all_is_closed_to_them(home: ExportHome):
    home.export()
    with ledger_of(home.config) as ledger, closing(open_locks(ledger.database.engine)) as locks:
        assert locks.acquire("one")
        (file,) = (home.folder / "ledger.db.locks").iterdir()
        locks.release()
        file.write_bytes(b"")
        file.chmod(0o644)
        assert locks.acquire("one")
        assert mode(file) == 0o600


@pytest.mark.fault("F360")
@pytest.mark.parametrize(("rights", "folder"), [(0o600, 0o700), (0o644, 0o700), (0o660, 0o770), (0o666, 0o777)])
@pytest.mark.parametrize("before", [None, 0o777])
def test_nobody_who_may_not_write_to_the_ledger_may_remove_a_lock_file(
    home: ExportHome, rights: int, folder: int, before: int | None
):
    home.add([custom_event(1)])
    home.export()
    (home.folder / "ledger.db").chmod(rights)
    locks = home.folder / "ledger.db.locks"
    if before is not None:
        locks.mkdir()
        locks.chmod(before)
    with umask(0):
        assert home.ship().sent == 1

    assert mode(locks) == folder


@pytest.mark.fault("F360")
def test_a_folder_of_locks_keeps_what_its_owner_took_from_it_and_its_group(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    locks = home.folder / "ledger.db.locks"
    locks.mkdir()
    locks.chmod(0o2700)

    assert home.ship().sent == 1
    assert mode(locks) == 0o2700


@pytest.mark.fault("F261")
def test_a_ledger_that_is_there_keeps_the_rights_that_its_owner_gave_it(home: ExportHome):
    home.export()
    (home.folder / "ledger.db").chmod(0o604)
    home.add([custom_event(1)])
    home.export()

    assert mode(home.folder / "ledger.db") == 0o604


@pytest.mark.fault("F261")
def test_what_the_stand_in_received_is_for_its_user_alone(tmp_path: Path):
    with umask(0), Receiver(transcript=tmp_path / "received.jsonl", tables=tmp_path / "received.db"):
        found = {path.name: mode(path) for path in tmp_path.iterdir()}

    assert set(found) >= {"received.jsonl", "received.db"}
    assert set(found.values()) == {0o600}


@pytest.mark.fault("F261")
def test_the_demos_environment_is_for_its_user_alone_also_in_the_place_of_another(tmp_path: Path):
    home = new_home(tmp_path / "demo")
    home.environment.write_text("")
    with umask(0), running_webhook(home):
        assert mode(home.environment) == 0o600


HOSTILE = {
    "PLAIN": "sqlite:////srv/demo/source.db",
    "COMMAND": "/srv/x $(touch PWNED) `touch PWNED`/demo",
    "QUOTES": 'it\'s "here" \\ and $HOME ; touch PWNED #',
    "LINES": "one\ntouch PWNED\nthree=3",
    "BLANK": "",
    "OTHER_SCRIPTS": "/srv/\u30c7\u30e2/*?[a]~",
}


@pytest.mark.fault("F262")
@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "dash", "ksh"])
def test_a_shell_takes_the_demos_variables_as_they_are_and_runs_nothing_of_them(tmp_path: Path, shell: str):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    write_environment(tmp_path / "environment", HOSTILE)
    done = subprocess.run(
        [shell, "-c", "set -a; . ./environment; set +a; env -0"], cwd=tmp_path, capture_output=True, check=True
    )
    shown = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)

    assert {name: shown.get(name) for name in HOSTILE} == HOSTILE
    assert [path.name for path in tmp_path.iterdir()] == ["environment"]


@pytest.mark.fault("F262")
def test_the_demos_variables_are_read_as_they_were_written(tmp_path: Path):
    write_environment(tmp_path / "environment", HOSTILE)

    assert read_environment(tmp_path / "environment") == HOSTILE
