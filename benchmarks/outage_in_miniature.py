"""`python -m benchmarks outage`: the simulated outage held to a real one, small enough to be watched.

The real export writes a window every few seconds, the real `ship` sends it in a loop to the stand-in webhook, which
answers slowly and for some seconds only 503. All delays of the retry policy are a sixtieth, so that a minute is a
second. Beside it the simulation of the same day; what is compared is the backlog at every half second.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
from sqlalchemy import create_engine, func, insert, select

from benchmarks.outage import Found, Scenario, simulate
from benchmarks.report import show
from statsig_export import export_window, load_config, ship, window_from_key
from statsig_export.config import Config
from statsig_export.delivery.rules import DEFAULT_POLICY, PENDING, RetryPolicy
from statsig_export.errors import LedgerError
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, create_tables
from statsig_export.ledger.tables import attempts, batches
from statsig_export.ledger.transactions import ledger_of
from statsig_export.testing.webhook.faults import Action, Rule
from statsig_export.testing.webhook.receiver import Receiver

SCALE: Final = 60
_BEGINS: Final = datetime(2026, 11, 1, tzinfo=UTC)
_EVENTS: Final = 5
"""Of a batch."""
_CONFIG: Final = f"""\
[source]
url = "sqlite:///source.db"
[windows]
every = "hour"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
max_events = {_EVENTS}
concurrency = CONCURRENCY
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
"""


def scaled(policy: RetryPolicy, by: float) -> RetryPolicy:
    """The policy with every time a fraction of what it is."""
    times: dict[str, Any] = {
        name: tuple(each / by for each in getattr(policy, name))
        for name in ("quick", "schedule", "throttled", "breaker_pauses")
    }
    ages = {name: getattr(policy, name) / by for name in ("patience", "give_up_age")}
    return replace(policy, **times, **ages)


SCENARIO: Final = Scenario(
    batches_a_window=30,
    windows=12,
    window=8.0,
    first=2.0,
    outage=(24.0, 48.0),
    latency=0.4,
    refused_after=0.02,
    overhead=0.02,
    concurrency=4,
    runs_at_once=1,
    tick=0.5,
    run_start=0.1,
    windows_a_run=100,
    until=130.0,
    every=0.5,
    policy=scaled(DEFAULT_POLICY, SCALE),
)
"""The webhook takes 9.5 batches a second, 3.75 come in."""


@dataclass(frozen=True, slots=True)
class Comparison:
    highest: tuple[int, int]
    """Measured, simulated; so are the others."""
    drained: tuple[float, float]
    """Seconds from the end of the outage until nothing waits any more but what came last."""
    wasted: tuple[int, int]
    delivered: tuple[int, int]
    mean_error: float
    """Of the backlog over all half seconds, as a share of the highest."""


class Real:
    """The export and the shipper, on a clock that begins at 0."""

    def __init__(self, scenario: Scenario, config: Config, receiver: Receiver) -> None:
        self.scenario, self.config, self.receiver = scenario, config, receiver
        self.backlog: list[tuple[float, int]] = []
        self._began = time.monotonic()

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    def run(self) -> None:
        works = [threading.Thread(target=each) for each in (self._export, self._watch, self._answer)]
        for work in works:
            work.start()
        while self.now < self.scenario.until:
            due = self.now
            ship(self.config, policy=self.scenario.policy)
            time.sleep(max(0.0, due + self.scenario.tick - self.now))
        for work in works:
            work.join()

    def _wait_until(self, second: float) -> None:
        time.sleep(max(0.0, second - self.now))

    def _export(self) -> None:
        for number in range(self.scenario.windows):
            self._wait_until(self.scenario.first + number * self.scenario.window)
            export_window(self.config, window_from_key(_key(number), self.config.windows))

    def _answer(self) -> None:
        out = [Rule(actions=[Action(status=503, delay=self.scenario.refused_after)])]
        well = [Rule(actions=[Action(delay=self.scenario.latency)])]
        self.receiver.play(well)
        self._wait_until(self.scenario.outage[0])
        self.receiver.play(out)
        self._wait_until(self.scenario.outage[1])
        self.receiver.play(well)

    def _watch(self) -> None:
        waiting = select(func.count()).where(batches.c.state.in_([str(state) for state in PENDING]))
        with ledger_of(self.config) as ledger:
            for number in range(int(self.scenario.until / self.scenario.every)):
                self._wait_until(number * self.scenario.every)
                with suppress(LedgerError), ledger.database.read() as connection:
                    self.backlog.append((self.now, connection.execute(waiting).scalar() or 0))


def compare(real: Real, found: Found) -> Comparison:
    scenario, looks = real.scenario, found.looks
    simulated = np.interp([at for at, _ in real.backlog], [one.second for one in looks], [one.backlog for one in looks])
    measured = np.array([waiting for _, waiting in real.backlog])
    highest = int(measured.max()), found.highest
    with ledger_of(real.config) as ledger, ledger.database.read() as connection:
        made = connection.execute(select(func.count()).select_from(attempts)).scalar() or 0
        delivered = connection.execute(select(func.count()).where(batches.c.state == "delivered")).scalar() or 0
    return Comparison(
        highest,
        (_drained(real.backlog, scenario), _drained([(look.second, look.backlog) for look in looks], scenario)),
        (made - delivered, found.wasted),
        (delivered, found.delivered),
        float(np.abs(measured - simulated).mean() / highest[0]),
    )


def _drained(backlog: Sequence[tuple[float, int]], scenario: Scenario) -> float:
    """From the end of the outage until nothing waits for the first time."""
    end = scenario.outage[1]
    return next((at - end for at, waiting in backlog if at > end and not waiting), float("inf"))


def _key(number: int) -> str:
    return f"{_BEGINS + timedelta(hours=number):%Y-%m-%d-%H:%M}"


def _fill(url: str, scenario: Scenario) -> None:
    engine = create_engine(url)
    create_tables(engine, "native")
    size = scenario.batches_a_window * _EVENTS
    with engine.begin() as connection:
        for number in range(scenario.windows):
            moment = (_BEGINS + timedelta(hours=number, minutes=30)).replace(tzinfo=None)
            rows = [
                {"event_name": "purchase", "user_id": f"u{at}", "timestamp": moment, "ingested_at": moment}
                for at in range(size)
            ]
            connection.execute(insert(CUSTOM_EVENTS), rows)
    engine.dispose()


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks outage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also write the course of both")
    options = parser.parse_args(arguments)
    scenario = SCENARIO
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-") as home, Receiver(keep_events=False) as receiver:
        folder = Path(home)
        (folder / "export.toml").write_text(_CONFIG.replace("CONCURRENCY", str(scenario.concurrency)))
        _fill(f"sqlite:///{folder / 'source.db'}", scenario)
        with mock.patch.dict(os.environ, {"FIVETRAN_WEBHOOK_URL": receiver.url}):
            real = Real(scenario, load_config(folder / "export.toml"), receiver)
            real.run()
            found = simulate(scenario)
            told = compare(real, found)
    show([f"{each.name}: {getattr(told, each.name)}" for each in fields(told)])
    if options.json:
        looks = [(look.second, look.backlog) for look in found.looks]
        course = {"comparison": asdict(told), "measured": real.backlog, "simulated": looks}
        options.json.write_text(json.dumps(course, indent=1) + "\n")
