"""The figures as tables for people and as JSON for tracking."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.figures import JSONB, POSTGRESQL, SQLITE, Kind, Line, Measurement, Target

_WIDTH: Final = 140
_DIGITS: Final = {"x": 2, " MB": 0, " us": 1}
"""Behind the point, by unit."""
_ORDER: Final = list(Kind)
_HEADS: Final = (
    "",
    "Runs",
    "Wall s",
    "Events/s",
    "CPU s",
    "CPU us/event",
    "Peak MB",
    "own MB",
    "x raw",
    "x floor",
    "x ours",
)
STYLE: Final[Mapping[str, Any]] = {"title_justify": "left", "box": box.SIMPLE_HEAD, "padding": (0, 1)}
NAMES: Final = {POSTGRESQL: "PostgreSQL", JSONB: "PostgreSQL with jsonb columns", SQLITE: "SQLite"}


def tables(lines: Iterable[Line], event_bytes: Mapping[tuple[str, int], float]) -> list[Table]:
    """One table a database and number of rows. `own MB` is the peak without the imports."""
    made = []
    for (database, rows), group in groupby(lines, key=lambda line: (line.database, line.rows)):
        size = event_bytes.get((database, rows))
        of = f", {size:,.0f} bytes each as JSON" if size else ""
        table = Table(title=f"{NAMES[database]}: one window of {rows:,} rows{of}", **STYLE)
        for head in _HEADS:
            table.add_column(head, justify="right" if head else "left", no_wrap=True)
        kind = None
        for line in sorted(group, key=lambda line: _ORDER.index(line.kind)):
            if kind is not None and kind is not line.kind:
                table.add_section()
            kind = line.kind
            table.add_row(*cells(line))
        made.append(table)
    return made


def cells(line: Line) -> tuple[str, ...]:
    """A line of the table as text."""
    return (
        line.name,
        str(line.runs),
        f"{line.seconds:,.2f}",
        f"{line.events_per_second:,.0f}",
        f"{line.cpu_seconds:,.2f}",
        f"{line.cpu_us_per_event:,.1f}",
        _whole(line.peak_mb),
        _whole(line.above_imports_mb),
        _ratio(line.to_raw_read),
        _ratio(line.to_floor),
        _ratio(line.to_ours),
    )


def target_line(target: Target) -> str:
    """pass, FAIL or not measured; what was asked for; what was found."""
    if target.measured is None:
        return f"not measured  {target.says}"
    verdict = "pass        " if target.passed else "FAIL        "
    return f"{verdict}  {target.says}: {target.measured:,.{_DIGITS[target.unit]}f}{target.unit} ({target.of})"


def as_json(
    machine: Mapping[str, Any],
    options: Mapping[str, Any],
    measurements: Sequence[Measurement],
    lines: Sequence[Line],
    targets: Mapping[str, Sequence[Target]],
) -> dict[str, Any]:
    """Everything: each run, the medians and the targets."""
    return {
        "machine": dict(machine),
        "options": dict(options),
        "measurements": [asdict(measurement) for measurement in measurements],
        "lines": [asdict(line) for line in lines],
        "targets": {
            database: [{**asdict(target), "passed": target.passed} for target in found]
            for database, found in targets.items()
        },
    }


def say(line: str) -> None:
    """What is being done, on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def show(shown: Iterable[Table | str]) -> None:
    console = Console(width=_WIDTH, highlight=False, markup=False)
    for one in shown:
        console.print(one)


def _whole(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}"


def _ratio(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"
