"""The tables of docs/scale.md, as Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from benchmarks.scale_model import POSTGRESQL, YEAR_DAYS, Needs, Setup

SIZES: Final = (1_000_000, 100_000_000, 1_000_000_000, 100_000_000_000)
WORKERS: Final = (1, 10, 100)
SETUPS: Final = {
    1_000_000: Setup(),
    100_000_000: Setup(windows_a_day=24),
    1_000_000_000: Setup(windows_a_day=24, workers=2, figures=POSTGRESQL, ledger="PostgreSQL"),
    100_000_000_000: Setup(
        windows_a_day=24,
        shards=64,
        workers=100,
        max_events=10_000,
        max_bytes=10_000_000,
        figures=POSTGRESQL,
        ledger="PostgreSQL",
    ),
}
"""Events a day -> a set-up that carries them."""
_STEPS: Final[Sequence[tuple[str, Callable[[Setup], Setup]]]] = (
    ("as it comes: day windows, one worker, SQLite", lambda setup: setup),
    ("windows of an hour", lambda setup: replace(setup, windows_a_day=24)),
    ("10 workers", lambda setup: replace(setup, workers=10)),
    ("the ledger in PostgreSQL", lambda setup: replace(setup, figures=POSTGRESQL, ledger="PostgreSQL")),
    ("`[windows] shards = 64`", lambda setup: replace(setup, shards=64)),
    ("100 workers", lambda setup: replace(setup, workers=100)),
    ("10,000 events and 10 MB a request", lambda setup: replace(setup, max_events=10_000, max_bytes=10_000_000)),
)


def needs_table() -> str:
    """What a day needs, a column a size."""
    found = [Needs(size, SETUPS[size]) for size in SIZES]
    rows: list[tuple[str, Callable[[Needs], str]]] = [
        ("windows a day, shards, workers", lambda n: f"{n.setup.windows_a_day}, {n.setup.shards}, {n.setup.workers}"),
        ("events a request", lambda n: f"{n.batch_events:,}"),
        ("ledger in", lambda n: n.setup.ledger),
        ("**source**: queries", lambda n: f"{n.queries:,}"),
        ("read", lambda n: size_of(n.read_bytes)),
        ("**CPU** of exports and shipments", lambda n: time_of(n.cpu_s)),
        ("memory of an export", lambda n: size_of(n.window_mb * 1e6)),
        ("**storage**: written", lambda n: size_of(n.stored_bytes)),
        ("objects", lambda n: f"{n.partitions:,}"),
        ("requests to it", lambda n: f"{n.storage_requests:,}"),
        ("kept for a year", lambda n: size_of(YEAR_DAYS * n.stored_bytes)),
        ("**ledger**: rows", lambda n: f"{n.ledger_rows:,}"),
        ("grows by", lambda n: size_of(n.batch_bytes + n.kept_bytes)),
        ("after a year", lambda n: size_of(n.ledger_year_bytes)),
        ("after a year, pruned at 90 days", lambda n: size_of(n.pruned_year_bytes)),
        ("transactions a second", lambda n: rate(n.transactions_s)),
        ("**webhook**: requests", lambda n: f"{n.requests:,}"),
        ("requests a second", lambda n: rate(n.requests_s)),
        ("under way at once, at 100 ms", lambda n: rate(n.requests_s * n.setup.latency_s)),
        ("sent a second", lambda n: size_of(n.per_second * n.setup.figures.body_bytes)),
        ("**Dagster**: new partitions", lambda n: f"{n.dagster_partitions:,}"),
        ("partitions after a year", lambda n: f"{YEAR_DAYS * n.dagster_partitions:,}"),
        ("runs", lambda n: f"{n.runs:,}"),
        ("CPU to start and record them", lambda n: time_of(n.run_cpu_s)),
        ("its storage grows by", lambda n: size_of(n.dagster_bytes)),
    ]
    head = ("a day", *(count(size) for size in SIZES))
    return table(head, [(name, *(of(needs) for needs in found)) for name, of in rows])


def bottleneck_table() -> str:
    """What is used most, and how much of it, as the set-up is changed step by step."""
    setup, rows = Setup(), []
    for says, change in _STEPS:
        setup = change(setup)
        rows.append((says, *(_bottleneck(Needs(size, setup)) for size in SIZES)))
    return table(("", *(count(size) for size in SIZES)), rows)


def workers_table() -> str:
    """The same for 1, 10 and 100 workers, the rest as `SETUPS` has it."""
    rows = [
        (f"{workers}", *(_bottleneck(Needs(size, replace(SETUPS[size], workers=workers))) for size in SIZES))
        for workers in WORKERS
    ]
    return table(("workers", *(count(size) for size in SIZES)), rows)


def _bottleneck(needs: Needs) -> str:
    name, load = needs.bottleneck()
    said = f"{load:.0%}" if load < 10 else f"{load:,.0f} x"  # noqa: PLR2004  from where a percentage is hard to read
    return f"**{name} {said}**" if load > 1 else f"{name} {'under 1%' if load < 0.01 else said}"  # noqa: PLR2004


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown, numbers to the right."""
    lines = [_line(head), "|---|" + "--:|" * (len(head) - 1), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def count(number: int) -> str:
    """1 M, 100 M, 1 billion."""
    return f"{number // 10**9:,} billion" if number >= 10**9 else f"{number // 10**6:,} million"


def size_of(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5:  # noqa: PLR2004  what rounds to 1,000 is the next unit's 1
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:,.3g} PB"


def time_of(seconds: float) -> str:
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.3g} {unit}" if seconds < 1_000 * length else f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.2g} s"


def rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"  # noqa: PLR2004  two digits are enough
