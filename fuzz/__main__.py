"""make fuzz: the figures as one table; exit code 1 when anything does not hold."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from fuzz.loop import answer_of, fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--answers", type=int, default=10_000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the answers (%(default)s)")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="print this answer of the seed, and do nothing else")
    options = parser.parse_args()
    if options.show is not None:
        sys.stdout.write(f"{answer_of(options.seed, options.show)}\n")
        return 0
    report = fuzz(options.answers, options.seed)
    table = Table("Figure", "", title="Answers")
    table.columns[1].justify = "right"
    for name, value in report.lines():
        table.add_row(name, value)
    Console(width=100).print(table)
    for problem in report.problems:
        sys.stderr.write(f"{problem}\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
