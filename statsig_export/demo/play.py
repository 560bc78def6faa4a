"""The demo: the real pipeline on local stand-ins, and a check of its account against what arrived."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from statsig_export.account import Account, total
from statsig_export.config import load_config
from statsig_export.config_file import spelled, working_folder
from statsig_export.demo.home import DAYS, Home, fill, new_home, running_webhook
from statsig_export.ledger.records import PartitionStatus
from statsig_export.reconciliation.check import check_arrivals
from statsig_export.reconciliation.dedupe_view import Warehouse, dedupe_view
from statsig_export.shipping.status import status
from statsig_export.testing.sample.sample import SampleSummary
from statsig_export.vocabulary import Category

DEDUPLICATED: Final = "statsig_events_deduplicated"
"""The view over the webhook's table that takes each event once."""


class RunDemo(Protocol):
    """statsig_export.demo.dagster_stage.run_demo."""

    def __call__(
        self, config_path: Path, dagster_home: Path, environ: Mapping[str, str], on_step: Callable[[str], None], /
    ) -> "DagsterPart": ...


class DagsterPart(Protocol):
    """What it reports."""

    @property
    def failures(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What a demo did, and what does not hold."""

    home: Home
    statuses: Sequence[PartitionStatus]
    received: int
    """Rows of the webhook's table."""
    distinct: int
    """Rows of its deduplicated view."""
    problems: Sequence[str]
    """One sentence each; none when the account balances, nothing is pending and exactly the forwarded events arrived.
    """
    start: datetime
    """Of the first window."""
    seconds: float

    @property
    def account(self) -> Account:
        return total(line.account for line in self.statuses)

    @property
    def end(self) -> datetime:
        """Of the first window."""
        return self.start + timedelta(days=1)


def play(folder: Path, events: int, run_demo: RunDemo, on_step: Callable[[str], None]) -> DemoReport:
    """Run the demo in `folder`, emptied first; `on_step` gets one line per step. Raises ConfigError."""
    began = time.monotonic()
    home = new_home(spelled((working_folder() / folder).resolve()))
    on_step(f"sample source: {events:,} rows over {DAYS} days")
    made = fill(home, events)
    with running_webhook(home) as environ:
        part = run_demo(home.config, home.dagster, environ, on_step)
        config = load_config(home.config, environ)
        statuses = status(config)
        arrived = check_arrivals(config)[0].total
    account = total(line.account for line in statuses)
    received, distinct = _received(home)
    problems = _problems(account, (received, distinct), made, _events_by_partition(statuses))
    if arrived.arrived != account.forwarded:
        problems.append(f"{arrived.arrived:,} of {account.forwarded:,} forwarded events are in the table")
    return DemoReport(
        home=home,
        statuses=statuses,
        received=received,
        distinct=distinct,
        problems=[*part.failures, *problems],
        start=config.windows.start,
        seconds=time.monotonic() - began,
    )


def _received(home: Home) -> tuple[int, int]:
    """Rows of the webhook's table, and rows of its deduplicated view, which is made."""
    with closing(sqlite3.connect(home.received)) as database:
        database.execute(f"DROP VIEW IF EXISTS {DEDUPLICATED}")
        database.execute(dedupe_view(Warehouse.SQLITE, table="statsig_events", view=DEDUPLICATED, packed=True))
        query = f"SELECT (SELECT count(*) FROM statsig_events), (SELECT count(*) FROM {DEDUPLICATED})"  # noqa: S608
        rows, distinct = database.execute(query).fetchone()
    return rows, distinct


def _events_by_partition(statuses: Iterable[PartitionStatus]) -> dict[tuple[str, Category], int]:
    return {(line.window, line.category): line.account.events for line in statuses if line.account.events}


def _problems(
    account: Account, received: tuple[int, int], made: SampleSummary, exported: Mapping[tuple[str, Category], int]
) -> list[str]:
    """What does not hold. The sample counted its rows as it made them: that is the other side of every sum."""
    rows, distinct = received
    checks = {
        f"the account does not balance: {account.to_dict()}": account.balances,
        f"the source holds {made.rows}, the account found {exported}": made.rows == exported,
        f"{made.bad_by_reason} rows are bad, {account.failed_by} failed": made.bad_by_reason == account.failed_by,
        f"{account.pending:,} events are still pending": not account.pending,
        f"{account.forwarded:,} events were forwarded, {distinct:,} arrived": account.forwarded == distinct,
        f"{rows - distinct:,} events arrived more than once": rows == distinct,
    }
    return [problem for problem, holds in checks.items() if not holds]
