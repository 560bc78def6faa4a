"""The torture itself: late rows, children, kills; then everything drains, and is held against the oracle."""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, func, select

from statsig_export.crashpoints import SHIPPING, CrashPoint
from statsig_export.delivery.rules import PENDING
from statsig_export.errors import DestinationError, LedgerError
from statsig_export.ledger.database import open_existing
from statsig_export.ledger.tables import batches
from statsig_export.ledger.transactions import ledger_of
from statsig_export.shipping.status import resume
from statsig_export.testing.webhook.faults import Faults
from statsig_export.testing.webhook.receiver import Receiver
from torture import webhook
from torture.audit import audit
from torture.children import Task, start, warm_up
from torture.home import Home, make_home, scratch_folder
from torture.oracle import expected
from torture.report import AT_RANDOM, Report
from torture.rows import FIRST_DAY, HOPELESS, RULES, RowMaker, add

EXPORTING: Final = tuple(CrashPoint)[: tuple(CrashPoint).index(CrashPoint.LOCKED)]
"""The points that an export meets; a ship run meets the others."""
ONCE: Final = frozenset({*EXPORTING, CrashPoint.LOCKED, CrashPoint.SENT, CrashPoint.REMEMBERING})
"""The points that a run may meet no more than once."""
_RECOVERY: Final = frozenset({CrashPoint.RECOVERING, CrashPoint.RECOVERED})
_OPEN_DAYS: Final = 3
_KILLS_A_DAY: Final = 12
_HANGS_AFTER: Final = 60.0
"""Seconds. A child takes less than one."""
_KILLED: Final = -9
_HALTED: Final = DestinationError.exit_code
_ENOUGH_PROBLEMS: Final = 5
"""Children that ended as they should not have, before the torture gives up."""
_IDLE_ROUNDS: Final = 12
"""Ship runs without any progress before what is left counts as stuck."""


@dataclass(frozen=True, slots=True)
class Ordeal:
    """What to do to the code."""

    kills: int = 1_000
    seed: int = 1
    points: Sequence[CrashPoint] = SHIPPING
    per_point: int = 3
    """Go on until every point has killed so often."""
    random_kills: float = 0.4
    """The share of children that are killed at a random time rather than at a point."""
    phases: float = 0
    """The share of steps in which the webhook rejects everything, limits the rate or is down, instead of `faults`."""
    rivals: float = 0.15
    """The share of ship runs that have another beside them."""
    losses: float = 0.06
    """The share of steps in which a partition file is gone for a while."""
    full_disks: float = 0.06
    """The share of steps in which the disk is full."""
    faults: Callable[[int], Faults] = webhook.usual
    """What the webhook does wrong, by a seed."""
    ledger_url: str | None = None
    """Of an empty database; a SQLite file by default."""
    prepare: str = ""
    """See children.Task."""


@dataclass(frozen=True, slots=True)
class _Child:
    process: ForkServerProcess
    task: Task
    began: float


