"""What a number of events a day needs, computed from what was measured. Pure: figures and a set-up in, needs out.

A worker is a process that exports and ships, with a core of its own. All rates are a day's average: `peak` says by how
much the busiest hour is above it, and a day after an outage has two days' work.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

DAY_S: Final = 86_400
YEAR_DAYS: Final = 365
CATEGORIES: Final = 6


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; docs/scale.md names the command that prints each."""

    read_us: float = 2
    """CPU of one event in each stage."""
    encode_us: float = 12
    write_us: float = 4
    ship_us: float = 6
    window_ms: float = 95
    """Of a window besides its rows."""
    memory_mb: float = 300
    memory_row_bytes: float = 19
    """Of a process that exports: a small window, and what each row of a larger one adds."""
    body_bytes: float = 893
    event_bytes: float = 86
    """Of one event: in the request, and in the partition file."""
    file_bytes: float = 7_000
    """Of a partition file besides its events."""
    row_group: int = 5_000
    """Events that are read at once."""
    source_rows_s: float = 476_000
    """Rows a second of one connection, of which nothing is made."""
    batch_row: float = 248
    attempt_row: float = 133
    partition_rows: float = 430
    export_run_row: float = 8_363
    ship_run_row: float = 200
    """Bytes in the ledger, indexes included."""
    pruned_row: float = 92
    ledger_batches_s: float = 1_100
    """Claimed and finished by one process."""
    run_start_cpu_s: float = 4.6
    """Of a run of Dagster in a process of its own."""
    run_partition_ms: float = 28
    run_bytes: float = 398_000
    """In Dagster's storage, of a run, its share of the ticks included."""
    tick_ms: float = 62
    """Of ship_sensor, however large the ledger."""


SQLITE: Final = Figures()
POSTGRESQL: Final = replace(
    SQLITE,
    batch_row=391,
    attempt_row=205,
    partition_rows=915,
    export_run_row=3_072,
    pruned_row=337,
    ledger_batches_s=333,
    tick_ms=103,
)


