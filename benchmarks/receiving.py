"""The sink, started: a process of its own for each run, which says at the end what it received."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Received:
    """What a sink counted."""

    requests: int
    events: int
    body_bytes: int


class Sink:
    """A sink that runs."""

    def __init__(self, latency_ms: int) -> None:
        self.sample = Path(tempfile.mkdtemp(prefix="statsig-export-bench-sample-"))
        """The folder with some of the bodies."""
        command = [sys.executable, "-m", "benchmarks.sink", "--latency-ms", str(latency_ms), "--sample"]
        self._process = subprocess.Popen(
            [*command, str(self.sample)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        port = self._process.stdout.readline().strip() if self._process.stdout else ""
        self.url = f"http://127.0.0.1:{port}/webhooks/sink"

    def stop(self) -> Received:
        """End it, and say what it received; the sample stays until `close`."""
        said, _ = self._process.communicate("")
        return Received(**json.loads(said))

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.communicate("")
        shutil.rmtree(self.sample, ignore_errors=True)


@contextmanager
def running_sink(latency_ms: int = 0) -> Iterator[Sink]:
    sink = Sink(latency_ms)
    try:
        yield sink
    finally:
        sink.close()
