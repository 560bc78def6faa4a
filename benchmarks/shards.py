"""`python -m benchmarks shards`: one window read in one go, and in 2, 4 and 8 shards, by one process and by several.

CPU counts all processes of the export, not the database. Memory is the peak of the largest one of them. On a machine
that does something else besides, believe the CPU and the memory, and not the wall time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.figures import POSTGRESQL, SQLITE
from benchmarks.machine import machine
from benchmarks.probe import cpu_seconds, largest_mb
from benchmarks.report import STYLE, say, show
from benchmarks.source_data import DAY, FilledSource, source_databases
from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.export.export import each_window
from statsig_export.export.processes import cores
from statsig_export.export.reports import ExportReport
from statsig_export.windows import window_from_key

SHARDS: Final = (1, 2, 4, 8)
_CONFIG: Final = """\
[source]
url = "env:DB"
[windows]
shards = {shards}
[webhook]
url = "env:HOOK"
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
"""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks shards", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="rows of the window (%(default)s)")
    parser.add_argument("--databases", nargs="+", default=[POSTGRESQL, SQLITE], choices=[POSTGRESQL, SQLITE])
    parser.add_argument("--shards", nargs="+", type=int, default=SHARDS)
    parser.add_argument("--processes", nargs="+", type=int, default=[1, cores()])
    parser.add_argument("--home", type=Path, help="where databases and files lie for the time")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args(arguments)
    found: list[dict[str, Any]] = []
    scratch = tempfile.TemporaryDirectory(prefix="statsig-export-bench-", dir=options.home)
    with scratch as home, source_databases(Path(home)) as databases:
        for database in options.databases:
            say(f"{database}: making {options.events:,} rows")
            source = databases.fill(database, options.events)
            found += _runs(source, Path(home), options)
            databases.drop(source)
    show([_table(found)])
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "shards": found}, indent=1) + "\n")


def _runs(source: FilledSource, home: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for shards in options.shards:
        for processes in sorted({min(shards, count) for count in options.processes}):
            folder = home / f"{source.database}-{shards}-{processes}"
            folder.mkdir()
            (folder / "export.toml").write_text(_CONFIG.format(shards=shards))
            environ = {
                **os.environ,
                "DB": source.url,
                "HOOK": "https://hook.example/",
                "BENCH_HOME": str(folder),
                "BENCH_PROCESSES": str(processes),
            }
            command = [sys.executable, "-m", "benchmarks.shards"]
            run = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
            figures = json.loads(run.stdout)
            if figures["events"] != source.rows:
                raise SystemExit(f"{figures['events']:,} of {source.rows:,} rows are in the account")
            yield {"database": source.database, "shards": shards, "processes": processes, **figures}


def _run() -> None:
    """One export, in a process of its own."""
    prefer_jemalloc(os.environ)
    config = load_config(Path(os.environ["BENCH_HOME"]) / "export.toml")
    window, processes = window_from_key(f"{DAY:%Y-%m-%d}", config.windows), int(os.environ["BENCH_PROCESSES"])
    began, cpu = time.monotonic(), cpu_seconds()
    exports = [export for _, export in each_window(config, {window: None}, processes=processes)]
    wall, cpu = time.monotonic() - began, cpu_seconds() - cpu
    events = sum(export.account.events for export in exports if isinstance(export, ExportReport))
    sys.stdout.write(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": largest_mb(), "events": events}))


def _table(found: Sequence[dict[str, Any]]) -> Table:
    table = Table("Database", "Shards", "Processes", "Wall s", "CPU s", "CPU us/event", "Peak MB", **STYLE)
    for line in found:
        each = line["cpu_s"] / line["events"] * 1e6
        figures = (f"{line['wall_s']:.1f}", f"{line['cpu_s']:.1f}", f"{each:.1f}", f"{line['peak_mb']:.0f}")
        table.add_row(line["database"], str(line["shards"]), str(line["processes"]), *figures)
    return table


if __name__ == "__main__":
    _run()
