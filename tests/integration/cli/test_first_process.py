"""Verbs as process 1, which a container without an init makes of them: the kernel spares that one every signal that it
does not handle.
"""

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from home import ExportHome
from rows import custom_event
from shell import DAY
from sqlalchemy import make_url

from statsig_export.testing.webhook.faults import Action
from statsig_export.testing.webhook.receiver import Receiver, Rule

pytestmark = pytest.mark.acceptance
AS_IF = "import os; os.getpid = lambda: 1; from statsig_export.cli import main; main()"
"""Where this machine lets nobody make a namespace of processes: the same way through the code."""


@cache
def namespace() -> tuple[str, ...]:
    """How a command becomes process 1 here; nothing where that is not allowed."""
    unshare = shutil.which("unshare") or "unshare"
    for rights in ((), ("--user", "--map-root-user")):
        words = (unshare, *rights, "--pid", "--fork", "--mount-proc")
        try:
            if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
                return words
        except OSError:
            break
    return ()


@contextmanager
def first_process(home: ExportHome, *words: str) -> Iterator[tuple["subprocess.Popen[str]", Callable[[int], None]]]:
    """The verb as process 1, and how to signal it."""
    program = ("-m", "statsig_export") if namespace() else ("-c", AS_IF)
    command = [*namespace(), sys.executable, *program, "--config", str(home.write()), *words]
    pipe, environ = subprocess.PIPE, {**os.environ, **home.environ}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environ) as process:

        def send(number: int) -> None:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[0]) if namespace() else process.pid, number)

        try:
            yield process, send
        finally:
            if process.poll() is None:
                send(signal.SIGKILL)


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, postgres_url: str) -> ExportHome:
    return ExportHome(tmp_path, receiver, postgres_url, f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def admin(home: ExportHome) -> Iterator[psycopg.Connection]:
    url = make_url(home.source_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def until(holds: Callable[[], object]) -> None:
    patience = time.monotonic() + 30
    while not holds() and time.monotonic() < patience:
        time.sleep(0.02)
    assert holds()


@pytest.mark.fault("F664")
def test_sigterm_ends_process_1_while_a_window_is_read(home: ExportHome, admin: psycopg.Connection):
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    home.add([custom_event(1)])
    with admin.transaction():
        admin.execute("LOCK TABLE custom_events IN ACCESS EXCLUSIVE MODE")
        with first_process(home, "run", *DAY) as (process, send):
            until(lambda: (admin.execute(waits).fetchone() or (0,))[0])
            send(signal.SIGTERM)
            process.communicate(timeout=10)

    assert process.returncode == 128 + signal.SIGTERM
    home.export()
    assert home.account().pending == 1


@pytest.mark.fault("F664")
def test_process_1_that_sends_finishes_its_request_at_sigterm_and_has_the_exit_code_of_the_verb(home: ExportHome):
    home.set("webhook", max_events=1, concurrency=1)
    home.add([custom_event(key) for key in range(1, 6)])
    home.export()
    home.receiver.play([Rule(actions=[Action(delay=1.0)])])
    with first_process(home, "ship") as (process, send):
        until(lambda: home.receiver.connections)
        send(signal.SIGTERM)
        _, said = process.communicate(timeout=20)

    assert (process.returncode, "requests under way were finished" in said) == (1, True)
    with first_process(home, "run", "--from", "yesterday") as (process, _):
        process.communicate(timeout=20)
    assert process.returncode == 2


@pytest.mark.fault("F656")
def test_process_1_ends_with_its_terminal():
    program = ("-m", "statsig_export") if namespace() else ("-c", AS_IF)
    command = [*namespace(), "setsid", "--ctty", sys.executable, *program, "receiver", "--port", "0"]
    master, terminal = pty.openpty()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
        os.close(terminal)
        assert process.stdout is not None
        assert process.stdout.readline()  # it listens
        os.close(master)

        try:
            assert process.wait(timeout=20) == 128 + signal.SIGHUP
        finally:
            process.kill()
