"""make torture: the figures as one table; exit code 1 when anything does not hold."""

import argparse
import os
import sys

from rich.console import Console
from rich.table import Table

from torture.loop import Ordeal, torture

_SHOWN = 20


def main() -> int:
    usual = Ordeal()
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=usual.kills, help="children to kill, at least (%(default)s)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of rows, faults and kills (%(default)s)")
    parser.add_argument("--ledger", help="SQLAlchemy URL of an empty database (a SQLite file)")
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # nothing here multiplies matrices, and forks copy threads
    report = torture(Ordeal(kills=options.kills, seed=options.seed, ledger_url=options.ledger, phases=0.3))
    table = Table("Figure", "", title="Torture")
    table.columns[1].justify = "right"
    for name, value in report.lines():
        table.add_row(name, value)
    Console(width=100).print(table)
    for problem in report.findings.problems[:_SHOWN]:
        sys.stderr.write(f"{problem}\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
