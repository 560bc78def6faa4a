"""The soak itself: the parts run, rows come in, parts are ended and started again, and all is written down."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest import mock

import psycopg
from processes import kill_of_environment
from soak_figures import figures, how_it_ended, left, unsent
from soak_home import BEGINS, DESTINATIONS, SoakHome
from soak_inflow import Inflow
from soak_parts import Database, Part, await_end
from soak_record import Pruned, Record, Restart
from soak_watching import below, take, with_word

from statsig_export import export_window, status, window_from_key
from statsig_export.testing.postgres import postgres_server

ROWS_A_SECOND = 8
KEPT_WINDOWS, PRUNED_EVERY = 4, 3
SAMPLED_EVERY, FIGURES_EVERY = 5.0, 20.0
_DOWN_S = 3.0
"""How long a part is away when it is restarted."""
_LAST_PATIENCE_S = 900
"""For what is still to be sent when the inflow is over: a batch that failed four times waits five minutes."""


def soaked(folder: Path, seconds: float) -> Record:
    """A soak of so many seconds, and what it takes to send the last of it."""
    with ExitStack() as until:
        server = until.enter_context(postgres_server(folder / "postgres.lock"))
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE source")
            admin.execute("CREATE DATABASE ledger")
        home = SoakHome(folder, server, f"soak-{uuid.uuid4().hex}")
        home.write()
        until.callback(kill_of_environment, home.marker)
        soak = Soak(home, seconds)
        ours = {name: value for name, value in home.environ("daemon").items() if name != "SOAK"}
        until.enter_context(mock.patch.dict(os.environ, ours))
        return soak.run()


@dataclass
class Soak:
    home: SoakHome
    seconds: float
    record: Record = field(init=False)
    parts: dict[str, Part] = field(init=False)
    inflow: Inflow = field(init=False)
    _began: float = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.record = Record(self.seconds)
        programs = self.home.programs()
        self.parts = {part.name: part for part in (Database(self.home.server), *programs)}
        self.inflow = Inflow(self.home.url("source"), BEGINS, ROWS_A_SECOND, self.period, self.home.ended)

    @property
    def period(self) -> float:
        """Seconds that an hour of the inflow takes."""
        return min(60.0, self.seconds / 12)

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    def run(self) -> Record:
        self._began = time.monotonic()
        for part in self.parts.values():
            if not isinstance(part, Database):
                part.start()
        self.inflow.start()
        try:
            self._watch()
        finally:
            self.inflow.end()
        self._send_the_last()
        self.record.end = how_it_ended(self.home, self.inflow)
        for name in DESTINATIONS:
            self.parts[f"receiver of {name}"].end(signal.SIGTERM)
        return self.record

    def _restarts(self) -> deque[tuple[float, str, signal.Signals]]:
        """Each part is killed, and asked to end, in the first half."""
        asked = [(part, number) for number in (signal.SIGKILL, signal.SIGTERM) for part in self.parts]
        first, last = 0.08, 0.45
        step = (last - first) / (len(asked) - 1)
        return deque(((first + at * step) * self.seconds, *one) for at, one in enumerate(asked))

    def _watch(self) -> None:
        restarts, sampled, looked, pruned = self._restarts(), 0.0, 0.0, KEPT_WINDOWS
        while self.now < self.seconds:
            if restarts and self.now >= restarts[0][0]:
                self._restart(*restarts.popleft()[1:])
            if self.now >= sampled:
                sampled = self.now + SAMPLED_EVERY
                self._sample()
            if self.now >= looked:
                looked = self.now + FIGURES_EVERY
                self._look()
            if len(self.inflow.windows) >= pruned + PRUNED_EVERY:
                pruned = len(self.inflow.windows)
                self._prune(pruned - KEPT_WINDOWS)
            time.sleep(0.5)

    def _restart(self, name: str, number: signal.Signals) -> None:
        part = self.parts[name]
        part.end(number)
        self.record.restarts.append(Restart(self.now, name, number.name))
        time.sleep(_DOWN_S)
        part.start()

    def _sample(self) -> None:
        for name, part in self.parts.items():
            self._add(name, part.pid)
        servers = with_word(below(self.parts["daemon"].pid), "api\0grpc")
        for pid in servers[:1]:
            self._add("code server", pid)

    def _add(self, name: str, pid: int) -> None:
        sample = take(name, self.now, pid)
        if sample is not None:
            self.record.samples.append(sample)

    def _look(self) -> None:
        with suppress(psycopg.OperationalError):
            self.record.figures.append(figures(self.home, self.now, self._scraped_ms()))

    def _scraped_ms(self) -> float | None:
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.home.ports['metrics']}/metrics", timeout=30) as answer:
                answer.read()
        except OSError:
            return None
        return (time.monotonic() - began) * 1000

    def _prune(self, windows: int) -> None:
        """Of the windows that are over the first so many."""
        before = BEGINS + windows * timedelta(hours=1)
        for name in DESTINATIONS:
            done = self._call(name, "prune", "--before", f"{before:%Y-%m-%dT%H:%MZ}", "--json")
            batches = json.loads(done.stdout).get("batches", 0) if done.stdout else 0
            self.record.pruned.append(Pruned(self.now, name, done.returncode, batches))

    def _call(self, destination: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "statsig_export", *words],
            env=self.home.environ(destination),
            cwd=self.home.folder,
            capture_output=True,
            check=False,
        )

    def _send_the_last(self) -> None:
        """Nobody runs but the receivers: every window that is not pruned is exported once more, and all is sent."""
        for name in ("daemon", "loop", "metrics"):
            self.parts[name].end(signal.SIGTERM)
        await_end(set(left(self.home)))
        deadline = time.monotonic() + _LAST_PATIENCE_S
        for name in DESTINATIONS:
            config = self.home.config(name)
            pruned = {line.window for line in status(config) if line.pruned}
            for key in self.inflow.windows:
                if key not in pruned:
                    export_window(config, window_from_key(key, config.windows))
            while unsent(self.home, name):
                assert time.monotonic() < deadline
                self._call(name, "ship", "--now")