@dataclass(slots=True)
class Torture:
    """An ordeal under way."""

    ordeal: Ordeal
    home: Home
    receiver: Receiver
    report: Report
    maker: RowMaker
    dice: random.Random
    seconds: dict[bool, float] = field(default_factory=lambda: {True: 0.2, False: 0.3})
    """How long a child takes that ships (True) or exports (False), as of late."""
    steps: int = 0
    draining: bool = False

    def run(self) -> Report:
        """Everything, in order."""
        began = time.monotonic()
        while not self._enough():
            phase = self.dice.choice(webhook.PHASES) if self.dice.random() < self.ordeal.phases else self.ordeal.faults
            self.receiver.play(phase(self.ordeal.seed))
            self._step()
        if self.ordeal.phases:
            self._meet_a_wrong_set_up()
        self.receiver.play(webhook.quiet())
        self._drain()
        self.receiver.close()
        self._judge()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _meet_a_wrong_set_up(self) -> None:
        """With new events, no pause and nobody who is killed: here the destination is halted for certain."""
        self.receiver.play(webhook.rejecting(self.ordeal.seed))
        self._run_alone(self._export())
        self._clear_the_destination()
        self._run_alone(self._ship())

    def _enough(self) -> bool:
        if len(self.report.findings.problems) >= _ENOUGH_PROBLEMS:
            return True
        if self.steps > 10 * self.ordeal.kills + 200:
            self.report.findings.problems.append(f"only {self.report.kills} kills in {self.steps} steps")
            return True
        rare = min((self.report.kills_at[point] for point in self.ordeal.points), default=self.ordeal.per_point)
        return rare >= self.ordeal.per_point and self.report.kills >= self.ordeal.kills

    def _step(self) -> None:
        """One child, or a few at once; most of them do not live to the end."""
        self.steps += 1
        trouble = self.dice.random()
        if trouble < self.ordeal.losses:
            self._lose_a_file()
        elif trouble < self.ordeal.losses + self.ordeal.full_disks:
            self._fill_the_disk()
        elif not self.ordeal.points or self.dice.random() < self.ordeal.random_kills:
            self._kill_at_random()
        elif self.dice.random() < 0.5:  # noqa: PLR2004
            self._kill_at(min(self.ordeal.points, key=lambda point: self.report.kills_at[point]))
        else:
            self._kill_at(self.dice.choice(self.ordeal.points))

    def _kill_at_random(self) -> None:
        ships = self.dice.random() < 0.65 and self._pending() > 0  # noqa: PLR2004
        children = self._start(self._ship() if ships else self._export())
        children[0].process.join(self.dice.uniform(0, 1.3) * self.seconds[ships])
        children[0].process.kill()
        self._bury(children, AT_RANDOM)

    def _lose_a_file(self) -> None:
        """A ship run, and an export of its window that may write it again, while one file is gone; then it is back."""
        root, kept = Path(self.home.config.storage_url()), self.home.folder / "kept"
        files = sorted((root / "events").rglob("*.parquet"))
        if not files:
            return
        file = self.dice.choice(files)
        shutil.move(file, kept)
        window = file.parent.name.removeprefix("window=")
        for task in self.dice.sample(
            [self._ship(), Task(self.home, windows=(window,), prepare=self.ordeal.prepare)], 2
        ):
            self._run_alone(replace(task, may_fail=True))
        if file.exists() and file.read_bytes() != kept.read_bytes():
            self.report.findings.problems.append(f"{file.name} was written again with other bytes")
        kept.replace(file)
        self.report.losses += 1

    def _fill_the_disk(self) -> None:
        """An export or a ship run for which the disk takes no more from some moment on."""
        task = self.dice.choice([self._export, self._ship])()
        limit = self.dice.choice([0, 4_096, self.dice.randrange(1_000_000)])
        self._run_alone(replace(task, file_limit=limit, may_fail=True))
        self.report.full_disks += 1

    def _kill_at(self, point: CrashPoint) -> None:
        if point in EXPORTING:
            self._bury(self._start(self._export(point)), point)
            return
        if not self._pending():
            self._bury(self._start(self._export()), AT_RANDOM)
        if point in _RECOVERY:
            self._bury(self._start(self._ship(CrashPoint.BODY_SENT)), CrashPoint.BODY_SENT)
        elif point is CrashPoint.SPLITTING:
            self.receiver.play(webhook.narrow(self.steps))
        elif point is CrashPoint.REMEMBERING:
            self.receiver.play(webhook.down(self.steps))
        turn = 1 if point in ONCE | _RECOVERY else self.dice.choice([1, 1, 2, 3, 5])
        self._bury(self._start(self._ship(f"{point}:{turn}")), point)

    def _export(self, crash: str = "") -> Task:
        """An export of a day that has just got late rows."""
        day = self.report.kills // _KILLS_A_DAY + self.dice.randrange(_OPEN_DAYS)
        engine = create_engine(self.home.config.source_url())
        try:
            add(engine, self.maker.make(day, self.dice.randint(5, 120)))
        finally:
            engine.dispose()
        shards = self.dice.choice([1, 1, 2, 5])
        return Task(self.home, windows=(_key(day),), shards=shards, crash=crash, prepare=self.ordeal.prepare)

    def _ship(self, crash: str = "") -> Task:
        return Task(self.home, ship=True, crash=crash, prepare=self.ordeal.prepare)

    def _start(self, task: Task) -> list[_Child]:
        """A child; now and then another shipper beside a shipper, and late rows and an export beside both."""
        tasks = [task]
        if task.ship and self.dice.random() < self.ordeal.rivals:
            self.report.rivals += 1
            tasks += [self._ship(), self._export()][: self.dice.randint(1, 2)]
        return [_Child(start(of), of, time.monotonic()) for of in tasks]

    def _bury(self, children: Sequence[_Child], cause: str) -> None:
        """Wait for the children, and write down how they ended; only the first was to be killed."""
        for child in children:
            process = child.process
            process.join(_HANGS_AFTER)
            if process.is_alive():
                process.kill()
                process.join()
                self.report.findings.problems.append("a child hung")
            code = process.exitcode or 0
            process.close()
            self.report.exit_codes[code] += 1
            if code == _KILLED:
                self.report.kills_at[cause] += 1
            elif code == _HALTED:
                self._lift_the_halt()
            elif code == LedgerError.exit_code and child.task.may_fail:
                continue
            elif code:
                self.report.findings.problems.append(f"a child ended with exit code {code}: {self._last_words()}")
            else:
                took = time.monotonic() - child.began
                self.seconds[child.task.ship] += 0.2 * (took - self.seconds[child.task.ship])

    def _lift_the_halt(self) -> None:
        """Somebody has mended the set-up. Once all faults are over it is the events that are wrong, and they fail."""
        if self.draining:
            resume(self.home.config)
        else:
            self._clear_the_destination()

    def _clear_the_destination(self) -> None:
        """No halt, no pause, and no verdict that is to be believed."""
        with ledger_of(self.home.config) as ledger:
            ledger.resume(self.home.config.webhook.name)

    def _last_words(self) -> str:
        lines = self.home.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _drain(self) -> None:
        """No more faults: export every day once more, and ship until nothing is left or nothing moves."""
        self.draining = True
        days = {(row["ingested_at"] - FIRST_DAY).days for _, row in self.maker.rows}
        windows = tuple(_key(day) for day in sorted(days))
        self._run_alone(Task(self.home, windows=windows, prepare=self.ordeal.prepare))
        idle = 0
        while self._pending() and idle < _IDLE_ROUNDS:
            before = self._states()
            self._run_alone(self._ship())
            time.sleep(0.1)  # what was put off in the last moments is due again
            idle = idle + 1 if self._states() == before else 0

    def _run_alone(self, task: Task) -> None:
        self._bury([_Child(start(task), task, time.monotonic())], AT_RANDOM)

    def _pending(self) -> int:
        states = self._states()
        return sum(states[state.value] for state in PENDING)

    def _states(self) -> Counter[str]:
        """State -> batches, as the ledger has them now."""
        database = open_existing(self.home.config.ledger_url())
        if database is None:
            return Counter()
        try:
            with database.read() as connection:
                rows = connection.execute(select(batches.c.state, func.count()).group_by(batches.c.state)).all()
        finally:
            database.close()
        return Counter({str(state): int(count) for state, count in rows})

    def _judge(self) -> None:
        report, requests = self.report, self.receiver.requests
        due = expected(self.maker.rows, RULES, HOPELESS)
        problems = report.findings.problems
        report.findings = audit(self.home, requests, due)
        report.findings.problems[:0] = problems
        report.events = len(due.events)
        report.rows = len(self.maker.rows)
        report.requests = len(requests)
        report.faulty = sum(bool(request.fault) for request in requests)


def torture(ordeal: Ordeal) -> Report:
    """Put the code through it, in a scratch folder and against a webhook of its own."""
    warm_up()
    with scratch_folder() as folder, Receiver(strict_delivery=True) as receiver:
        home = make_home(folder, receiver.url, ordeal.ledger_url)
        dice = random.Random(ordeal.seed)  # noqa: S311  repeatable
        return Torture(ordeal, home, receiver, Report(ordeal.seed), RowMaker(ordeal.seed), dice).run()


def _key(day: int) -> str:
    return f"{FIRST_DAY + timedelta(days=day):%Y-%m-%d}"
