"""The demo: the real pipeline on embedded parts, and an honest look at what came of it."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import click
from sqlalchemy import create_engine

from statsig_export.account import Account, total
from statsig_export.cli import output
from statsig_export.cli.verdict import DONE, NOT_ALL_DONE
from statsig_export.config import CONFIG_VARIABLE, load_config
from statsig_export.errors import ConfigError
from statsig_export.events import Category
from statsig_export.reports import PartitionStatus
from statsig_export.shipping import status
from statsig_export.testing.receiver import Authentication, Receiver
from statsig_export.testing.sample import SampleSummary, create_sample

DAYS = 3
MARKER = ".statsig-export-demo"
PORT = 8787
PATH = "/webhooks/demo_endpoint"
SECRET = "demo-secret"  # noqa: S105  guards a stand-in on loopback

_CONFIG = """\
# The demo's configuration. The variables it names are in the file `environment` beside it.
[source]
url = "env:STATSIG_DATABASE_URL"
layout = "native"

[windows]
every = "day"
start = "{start:%Y-%m-%dT00:00:00Z}"
settle = "0s"
lookback = "{days}d"

[filter]
exposures = {{ gate = true, experiment = true, config = true, layer = true }}
configuration_changes = true

[filter.custom_events]
include_new_by_default = true
events = {{ debug_ping = false }}

[webhook]
name = "fivetran"
url = "env:FIVETRAN_WEBHOOK_URL"
auth = {{ method = "hmac", secret = "env:FIVETRAN_WEBHOOK_SECRET" }}

[storage]
url = "./storage"

[ledger]
url = "sqlite:///ledger.db"
"""


class RunDemo(Protocol):
    """dagster_project.demo.run_demo."""

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


@dataclass(frozen=True, slots=True)
class Home:
    """The demo's folder."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "export.toml"

    @property
    def source(self) -> Path:
        return self.folder / "source.db"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def transcript(self) -> Path:
        return self.folder / "received.jsonl"

    @property
    def received(self) -> Path:
        return self.folder / "received.db"

    @property
    def dagster(self) -> Path:
        return self.folder / "dagster"

    @property
    def environment(self) -> Path:
        return self.folder / "environment"


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


def _made_anew(folder: Path) -> Home:
    """An empty home. Only a folder that an earlier demo made is ever cleared."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise ConfigError(f"{folder} is not empty and no demo made it", hint="name another folder with --home")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    return Home(folder)


def _fill(home: Home, events: int) -> SampleSummary:
    """A source of the last three whole days, and the configuration that exports them."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    home.config.write_text(_CONFIG.format(start=start, days=DAYS), encoding="utf-8")
    output.say(f"sample source: {events:,} rows over {DAYS} days")
    engine = create_engine(f"sqlite:///{home.source}")
    try:
        return create_sample(engine, events=events, start=start, days=DAYS)
    finally:
        engine.dispose()


@contextmanager
def _stand_in(home: Home) -> Iterator[dict[str, str]]:
    """The stand-in webhook, running; what the configuration's variables hold."""
    try:
        receiver = _receiver(home, PORT)
    except OSError:
        receiver = _receiver(home, 0)
    environ = {
        "STATSIG_DATABASE_URL": f"sqlite:///{home.source}",
        "FIVETRAN_WEBHOOK_URL": receiver.url,
        "FIVETRAN_WEBHOOK_SECRET": SECRET,
        CONFIG_VARIABLE: str(home.config),
        "DAGSTER_HOME": str(home.dagster),
    }
    lines = [f"{name}={value}" for name, value in environ.items()]
    home.environment.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with receiver:
        yield environ


def _receiver(home: Home, port: int) -> Receiver:
    return Receiver(
        port,
        PATH,
        auth=Authentication("hmac", SECRET),
        transcript=home.transcript,
        tables=home.received,
        keep_events=False,
    )


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
  make dev          the Dagster UI on this home: the asset graph, the runs, the partitions""")


def _day(home: Home, after: int) -> str:
    return f"{load_config(home.config, {}).windows.start + timedelta(days=after):%Y-%m-%d}"
