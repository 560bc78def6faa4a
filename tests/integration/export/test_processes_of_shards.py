"""Processes that read shards: the system allows fewer, or somebody presses Ctrl-C."""

import errno
import logging
import re
import signal
import subprocess

import pytest
from home import ExportHome
from test_shards import exported, fill, numbers

from statsig_export.export import processes, shards_in_processes


@pytest.mark.fault("F623")
@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EMFILE, errno.ENOMEM])
def test_where_the_system_starts_no_more_processes_the_shards_are_read_by_those_there_are(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: int
):
    def refused(*_: object) -> None:
        raise OSError(error, "refused")

    fill(home)
    monkeypatch.setattr(shards_in_processes, "ROWS_WORTH_A_PROCESS", 1)
    monkeypatch.setattr("multiprocessing.popen_spawn_posix.Popen._launch", refused)

    assert numbers(exported(home, most=4)) == (71, 0, 76)
    assert "1 of 4 processes read the shards of 2026-11-20" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@pytest.mark.fault("F622")
def test_processes_that_read_shards_never_see_ctrl_c_not_even_while_they_start(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    states: list[str] = []

    def started(*_: object) -> None:
        status = subprocess.run(["/bin/cat", "/proc/self/status"], capture_output=True, text=True, check=True)
        states.append(status.stdout)
        raise BlockingIOError

    fill(home)
    monkeypatch.setattr(shards_in_processes, "ROWS_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(processes, "_begun", started)
    exported(home, most=4)

    (state,) = states
    blocked = re.search(r"^SigBlk:\s*(\w+)$", state, re.MULTILINE)
    assert blocked is not None
    assert int(blocked[1], 16) >> (signal.SIGINT - 1) & 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
