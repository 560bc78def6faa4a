"""The demo: the real pipeline on embedded parts, and an honest look at what came of it."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import click

from statsig_export.account import Account, total
from statsig_export.cli import output
from statsig_export.cli.verdict import DONE, NOT_ALL_DONE
from statsig_export.config import load_config
from statsig_export.demo.code_location import dev_command
from statsig_export.demo.home import Home, _fill, _made_anew, _stand_in
from statsig_export.errors import ConfigError
from statsig_export.ledger.records import PartitionStatus
from statsig_export.shipping.status import status
from statsig_export.testing.sample.sample import SampleSummary
from statsig_export.vocabulary import Category


class RunDemo(Protocol):
    """statsig_export.demo.dagster_stage.run_demo."""

    def __call__(
        self, config_path: Path, dagster_home: Path, environ: Mapping[str, str], on_step: Callable[[str], None], /
    ) -> "DagsterPart": ...


class DagsterPart(Protocol):
    """What it reports."""

    @property
    def export_runs(self) -> tuple[str, ...]: ...

    @property
    def ship_runs(self) -> tuple[str, ...]: ...

    @property
    def failures(self) -> tuple[str, ...]: ...


def play(folder: Path, events: int, run_demo: RunDemo, *, json_: bool) -> int:
    """Run the demo in `folder` and print how it went. Returns the exit code.

    0 means that the account balances, nothing due is left, and the webhook holds exactly the forwarded events.
    """
    began = time.monotonic()
    try:
        home = _made_anew(folder.resolve())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made anew ({error.strerror})", hint="name another with --home") from None
    made = _fill(home, events)
    with _stand_in(home) as environ:
        part = run_demo(home.config, home.dagster, environ, output.say)
        config = load_config(home.config, environ)
        statuses = status(config)
    account = total(line.account for line in statuses)
    received = _received(home)
    problems = [*part.failures, *_problems(account, received, made, _found(statuses))]
    seconds = time.monotonic() - began
    if json_:
        report = {"account": account.to_dict(), "received": received[0], "home": str(home.folder)}
        output.print_json({**report, "seconds": round(seconds, 1), "problems": problems})
    else:
        output.print_accounts("\nThe account", [(line.window, line.category, line.account) for line in statuses])
        output.print_breakdown(account)
        _print_tour(home, received, seconds)
    for problem in problems:
        output.say(f"demo: {problem}")
    return NOT_ALL_DONE if problems else DONE


def _received(home: Home) -> tuple[int, int]:
    """Rows of the webhook's table, and rows of its deduplicated view."""
    with closing(sqlite3.connect(home.received)) as database:
        query = "SELECT (SELECT count(*) FROM statsig_events), (SELECT count(*) FROM statsig_events_deduplicated)"
        rows, distinct = database.execute(query).fetchone()
    return rows, distinct


def _found(statuses: Iterable[PartitionStatus]) -> dict[tuple[str, Category], int]:
    return {(line.window, line.category): line.account.events for line in statuses if line.account.events}


def _problems(
    account: Account, received: tuple[int, int], made: SampleSummary, found: Mapping[tuple[str, Category], int]
) -> list[str]:
    """What does not hold. The sample counted its rows as it made them: that is the other side of every sum."""
    rows, distinct = received
    checks = {
        f"the account does not balance: {account}": account.balances,
        f"the source holds {made.rows}, the account found {found}": made.rows == found,
        f"{made.bad_by_reason} rows are bad, {account.failed_by} failed": made.bad_by_reason == account.failed_by,
        f"{account.pending:,} events are still pending": not account.pending,
        f"{account.forwarded:,} events were forwarded, {distinct:,} arrived": account.forwarded == distinct,
        f"{rows - distinct:,} events arrived more than once": rows == distinct,
    }
    return [problem for problem, holds in checks.items() if not holds]


def _print_tour(home: Home, received: tuple[int, int], seconds: float) -> None:
    verb = f"statsig-export --config {home.config}"
    click.echo(f"""
{received[1]:,} events arrived at the webhook, each once. {seconds:.0f} s.

  partition files   {home.storage}/events/category=*/window=*/*.parquet
  failed rows       {home.storage}/quarantine/
  ledger            {home.ledger}
  what arrived      {home.received} (table statsig_events, view statsig_events_deduplicated)
  every request     {home.transcript}

Next, with the demo's variables in the shell (set -a; . {home.environment}; set +a):
  {verb} status
  {verb} plan --from {_day(home, 0)} --to {_day(home, 1)}
  {dev_command(home.folder):<16}  the Dagster UI on this home: the asset graph, the runs, the partitions""")


def _day(home: Home, after: int) -> str:
    return f"{load_config(home.config, {}).windows.start + timedelta(days=after):%Y-%m-%d}"
