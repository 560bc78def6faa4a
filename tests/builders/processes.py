"""Processes that a test starts: which are left, and a terminal of their own."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


def of_environment(marker: str) -> dict[int, str]:
    """Pid -> command line of each process whose environment or command line has this text."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes()
                if marker.encode() in words + (folder / "environ").read_bytes():
                    found[int(folder.name)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found


def kill_of_environment(marker: str) -> None:
    for pid in of_environment(marker):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def none_left(marker: str, patience: float = 60) -> bool:
    deadline = time.monotonic() + patience
    while of_environment(marker):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def terminal(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command on a terminal of its own, whose screen is read and which closes at the end of the block."""
    ours, theirs = pty.openpty()
    closing = threading.Event()
    screen = threading.Thread(target=_read, args=(ours, closing))
    process = subprocess.Popen(
        [sys.executable, "-c", OWN_TERMINAL, *command],
        cwd=folder,
        env=environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen.start()
    try:
        yield process
    finally:
        closing.set()
        screen.join()
        os.close(ours)


def _read(screen: int, closing: threading.Event) -> None:
    """What nobody reads fills the terminal, and then holds up whoever writes to it."""
    with suppress(OSError):
        while not closing.is_set():
            if select.select([screen], [], [], 0.2)[0]:
                os.read(screen, 65_536)
