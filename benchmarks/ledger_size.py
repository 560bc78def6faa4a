"""`python -m benchmarks ledger-size`: how large the ledger is, and the files, by what they hold.

A small export over the hours of a day, with the statements, accounts and fingerprints that a real one records, in each
kind of ledger; and a ledger of many batches beside it, since pages and indexes of a few rows are mostly air. Printed
are bytes a row with its indexes, and for the files bytes an event.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

from rich.table import Table
from sqlalchemy import Connection, text

from benchmarks.figures import POSTGRESQL, SQLITE
from benchmarks.ledger_data import fill
from benchmarks.report import NAMES, STYLE, say, show
from benchmarks.source_data import DAY, SourceDatabases, source_databases
from statsig_export import export_windows, load_config, ship, window_from_key
from statsig_export.config import Config
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.prune import prune
from statsig_export.testing.webhook.receiver import Receiver

WINDOWS: Final = 48
TABLES: Final = ("batches", "attempts", "partitions", "generations", "export_runs", "ship_runs", "pruned_partitions")
_CONFIG: Final = """\
[source]
url = "env:BENCH_SOURCE_URL"
[windows]
every = "hour"
start = "2026-11-10T00:00:00Z"
lookback = "1d"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[storage]
url = "files"
[ledger]
url = "env:BENCH_LEDGER_URL"
"""
_SQLITE: Final = "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) GROUP BY tbl_name"
_POSTGRESQL: Final = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""


@dataclass(frozen=True, slots=True)
class Size:
    """Of one table of a ledger, or of the files."""

    ledger: str
    table: str
    rows: int
    bytes: int

    @property
    def each(self) -> float:
        return self.bytes / self.rows if self.rows else 0.0


def sizes(databases: SourceDatabases, folder: Path, ledger: str, batches: int, rows: int) -> Iterator[Size]:
    """Of `batches` batches with their attempts, and of an export of `rows` rows over two days of hours."""
    with ExitStack() as until:
        receiver = until.enter_context(Receiver(keep_events=False))
        source = databases.fill(SQLITE, rows, WINDOWS // 24)
        environ = {"BENCH_SOURCE_URL": source.url, "FIVETRAN_WEBHOOK_URL": receiver.url}
        until.enter_context(mock.patch.dict(os.environ, environ))
        say(f"{ledger}: {batches:,} batches")
        config = _configured(databases, folder, ledger, "many")
        with ledger_of(config) as opened:
            fill(opened, config, batches)
            found = _of_tables(opened.database.engine.connect(), ledger)
        yield from (size for size in found if size.table in {"batches", "attempts"})
        say(f"{ledger}: an export of {rows:,} rows")
        config = _configured(databases, folder, ledger, "small")
        _export(config)
        with ledger_of(config) as opened:
            yield from (
                size
                for size in _of_tables(opened.database.engine.connect(), ledger)
                if size.table not in {"batches", "attempts", "ship_runs", "pruned_partitions"}
            )
        if ledger == SQLITE:
            yield from _of_files(config)
        prune(config, DAY + timedelta(hours=WINDOWS), DAY + timedelta(days=30))
        with ledger_of(config) as opened:
            kept = {size.table: size for size in _of_tables(opened.database.engine.connect(), ledger)}
            yield kept["pruned_partitions"]
        databases.drop(source)


def _configured(databases: SourceDatabases, folder: Path, ledger: str, name: str) -> Config:
    home = folder / f"{ledger}_{name}"
    home.mkdir()
    (home / "export.toml").write_text(_CONFIG)
    url = f"sqlite:///{home / 'ledger.db'}"
    if ledger == POSTGRESQL:
        url = databases.new_postgresql(f"ledger_{name}").replace("postgresql:", "postgresql+psycopg:")
    os.environ["BENCH_LEDGER_URL"] = url
    return load_config(home / "export.toml")


def _export(config: Config) -> None:
    hours = [f"{DAY + timedelta(hours=hour):%Y-%m-%d-%H:%M}" for hour in range(WINDOWS)]
    for _ in export_windows(config, {window_from_key(key, config.windows): None for key in hours}):
        pass
    ship(config)


def _of_tables(connection: Connection, ledger: str) -> list[Size]:
    with connection:
        found: Mapping[str, int] = dict(connection.execute(text(_SQLITE if ledger == SQLITE else _POSTGRESQL)).all())
        counted = {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in TABLES}  # noqa: S608
    return [Size(ledger, name, int(counted[name] or 0), int(found[name])) for name in TABLES]


def _of_files(config: Config) -> Iterator[Size]:
    with ledger_of(config) as ledger, ledger.database.read() as connection:
        rows, taken, files = connection.execute(text("SELECT sum(rows), sum(bytes), count(*) FROM generations")).one()
        bodies = connection.execute(text("SELECT sum(body_bytes) FROM batches")).scalar()
    yield Size("files", "event in a partition file", int(rows), int(taken))
    yield Size("files", "event in a request body", int(rows), int(bodies))
    yield Size("files", "event of a file (events a file)", int(files), int(rows))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks ledger-size", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--ledgers", nargs="+", choices=(SQLITE, POSTGRESQL), default=(SQLITE, POSTGRESQL))
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-") as home, source_databases(Path(home)) as databases:
        found = [
            size
            for ledger in options.ledgers
            for size in sizes(databases, Path(home), ledger, options.batches, options.rows)
        ]
    show([_table(found)])
    if options.json:
        lines: list[dict[str, Any]] = [
            {"ledger": size.ledger, "table": size.table, "rows": size.rows, "bytes each": round(size.each, 1)}
            for size in found
        ]
        options.json.write_text(json.dumps(lines, indent=1) + "\n")


def _table(found: Sequence[Size]) -> Table:
    table = Table(title="Bytes a row, indexes included", **STYLE)
    for head in ("", "of", "rows", "bytes each"):
        table.add_column(head, justify="right" if head in {"rows", "bytes each"} else "left")
    for size in found:
        table.add_row(NAMES.get(size.ledger, size.ledger), size.table, f"{size.rows:,}", f"{size.each:,.0f}")
    return table
