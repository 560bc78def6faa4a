"""`python -m benchmarks scale`: the tables of docs/scale.md; `--write` puts them into the page."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.outage_tables import alerts_table, capacity_table, course_table
from benchmarks.receiving import ROOT
from benchmarks.report import show
from benchmarks.scale_tables import bottleneck_table, needs_table, workers_table

PAGE: Final = ROOT / "docs" / "scale.md"
TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "needs": needs_table,
    "bottlenecks": bottleneck_table,
    "workers": workers_table,
    "outage": capacity_table,
    "course": course_table,
    "alerts": alerts_table,
}
_PLACE: Final = "<!-- {name}: python -m benchmarks scale -->\n"


def filled(page: str) -> str:
    """The page with each table as the model has it. Raises ValueError where it has no place for one."""
    for name, made in TABLES.items():
        place = _PLACE.format(name=name)
        if place not in page:
            raise ValueError(f"no place for the table {name}")
        page = re.sub(rf"{re.escape(place)}(\|.*\n)*", lambda _: place + made(), page)  # noqa: B023  called at once
    return page


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks scale", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them into docs/scale.md")
    if parser.parse_args(arguments).write:
        PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
        return
    show([f"{name}\n\n{made()}" for name, made in TABLES.items()])
