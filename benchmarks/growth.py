"""`python -m benchmarks growth`: how time and memory grow with rows, windows, and the ledger; and what Dagster adds.

Only figures: each table shows the same work at several sizes, so that a line that is not flat, or a time that is not
linear, can be seen.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.contest import Contest, Options
from benchmarks.figures import POSTGRESQL, SQLITE, Line, lines
from benchmarks.machine import machine
from benchmarks.report import STYLE, say, show
from benchmarks.source_data import DAY, SourceDatabases, source_databases

ROWS: Final = (50_000, 200_000, 1_000_000, 2_000_000)
WINDOWED_ROWS: Final = 200_000
BATCHES: Final = (10_000, 100_000, 1_000_000)
PARTS: Final = ("rows", "windows", "ledger", "forget", "dagster")
FORGET_EVENTS: Final = (200_000, 1_000_000)
_DAYS: Final = {1: ("day", 1), 24: ("hour", 1), 240: ("hour", 10)}
"""Number of windows -> how long each is, and the days over which the rows arrive."""


def main(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    facts = machine()
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-", dir=options.home) as home:
        folder = Path(home)
        with source_databases(folder) as databases:
            for part in options.parts:
                figures = _MEASURE[part](databases, folder, options)
                found[part] = [dict(figure) for figure in figures]
                show([_table(part, found[part])])
            facts["servers"] = databases.versions()
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, **found}, indent=1) + "\n")


def _rows(databases: SourceDatabases, folder: Path, options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """One window of more and more rows."""
    for rows in options.rows:
        say(f"{options.database}: making {rows:,} rows")
        source = databases.fill(options.database, rows)
        contest = Contest(source, folder, Options())
        for _ in range(options.rounds):
            contest.end_to_end()
        contest.close()
        databases.drop(source)
        yield {"rows": rows, **_growing(contest)}


def _windows(databases: SourceDatabases, folder: Path, options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """The same number of rows in more and more windows."""
    for number, (every, days) in _DAYS.items():
        say(f"{options.database}: making {options.windowed_rows:,} rows for {number} windows")
        source = databases.fill(options.database, options.windowed_rows, days)
        keys = [_key(every, at) for at in range(number)]
        contest = Contest(source, folder, Options(), keys, every)
        for _ in range(options.rounds):
            contest.end_to_end()
        contest.close()
        databases.drop(source)
        yield {"windows": number, "rows": source.rows, **_growing(contest)}


def _key(every: str, number: int) -> str:
    if every == "day":
        return f"{DAY + timedelta(days=number):%Y-%m-%d}"
    return f"{DAY + timedelta(hours=number):%Y-%m-%d-%H:%M}"


def _growing(contest: Contest) -> dict[str, Any]:
    line: Line = lines(contest.measurements)[0]
    return {
        "wall s": round(line.seconds, 2),
        "events/s": round(line.events_per_second),
        "CPU us/event": round(line.cpu_us_per_event, 1),
        "peak MB": line.peak_mb,
        "own MB": line.above_imports_mb,
    }


def _ledger(databases: SourceDatabases, folder: Path, options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """Milliseconds of each operation, a column a size."""
    from benchmarks.ledger_growth import ledger_timings  # noqa: PLC0415 - imports Dagster, which the other parts need not

    found: dict[tuple[str, str], dict[str, float | None]] = {}
    for ledger in options.ledgers:
        for count in options.batches:
            say(f"{ledger} ledger: making {count:,} batches")
            home = Path(tempfile.mkdtemp(dir=folder))
            url = f"sqlite:///{home / 'ledger.db'}"
            if ledger == POSTGRESQL:
                place = databases.new_postgresql(f"ledger_{count}")
                url = place.replace("postgresql:", "postgresql+psycopg:")
            for timing in ledger_timings(home, ledger, url, count):
                found.setdefault((ledger, timing.operation), {})[f"{count:,} batches"] = timing.ms
    for (ledger, operation), by_size in found.items():
        yield {
            "ledger": ledger,
            "ms": operation,
            **{size: "not there" if ms is None else round(ms, 1) for size, ms in by_size.items()},
        }


def _forget(_: SourceDatabases, folder: Path, options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """People are taken out of files of more and more events."""
    from benchmarks.forget_growth import forget_timings  # noqa: PLC0415 - as above

    for events in options.events:
        say(f"forget: making {events:,} events")
        yield from forget_timings(Path(tempfile.mkdtemp(dir=folder)), events)


def _dagster(_: SourceDatabases, folder: Path, __: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    from benchmarks.dagster_growth import dagster_shares  # noqa: PLC0415 - as above

    say("dagster: runs")
    for share in dagster_shares(Path(tempfile.mkdtemp(dir=folder))):
        yield {"Dagster": share.what, "ms": round(share.seconds * 1000, 1)}


_MEASURE: Final[Mapping[str, Callable[[SourceDatabases, Path, argparse.Namespace], Iterable[Mapping[str, Any]]]]] = {
    "rows": _rows,
    "windows": _windows,
    "ledger": _ledger,
    "forget": _forget,
    "dagster": _dagster,
}
_TITLES: Final = {
    "rows": "One window of more and more rows, end to end",
    "windows": "The same rows in more and more windows, end to end",
    "ledger": "Ledgers of more and more batches, 10,000 of them due: medians in ms",
    "forget": "People forgotten, out of more and more events",
    "dagster": "What Dagster adds",
}


def _table(part: str, figures: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=_TITLES[part], **STYLE)
    texts = {"ledger", "ms"} if part == "ledger" else {"Dagster", "forgotten"}
    for head in figures[0]:
        table.add_column(head, justify="left" if head in texts else "right", no_wrap=True)
    for figure in figures:
        table.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value) for value in figure.values()))
    return table


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--database", choices=(POSTGRESQL, SQLITE), default=POSTGRESQL, help="the source")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="of one window")
    parser.add_argument("--windowed-rows", type=int, default=WINDOWED_ROWS, help="rows that are cut into windows")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each size")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="of a ledger; 10,000 at least")
    parser.add_argument("--events", type=int, nargs="+", default=FORGET_EVENTS, help="of which people are forgotten")
    parser.add_argument("--ledgers", nargs="+", choices=(SQLITE, POSTGRESQL), default=(SQLITE, POSTGRESQL))
    parser.add_argument("--home", type=Path, help="where the data is made; a temporary folder unless it is named")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args(arguments)