@dataclass(frozen=True, slots=True)
class Setup:
    """How it is run. What export.toml has by default, but for the window."""

    windows_a_day: int = 1
    shards: int = 1
    workers: int = 1
    max_events: int = 1_000
    max_bytes: int = 1_000_000
    latency_s: float = 0.1
    concurrency: int = 4
    figures: Figures = SQLITE
    ledger: str = "SQLite"
    largest_share: float = 0.4
    """Of a window's events, in its largest category."""
    worker_mb: float = 4_000
    kept_days: int = 90
    """Before `prune` takes a window."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Of a day."""

    events: int
    setup: Setup

    @property
    def per_second(self) -> float:
        return self.events / DAY_S

    @property
    def partitions(self) -> int:
        return self.setup.windows_a_day * self.setup.shards * CATEGORIES

    @property
    def dagster_partitions(self) -> int:
        """Shards are no partitions of Dagster."""
        return self.setup.windows_a_day * CATEGORIES

    @property
    def batch_events(self) -> int:
        """In a full request."""
        setup = self.setup
        return max(1, min(setup.max_events, int((setup.max_bytes - 1) / (setup.figures.body_bytes + 1))))

    @property
    def requests(self) -> int:
        """Every partition ends with a batch that is not full."""
        return math.ceil(self.events / self.batch_events) + min(self.partitions, self.events)

    @property
    def requests_s(self) -> float:
        return self.requests / DAY_S

    @property
    def export_us(self) -> float:
        figures = self.setup.figures
        return figures.read_us + figures.encode_us + figures.write_us

    @property
    def cpu_s(self) -> float:
        """Of all workers, but for what starts Dagster's runs."""
        windows = self.setup.windows_a_day * self.setup.shards
        return (
            self.events * (self.export_us + self.setup.figures.ship_us) / 1e6
            + windows * self.setup.figures.window_ms / 1e3
        )

    @property
    def queries(self) -> int:
        """Reads of the source: two tables a window, and its shards each."""
        return 2 * self.setup.windows_a_day * self.setup.shards

    @property
    def read_bytes(self) -> float:
        return self.events * self.setup.figures.body_bytes

    @property
    def stored_bytes(self) -> float:
        return self.events * self.setup.figures.event_bytes + self.partitions * self.setup.figures.file_bytes

    @property
    def storage_requests(self) -> int:
        """One to write a file, one to look whether it is there, one to read each of its groups."""
        return 2 * self.partitions + math.ceil(self.events / self.setup.figures.row_group) + self.partitions

    @property
    def ledger_rows(self) -> int:
        windows = self.setup.windows_a_day * self.setup.shards
        return 2 * self.requests + 2 * self.partitions + 2 * windows

    @property
    def batch_bytes(self) -> float:
        """Of the ledger, that a prune removes."""
        return self.requests * (self.setup.figures.batch_row + self.setup.figures.attempt_row)

    @property
    def kept_bytes(self) -> float:
        """Of the ledger, for good."""
        figures, windows = self.setup.figures, self.setup.windows_a_day * self.setup.shards
        return self.partitions * figures.partition_rows + windows * (figures.export_run_row + figures.ship_run_row)

    @property
    def ledger_year_bytes(self) -> float:
        """After a year without a prune."""
        return YEAR_DAYS * (self.batch_bytes + self.kept_bytes)

    @property
    def pruned_year_bytes(self) -> float:
        """After a year with one."""
        sums = (YEAR_DAYS - self.setup.kept_days) * self.partitions * self.setup.figures.pruned_row
        return self.setup.kept_days * self.batch_bytes + YEAR_DAYS * self.kept_bytes + sums

    @property
    def transactions_s(self) -> float:
        """A claim and a finish a request."""
        return 2 * self.requests_s

    @property
    def runs(self) -> int:
        """Of Dagster: an export a window and shard, a ship run for what each exported."""
        return 2 * self.setup.windows_a_day * self.setup.shards

    @property
    def run_cpu_s(self) -> float:
        figures = self.setup.figures
        return self.runs * figures.run_start_cpu_s + 2 * self.partitions * figures.run_partition_ms / 1e3

    @property
    def dagster_bytes(self) -> float:
        return self.runs * self.setup.figures.run_bytes

    @property
    def window_rows(self) -> float:
        """That one process exports at once."""
        return self.events / (self.setup.windows_a_day * self.setup.shards)

    @property
    def window_mb(self) -> float:
        return self.setup.figures.memory_mb + self.window_rows * self.setup.figures.memory_row_bytes / 1e6

    def loads(self) -> dict[str, float]:
        """Resource -> the share of it that is used, 1 for all of it. A day's work has to be done in a day; a window's,
        which one process does, until the next one ends.
        """
        setup, figures = self.setup, self.setup.figures
        between_s = DAY_S / setup.windows_a_day
        of_partition = self.window_rows * setup.largest_share
        alone_s = max(
            of_partition * figures.ship_us / 1e6,
            of_partition / self.batch_events * setup.latency_s / setup.concurrency,
        )
        return {
            "the workers' CPU": (self.cpu_s + self.run_cpu_s) / (DAY_S * setup.workers),
            "one window's export": self.window_rows * self.export_us / 1e6 / between_s,
            "one partition's shipment": alone_s / between_s,
            "a worker's memory": self.window_mb / setup.worker_mb,
            "requests under way": self.requests_s * setup.latency_s / (setup.concurrency * setup.workers),
            "the ledger's transactions": self.requests_s / figures.ledger_batches_s,
            "the source": self.per_second / (figures.source_rows_s * min(setup.workers, 2 * setup.shards)),
        }

    def bottleneck(self) -> tuple[str, float]:
        """The resource that is used most."""
        loads = self.loads()
        name = max(loads, key=lambda each: loads[each])
        return name, loads[name]
