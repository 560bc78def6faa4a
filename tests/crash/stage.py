"""Children on a home of their own, one at a time or side by side, and the audit of what they did."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import create_engine, func, select

from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.tables import batches
from statsig_export.testing.webhook.receiver import Receiver
from torture.audit import Findings, audit
from torture.children import Task, start, warm_up
from torture.home import Home, make_home, scratch_folder
from torture.oracle import expected
from torture.rows import HOPELESS, RULES, RowMaker, add

DAYS = ("2026-11-01", "2026-11-02")

_ARMED_COMMAND_LINE = """
import sys
from statsig_export import cli, crashpoints
crashpoints.arm(sys.argv.pop(1))
cli.main()
"""


@dataclass
class Stage:
    home: Home
    receiver: Receiver
    prepare: str = ""
    """How the children are broken: see mutants.py."""
    maker: RowMaker = field(default_factory=lambda: RowMaker(1))
    _reports: int = 0

    def set_webhook(self, **keys: object) -> None:
        document = self.home.document
        self.home = replace(self.home, document={**document, "webhook": {**document["webhook"], **keys}})

    def add_rows(self, count: int = 200) -> None:
        """So many in each of the DAYS."""
        engine = create_engine(self.home.config.source_url())
        for day in range(len(DAYS)):
            add(engine, self.maker.make(day, count))
        engine.dispose()

    def start_export(self, crash: str = "", shards: int = 1) -> ForkServerProcess:
        return start(Task(self.home, windows=DAYS, shards=shards, crash=crash, prepare=self.prepare))

    def start_ship(self, crash: str = "") -> tuple[ForkServerProcess, Path]:
        """The child, and where its report will be."""
        self._reports += 1
        report = self.home.folder / f"report-{self._reports}.json"
        return start(Task(self.home, ship=True, crash=crash, prepare=self.prepare, report=report)), report

    def start_forget(self, users: Iterable[str] = (), crash: str = "") -> ForkServerProcess:
        return start(Task(self.home, forget=tuple(users), crash=crash, prepare=self.prepare))

    def export(self) -> None:
        assert ended(self.start_export()) == 0, self.log

    def ship(self) -> dict[str, object]:
        child, report = self.start_ship()
        assert ended(child) == 0, self.log
        return json.loads(report.read_text())

    def configure(self, text: str) -> None:
        """The export.toml of `run_verb`."""
        (self.home.folder / "export.toml").write_text(text)

    def run_verb(self, *words: str, armed: str = "") -> int:
        """The exit code of the command line with this crash point armed, or the signal that ended it."""
        command = [sys.executable, "-c", _ARMED_COMMAND_LINE, armed, "--config", self.home.folder / "export.toml"]
        environ = {**os.environ, **self.home.environ}
        return subprocess.run([*command, *words], env=environ, check=False, capture_output=True).returncode

    def states(self) -> Counter[str]:
        database = open_to_write(self.home.config.ledger_url())
        with database.read() as connection:
            rows = connection.execute(select(batches.c.state, func.count()).group_by(batches.c.state)).all()
        database.close()
        return Counter(dict(rows))

    def audit(self) -> Findings:
        self.receiver.close()
        return audit(self.home, self.receiver.requests, expected(self.maker.rows, RULES, HOPELESS))

    @property
    def log(self) -> str:
        return self.home.log.read_text()


@contextmanager
def staged(ledger_url: str | None) -> Iterator[Stage]:
    warm_up()
    with scratch_folder() as folder, Receiver(strict_delivery=True) as receiver:
        yield Stage(make_home(folder, receiver.url, ledger_url, timeout="10s"), receiver)


def ended(child: ForkServerProcess, timeout: float = 60) -> int | None:
    """The exit code, waiting for it; None where there is none in time."""
    child.join(timeout)
    return child.exitcode
