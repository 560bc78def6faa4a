"""A backup or a restore that is killed at each of its points leaves nothing half, and the next one finishes it."""

import shutil
from pathlib import Path

import pytest
from stage import Stage

from statsig_export.crashpoints import CrashPoint
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status
from torture import webhook

pytestmark = pytest.mark.acceptance

CONFIG = """\
[source]
url = "env:DB"
[windows]
lookback = "1d"
[webhook]
url = "env:HOOK"
[storage]
url = "files"
[ledger]
url = "env:LEDGER"
"""
BACKUP = [f"{CrashPoint.SNAPSHOT}", f"{CrashPoint.COPIED}:2", f"{CrashPoint.FILE_RENAMED}:3", f"{CrashPoint.COMPLETE}"]
RESTORE = [f"{CrashPoint.CHECKED}", f"{CrashPoint.COPIED}:2", f"{CrashPoint.FILES_BACK}", f"{CrashPoint.LOADING}"]


@pytest.mark.fault("F553")
def test_a_backup_or_restore_that_is_killed_leaves_nothing_half_and_the_next_one_finishes_it(stage: Stage):
    stage.configure(CONFIG)
    stage.receiver.play(webhook.quiet())
    stage.add_rows(60)
    stage.export()
    stage.ship()
    config, folder = stage.home.config, stage.home.folder
    before, requests = status(config), len(stage.receiver.requests)
    target = str(folder / "backup")

    for point in BACKUP:
        assert stage.run_verb("backup", target, armed=point) == -9
        assert not (folder / "backup" / "backups").exists()
        assert stage.run_verb("restore", target, "--dry-run") == 5
    assert stage.run_verb("backup", target) == 0
    assert not list((folder / "backup").glob(".new-*"))

    shutil.rmtree(Path(config.storage_url()))
    for file in folder.glob("ledger.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    for point in RESTORE:
        assert stage.run_verb("restore", target, armed=point) == -9
        with ledger_to_read(config) as ledger:
            assert ledger is None
    assert stage.run_verb("restore", target, armed=f"{CrashPoint.RESTORED}") == -9
    assert stage.run_verb("restore", target) == 2
    assert stage.run_verb("restore") == 0
    assert verify(config).differences == ()
    assert [(line.partition, line.account) for line in status(config)] == [
        (line.partition, line.account) for line in before
    ]
    assert stage.run_verb("ship") == 0
    assert len(stage.receiver.requests) == requests
