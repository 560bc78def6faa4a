"""`python -m benchmarks ledger-load`: how many batches a second a ledger takes from several processes.

Each is two transactions, as a shipper makes them: the attempt is recorded before the request and after it. The request
itself is left out. SQLite has one writer at a time; in PostgreSQL each transaction waits for the disk of the server.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final
from unittest import mock

from rich.table import Table

from benchmarks.figures import POSTGRESQL, SQLITE
from benchmarks.ledger_data import PENDING, fill
from benchmarks.report import NAMES, STYLE, show
from benchmarks.source_data import SourceDatabases, source_databases
from statsig_export.config import load_config
from statsig_export.delivery.rules import Attempted, Reply, RetryPolicy, decide
from statsig_export.ledger import queries
from statsig_export.ledger.records import ShipRun
from statsig_export.ledger.transactions import ledger_of
from statsig_export.windows import split_partition_key

PROCESSES: Final = (1, 2, 4)
_CONFIG: Final = """\
[source]
url = "sqlite:///no-source.db"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[storage]
url = "files"
[ledger]
url = "env:BENCH_LEDGER_URL"
"""


def delivered(config_path: Path, number: int, of: int, seconds: float) -> int:
    """How many batches this process claims and finishes in so many seconds; every `of`-th of those that are due."""
    config, done = load_config(config_path), 0
    with ledger_of(config) as ledger:
        now_ms = round(time.time() * 1000)
        due = [split_partition_key(one.partition) for one in queries.due(ledger.database, config.webhook.name, now_ms)]
        ids = list(queries.partition_ids(ledger.database, config.webhook.name, due).values())
        waiting = queries.waiting_batches(ledger.database, ids, now_ms, PENDING)
        mine = [batch for batch in waiting if batch.id % of == number]
        run = f"load-{os.getpid()}"
        ledger.start_ship_run(ShipRun(run, None, config.webhook.name, "0" * 16, "0", now_ms))
        answer, until = Reply(200, 10.0), time.monotonic() + seconds
        for batch in mine:
            if time.monotonic() > until:
                break
            claim = ledger.claim(batch, run, now_ms)
            decision = decide(answer, Attempted(batch.rows, claim.number, 1.0), 0.5, RetryPolicy())
            ledger.finish(claim, answer, decision, now_ms)
            done += 1
    return done


def throughput(databases: SourceDatabases, folder: Path, ledger: str, processes: int, seconds: float) -> float:
    """Batches a second."""
    home = folder / f"{ledger}_{processes}"
    home.mkdir()
    (home / "export.toml").write_text(_CONFIG)
    url = f"sqlite:///{home / 'ledger.db'}"
    if ledger == POSTGRESQL:
        url = databases.new_postgresql(f"load_{processes}").replace("postgresql:", "postgresql+psycopg:")
    environ = {"BENCH_LEDGER_URL": url, "FIVETRAN_WEBHOOK_URL": "http://127.0.0.1:9/never-called"}
    with mock.patch.dict(os.environ, environ):
        config = load_config(home / "export.toml")
        with ledger_of(config) as opened:
            fill(opened, config, 2 * PENDING)
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            running = [
                pool.submit(delivered, home / "export.toml", number, processes, seconds) for number in range(processes)
            ]
            return sum(one.result() for one in running) / seconds


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks ledger-load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="for each line")
    parser.add_argument("--processes", type=int, nargs="+", default=PROCESSES)
    parser.add_argument("--ledgers", nargs="+", choices=(SQLITE, POSTGRESQL), default=(SQLITE, POSTGRESQL))
    options = parser.parse_args(arguments)
    table = Table(title="Batches a second, claimed and finished", **STYLE)
    table.add_column("processes", justify="right")
    for ledger in options.ledgers:
        table.add_column(NAMES[ledger], justify="right")
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-") as home, source_databases(Path(home)) as databases:
        for processes in options.processes:
            found = [
                throughput(databases, Path(home), ledger, processes, options.seconds) for ledger in options.ledgers
            ]
            table.add_row(str(processes), *(f"{each:,.0f}" for each in found))
    show([table])
