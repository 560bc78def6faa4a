"""`python -m benchmarks processes`: windows of an hour, exported by one process and side by side by several.

What is measured is said in whole_exports.py.
"""

import argparse
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from benchmarks.source_data import DAY, FilledSource
from benchmarks.whole_exports import Figures, add_options, compare, exported

HOURS: Final = 24


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks processes", description=__doc__)
    parser.add_argument("--events", type=int, default=50_000, help="rows of each window (%(default)s)")
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2, 4])
    add_options(parser)
    options = parser.parse_args(arguments)
    keys = [f"{DAY + timedelta(hours=hour):%Y-%m-%d-%H:%M}" for hour in range(HOURS)]

    def runs(source: FilledSource, home: Path) -> Iterator[Figures]:
        for processes in options.processes:
            folder = home / f"{source.database}-{processes}"
            yield {"processes": processes, **exported(source, folder, 'every = "hour"', keys, processes)}

    compare(options, "processes", HOURS * options.events, runs)
