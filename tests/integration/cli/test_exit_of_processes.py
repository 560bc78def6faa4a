"""Exit codes that only a process of its own can have: signals, and readers that go away."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from home import ExportHome
from rows import custom_event
from shell import DAY, Shell

from statsig_export.testing.webhook.faults import Action, Rule, answer

pytestmark = pytest.mark.acceptance

FULL = Path("/dev/full")
_OF_ANY_AGE = ("--export-age", "36500d")


@pytest.fixture
def shell(home: ExportHome) -> Iterator[Shell]:
    """Its processes can be interrupted: a shell starts what it sends to the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Shell(home)
    signal.signal(signal.SIGINT, before)


def command(shell: Shell, *words: str) -> list[str]:
    return [sys.executable, "-m", "statsig_export", "--config", str(shell.config), *words]


@contextmanager
def started(shell: Shell, *words: str) -> Iterator["subprocess.Popen[str]"]:
    pipe, environ = subprocess.PIPE, {**os.environ, **shell.home.environ}
    with subprocess.Popen(command(shell, *words), stdout=pipe, stderr=pipe, text=True, env=environ) as process:
        yield process


def filled(shell: Shell, batches: int) -> None:
    shell.home.set("webhook", max_events=10)
    shell.home.add([custom_event(key) for key in range(1, 10 * batches + 1)])
    shell.home.export()


@pytest.mark.fault("F132")
def test_a_reader_that_goes_changes_no_exit_code(shell: Shell):
    filled(shell, 1)
    codes = []
    for words in (
        ["status"],
        ["ship", "--json"],
        ["status"],
        ["status", "--json"],
        ["--help"],
        ["check", *_OF_ANY_AGE],
    ):
        with started(shell, *words) as process:
            assert process.stdout is not None
            process.stdout.close()
            errors = process.stderr.read() if process.stderr else ""
        codes.append(process.returncode)
        assert "Error" not in errors
        assert "pipe" not in errors.lower()

    assert codes == [1, 0, 0, 0, 0, 0]


@pytest.mark.fault("F285")
def test_a_full_pipe_that_does_not_block_is_waited_for(shell: Shell):
    shell.home.add([custom_event(key, f"{key}-{'n' * 90}") for key in range(1, 3_001)])
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    words = command(shell, "events", *DAY, "--json")
    with subprocess.Popen(words, stdout=writer, stderr=subprocess.PIPE, env={**os.environ, **shell.home.environ}) as on:
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as output:
            select.select([output], [], [])
            on.poll()  # it has begun, and fills the pipe before anybody reads
            text = output.read()
        errors = on.stderr.read() if on.stderr else b""

    assert (on.returncode, errors) == (0, b"")
    assert len(json.loads(text)["custom_events"]) == 3_000


@pytest.mark.fault("F132")
def test_a_reader_of_the_errors_that_goes_changes_no_exit_code_either(shell: Shell):
    shell.home.receiver.play([Rule(actions=[answer(401)])])
    filled(shell, 1)
    with started(shell, "ship", "--debug") as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdout is not None
        assert "10 events are pending" in process.stdout.read()

    assert process.returncode == 4


@pytest.mark.fault("F132")
@pytest.mark.skipif(not FULL.exists(), reason="there is no disk that is always full")
@pytest.mark.parametrize(
    ("words", "code"),
    [*(([*words], 5) for words in (["status", "--json"], ["--help"], ["--version"], ["ship", "-h"])), (["check"], 3)],
)
def test_a_report_that_could_not_be_written_whole_is_not_done(shell: Shell, words: list[str], code: int):
    filled(shell, 1)
    with FULL.open("w") as full:
        done = subprocess.run(
            command(shell, *words),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, **shell.home.environ},
        )

    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.fault("F132")
@pytest.mark.parametrize(
    ("number", "batches", "code"), [(signal.SIGINT, 2, 130), (signal.SIGTERM, 2, 1), (signal.SIGTERM, 1, 0)]
)
def test_a_signal_lets_what_is_under_way_be_finished(shell: Shell, number: signal.Signals, batches: int, code: int):
    shell.config.write_text(shell.config.read_text().replace("max_events = 10", "max_events = 10\nconcurrency = 1"))
    shell.home.receiver.play([Rule(requests=[1], actions=[Action(delay=0.7)])])
    filled(shell, batches)
    with started(shell, "ship") as process:
        while not shell.home.receiver.connections:
            assert process.poll() is None
        process.send_signal(number)
        out, errors = process.communicate()

    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert shell.home.account().forwarded == 10
    assert (number == signal.SIGINT) == ("statsig-export: interrupted" in errors)
    assert (number == signal.SIGTERM) == ("10 events sent in 1 requests" in out)


@pytest.mark.fault("F132")
def test_ctrl_c_ends_the_receiver_well(shell: Shell):
    with started(shell, "receiver", "--port", "0") as process:
        assert process.stdout is not None
        assert "Listening" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert (process.returncode, errors) == (0, "stopped\n")


@pytest.mark.fault("F132")
def test_cron_sees_the_codes_of_the_table(shell: Shell):
    shell.home.add([custom_event(1)])
    environ = {**os.environ, **shell.home.environ}
    ran = subprocess.run(command(shell, "run", *DAY), capture_output=True, check=False, env=environ)
    unset = subprocess.run(command(shell, "run", *DAY), capture_output=True, check=False, env={**environ, "DB": ""})

    assert (ran.returncode, unset.returncode) == (0, 2)


LOGS = """
import logging
from statsig_export.cli.options import cli
try:
    cli.main(["--config", "/nowhere/export.toml", "status"], standalone_mode=False)
except BaseException:
    pass
logging.getLogger("a_driver.core").warning("a token, perhaps")
logging.getLogger("statsig_export.source").warning("news of ours")
"""


@pytest.mark.fault("F345")
def test_a_warning_of_a_driver_is_no_line_on_standard_error():
    process = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, text=True, check=False)

    assert "news of ours" in process.stderr
    assert "a token, perhaps" not in process.stderr
