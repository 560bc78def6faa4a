"""A command that another user ran has left files in the storage: the error names the path that is in the way."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from home import DAY, ExportHome
from rows import custom_event

from statsig_export.backup.backup import backup
from statsig_export.errors import StorageError

NOBODY = 65534


@contextmanager
def user_of_the_service(home: ExportHome, *left_by_another: Path) -> Iterator[None]:
    """Everything in the home is theirs, but what another user has left. Where nobody can be somebody else, it is only
    that they may not write there.
    """
    root = os.geteuid() == 0
    for path in (home.folder, *home.folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if root:
            os.chown(path, NOBODY, NOBODY)
    for path in left_by_another:
        if root:
            os.chown(path, 0, 0)
        path.chmod((0o755 if root else 0o500) if path.is_dir() else (0o600 if root else 0))
    for parent in home.folder.parents if root else ():
        if parent.is_relative_to(tempfile.gettempdir()) and parent.stat().st_uid == 0:
            parent.chmod(parent.stat().st_mode | 0o055)
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path in left_by_another:
            path.chmod(0o700)


def exported(home: ExportHome) -> Path:
    home.add([custom_event(1)])
    home.export()
    home.ship()
    home.add([custom_event(2)])
    return home.folder / "files"


def assert_names(error: StorageError, path: Path, place: Path) -> None:
    said = str(error)
    shown = "" if path == place else f": {path}"
    assert f"{place} cannot be" in said or f"written in {place} " in said
    assert f"(EACCES: Permission denied{shown})" in said
    if os.geteuid() == 0:
        assert "chown -R" in said


@pytest.mark.fault("F665")
def test_a_folder_of_another_user_below_the_storage_is_named_by_an_export(home: ExportHome):
    home.add([custom_event(1)])
    events = home.folder / "files" / "events"
    events.mkdir(parents=True)
    with user_of_the_service(home, events), pytest.raises(StorageError) as failed:
        home.export()

    assert_names(failed.value, events, events / "category=custom_event" / f"window={DAY}")


@pytest.mark.fault("F665")
def test_a_file_of_another_user_below_the_storage_is_named_where_the_storage_as_a_whole_is_read(home: ExportHome):
    storage = exported(home)
    (receipt,) = (storage / "receipts").rglob("*.json.gz")
    with user_of_the_service(home, receipt), pytest.raises(StorageError) as failed:
        home.export()

    assert_names(failed.value, receipt, storage)


@pytest.mark.fault("F665")
def test_a_folder_of_another_user_below_the_target_of_a_backup_is_named(home: ExportHome):
    exported(home)
    target = home.folder / "backup"
    backup(home.config, str(target))
    home.export()
    with user_of_the_service(home, target / "backups"), pytest.raises(StorageError) as failed:
        backup(home.config, str(target))

    assert_names(failed.value, target / "backups", target / "backups")
