"""Exports of all windows of a source, each in a process of its own: what `shards` and `processes` measure and show.

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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.figures import POSTGRESQL, SQLITE
from benchmarks.machine import machine
from benchmarks.probe import cpu_seconds, largest_mb
from benchmarks.report import STYLE, say, show
from benchmarks.source_data import FilledSource, source_databases
from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.export.export import each_window
from statsig_export.export.reports import ExportReport
from statsig_export.windows import window_from_key

_CONFIG: Final = """\
[source]
url = "env:DB"
[windows]
{windows}
[webhook]
url = "env:HOOK"
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
"""

Figures = dict[str, Any]
Runs = Callable[[FilledSource, Path], Iterable[Figures]]
"""The exports of a source, in folders of their own below this one: of each what it is, and its figures."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those that `compare` reads."""
    parser.add_argument("--databases", nargs="+", default=[POSTGRESQL, SQLITE], choices=[POSTGRESQL, SQLITE])
    parser.add_argument("--home", type=Path, help="where databases and files lie for the time")
    parser.add_argument("--json", type=Path, help="write the figures here too")


def compare(options: argparse.Namespace, part: str, rows: int, runs: Runs) -> None:
    """Fill each database with so many rows, and show what its exports take."""
    found: list[Figures] = []
    scratch = tempfile.TemporaryDirectory(prefix="statsig-export-bench-", dir=options.home)
    with scratch as home, source_databases(Path(home)) as databases:
        for database in options.databases:
            say(f"{database}: making {rows:,} rows")
            source = databases.fill(database, rows)
            found += ({"database": database, **run} for run in runs(source, Path(home)))
            databases.drop(source)
    show([_table(found)])
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), part: found}, indent=1) + "\n")


def exported(source: FilledSource, folder: Path, windows: str, keys: Sequence[str], processes: int) -> Figures:
    """Export the windows of these keys; `windows` is what `[windows]` says. wall_s, cpu_s, peak_mb, events."""
    folder.mkdir()
    (folder / "export.toml").write_text(_CONFIG.format(windows=windows))
    said = {"DB": source.url, "HOOK": "https://hook.example/", "BENCH_HOME": str(folder)}
    asked = {"BENCH_WINDOWS": ",".join(keys), "BENCH_PROCESSES": str(processes)}
    command = [sys.executable, "-m", "benchmarks.whole_exports"]
    run = subprocess.run(command, env={**os.environ, **said, **asked}, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(run.stdout)
    if figures["events"] != source.rows:
        raise SystemExit(f"{figures['events']:,} of {source.rows:,} rows are in the account")
    return figures


def _export() -> None:
    """What the process does."""
    prefer_jemalloc(os.environ)
    config = load_config(Path(os.environ["BENCH_HOME"]) / "export.toml")
    windows = {window_from_key(key, config.windows): None for key in os.environ["BENCH_WINDOWS"].split(",")}
    began, cpu = time.monotonic(), cpu_seconds()
    exports = list(each_window(config, windows, processes=int(os.environ["BENCH_PROCESSES"])))
    wall, cpu = time.monotonic() - began, cpu_seconds() - cpu
    events = sum(export.account.events for _, export in exports if isinstance(export, ExportReport))
    sys.stdout.write(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": largest_mb(), "events": events}))


def _table(found: Sequence[Figures]) -> Table:
    measured = {"wall_s", "cpu_s", "peak_mb", "events"}
    what = [name for name in found[0] if name not in measured]
    table = Table(*map(str.capitalize, what), "Wall s", "CPU s", "CPU us/event", "Peak MB", **STYLE)
    for line in found:
        each = line["cpu_s"] / line["events"] * 1e6
        figures = (f"{line['wall_s']:.1f}", f"{line['cpu_s']:.1f}", f"{each:.1f}", f"{line['peak_mb']:.0f}")
        table.add_row(*(str(line[name]) for name in what), *figures)
    return table


if __name__ == "__main__":
    _export()
