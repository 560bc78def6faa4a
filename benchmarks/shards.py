"""`python -m benchmarks shards`: one window read in one go, and in 2, 4 and 8 shards, by one process and by several.

What is measured is said in whole_exports.py.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.source_data import DAY, FilledSource
from benchmarks.whole_exports import Figures, add_options, compare, exported
from statsig_export.export.processes import cores

SHARDS: Final = (1, 2, 4, 8)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks shards", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="rows of the window (%(default)s)")
    parser.add_argument("--shards", nargs="+", type=int, default=SHARDS)
    parser.add_argument("--processes", nargs="+", type=int, default=[1, cores()])
    add_options(parser)
    options = parser.parse_args(arguments)

    def runs(source: FilledSource, home: Path) -> Iterator[Figures]:
        for shards in options.shards:
            for processes in sorted({min(shards, count) for count in options.processes}):
                folder = home / f"{source.database}-{shards}-{processes}"
                figures = exported(source, folder, f"shards = {shards}", [f"{DAY:%Y-%m-%d}"], processes)
                yield {"shards": shards, "processes": processes, **figures}

    compare(options, "shards", options.events, runs)
