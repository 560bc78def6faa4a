"""make bench: one window of 200,000 and of 1,000,000 events, from SQLite and from PostgreSQL to a sink on loopback.

Prints, for each stage, wall time, CPU time and peak memory, and how they grow with the window. Memory that is flat and
time that is linear are the claim; single times depend on the machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine

from statsig_export.testing.postgres import postgres_server
from statsig_export.testing.sample import create_sample

DAY = datetime(2026, 11, 20, tzinfo=UTC)
SIZES = (200_000, 1_000_000)
CONFIG = """\
[source]
url = "env:STATSIG_DATABASE_URL"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
"""


def main() -> None:
    arguments = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    arguments.add_argument("--events", type=int, nargs="+", default=SIZES)
    arguments.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    options = arguments.parse_args()
    figures = []
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-") as folder, _sink() as webhook:
        for database in options.databases:
            for events in options.events:
                home = Path(folder) / f"{database}-{events}"
                home.mkdir()
                with _source(database, home) as url:
                    figures += _measure(
                        database, events, home, {"STATSIG_DATABASE_URL": url, "FIVETRAN_WEBHOOK_URL": webhook}
                    )
    _print(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


@contextmanager
def _sink() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().strip() if process.stdout else ""
        yield f"http://127.0.0.1:{port}/webhooks/sink"
        process.communicate("")


@contextmanager
def _source(database: str, home: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{home}/source.db"
        return
    with postgres_server(home.parent / "postgres.lock") as server:
        yield server.get_uri(driver="psycopg")


def _measure(database: str, events: int, home: Path, environ: Mapping[str, str]) -> list[dict[str, object]]:
    _say(f"{database}: making {events:,} rows")
    engine = create_engine(environ["STATSIG_DATABASE_URL"])
    create_sample(engine, events=events, start=DAY, days=1, bad_rows=0)
    engine.dispose()
    (home / "export.toml").write_text(CONFIG)
    figures = []
    for stage in ("export", "ship"):
        _say(f"{database}: {stage}")
        command = [sys.executable, "-m", "benchmarks.stage", stage, str(home / "export.toml"), f"{DAY:%Y-%m-%d}"]
        done = subprocess.run(command, env={**os.environ, **environ}, check=True, capture_output=True, text=True)
        figures.append({"database": database, "rows": events, "stage": stage, **json.loads(done.stdout)})
    return figures


def _print(figures: Sequence[Mapping[str, object]]) -> None:
    table = Table(title="One window, each stage in a process of its own")
    for name in ("Database", "Rows", "Stage", "Events", "Wall s", "Events/s", "CPU us/event", "Peak MB", "Imports MB"):
        table.add_column(name, justify="left" if name in {"Database", "Stage"} else "right", no_wrap=True)
    for figure in figures:
        events, seconds = int(str(figure["events"])), float(str(figure["seconds"]))
        table.add_row(
            str(figure["database"]),
            f"{figure['rows']:,}",
            str(figure["stage"]),
            f"{events:,}",
            f"{seconds:.1f}",
            f"{events / seconds:,.0f}",
            f"{float(str(figure['cpu_seconds'])) / events * 1e6:.1f}",
            str(figure["peak_mb"]),
            str(figure["imports_mb"]),
        )
    Console(width=120).print(table)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
