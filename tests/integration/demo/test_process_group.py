"""A program and all that it starts end together, whatever ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import kill_of_environment, none_left, terminal

ROOT = Path(__file__).parents[3]
FOREVER = 600
FAMILY = f"sleep {FOREVER} & sh -c 'sleep {FOREVER} & wait' & echo up; "
"""A shell that leaves its children and a grandchild behind when it is ended."""
RUN = """\
import os, sys
from statsig_export.demo.process_group import run_until_told
sys.exit(run_until_told(["sh", "-c", sys.argv[2]], dict(os.environ), float(sys.argv[1])))
"""
ALL = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@contextmanager
def running(marker: str, script: str, grace: float = FOREVER, ignored: str = "") -> Iterator[subprocess.Popen[str]]:
    """It, once all of its processes are there. `ignored`: the signals that whoever starts it ignores."""
    start = 'trap "" $0; exec "$@"' if ignored else 'exec "$@"'
    process = subprocess.Popen(
        ["/bin/sh", "-c", start, ignored, sys.executable, "-c", RUN, str(grace), script],
        cwd=ROOT,
        env={**os.environ, "FAMILY": marker},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with process:
            assert process.stdout
            assert process.stdout.readline() == "up\n"
            yield process
    finally:
        kill_of_environment(marker)


@pytest.mark.fault("F381")
@pytest.mark.parametrize("told", ALL, ids=lambda told: told.name)
def test_a_signal_ends_the_program_and_what_it_leaves_behind(tmp_path: Path, told: signal.Signals):
    with running(str(tmp_path), f"{FAMILY} wait") as process:
        process.send_signal(told)

        assert process.wait() == 0
        assert none_left(str(tmp_path))


@pytest.mark.fault("F381")
def test_a_program_that_ends_by_itself_leaves_nothing_and_its_exit_code_is_kept(tmp_path: Path):
    with running(str(tmp_path), f"{FAMILY} exit 7") as process:
        assert process.wait() == 7
        assert none_left(str(tmp_path))


@pytest.mark.fault("F381")
def test_a_program_that_ignores_signals_is_killed_when_its_time_is_over(tmp_path: Path):
    with running(str(tmp_path), f"trap '' TERM INT; {FAMILY} wait", grace=0.2) as process:
        process.terminate()

        assert process.wait() == 0
        assert none_left(str(tmp_path))


@pytest.mark.fault("F381")
def test_a_second_signal_kills_at_once(tmp_path: Path):
    with running(str(tmp_path), f"trap '' INT TERM; {FAMILY} wait; wait; wait") as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)

        assert process.wait() == 0
        assert none_left(str(tmp_path))


@pytest.mark.fault("F381")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM], ids=lambda told: told.name)
def test_what_a_script_starts_in_the_background_is_ended_too(tmp_path: Path, told: signal.Signals):
    with running(str(tmp_path), f"{FAMILY} wait", ignored="INT") as process:
        process.send_signal(told)

        assert process.wait() == 0
        assert none_left(str(tmp_path))


@pytest.mark.fault("F381")
def test_under_nohup_the_end_of_the_terminal_ends_nothing(tmp_path: Path):
    later = tmp_path / "later"
    with running(
        str(tmp_path), f"{FAMILY} until [ -e '{later}' ]; do sleep 0.05; done; exit 7", ignored="HUP"
    ) as process:
        process.send_signal(signal.SIGHUP)
        later.touch()

        assert process.wait() == 7


@pytest.mark.fault("F381")
def test_a_terminal_that_closes_ends_what_its_first_process_does_not_tell(tmp_path: Path):
    up, marker = tmp_path / "up", str(tmp_path)
    deaf = 'trap : HUP; "$@"; exit'  # as make: it hears of it, and waits for what it has started
    script = f"{FAMILY} touch '{up}'; wait"
    command = ["/bin/sh", "-c", deaf, "sh", sys.executable, "-c", RUN, str(FOREVER), script]
    try:
        with terminal(command, {**os.environ, "FAMILY": marker}, ROOT) as process:
            while not up.exists():
                assert process.poll() is None

        assert none_left(marker)
        process.wait()
    finally:
        kill_of_environment(marker)
