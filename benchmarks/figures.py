"""The arithmetic of the tables: medians, rates, ratios and targets. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median
from typing import Final, TypeVar

POSTGRESQL: Final = "postgresql"
JSONB: Final = "postgresql-jsonb"
"""The same rows in columns of type jsonb, as many databases have them: the server takes its time to write them out."""
SQLITE: Final = "sqlite"
RAW_READ: Final = {POSTGRESQL: "raw COPY", JSONB: "raw COPY", SQLITE: "plain sqlite3 cursor"}
"""What reading alone costs at the least, a database."""
FLOOR: Final = "floor: read, files, digests, POSTs"
"""What the design costs with nothing of ours in between (programs/floor.py)."""
OURS: Final = "statsig-export"
WITH_LATENCY: Final = "statsig-export, slow webhook"
EXPORT: Final = "export"
UNDER_PRIVACY: Final = "export under [privacy]"
"""Three members dropped, two hashed."""
PLAIN: Final = "pandas + requests script"
DLT: Final = "dlt"
BYTEWAX: Final = "bytewax"
_FLAT: Final = 1.1
_MOST_MB: Final = 350
_MOST_CPU_US: Final = 8


class Kind(StrEnum):
    """What a line of the table is."""

    OURS = "ours"
    LIMIT = "limit"
    STAGE = "stage"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one contestant."""

    database: str
    rows: int
    """In the window: what every rate and every cost is divided by."""
    name: str
    kind: Kind
    seconds: float
    cpu_seconds: float
    peak_mb: int | None = None
    """Of the process, its imports included; None for a part of a process."""
    imports_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The medians of a contestant's runs."""

    database: str
    rows: int
    name: str
    kind: Kind
    runs: int
    seconds: float
    events_per_second: float
    cpu_seconds: float
    cpu_us_per_event: float
    peak_mb: float | None
    above_imports_mb: float | None
    to_raw_read: float | None
    """Wall time as a multiple of the raw read's."""
    to_floor: float | None
    """Likewise of the floor's."""
    to_ours: float | None
    """Likewise of ours."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was promised, and what was measured of it."""

    says: str
    bound: float
    at_least: bool
    measured: float | None
    """None where the run did not measure it."""
    of: str = ""
    """What it was measured on."""
    unit: str = "x"

    @property
    def passed(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def lines(measurements: Iterable[Measurement]) -> list[Line]:
    """One line a contestant, by database and rows, each in the order of its first run."""
    groups: dict[tuple[str, int, str], list[Measurement]] = {}
    for measurement in measurements:
        groups.setdefault((measurement.database, measurement.rows, measurement.name), []).append(measurement)
    seconds = {key: median(one.seconds for one in group) for key, group in groups.items()}
    return [
        _line(group, *(seconds.get((database, rows, name)) for name in (RAW_READ[database], FLOOR, OURS)))
        for (database, rows, _), group in groups.items()
    ]


def _line(group: Sequence[Measurement], raw_read: float | None, floor: float | None, ours: float | None) -> Line:
    one = group[0]
    seconds = median(run.seconds for run in group)
    cpu_seconds = median(run.cpu_seconds for run in group)
    peaks = [run.peak_mb for run in group if run.peak_mb is not None]
    grown = [run.peak_mb - run.imports_mb for run in group if run.peak_mb is not None and run.imports_mb is not None]
    return Line(
        database=one.database,
        rows=one.rows,
        name=one.name,
        kind=one.kind,
        runs=len(group),
        seconds=seconds,
        events_per_second=one.rows / seconds,
        cpu_seconds=cpu_seconds,
        cpu_us_per_event=cpu_seconds / one.rows * 1e6,
        peak_mb=median(peaks) if peaks else None,
        above_imports_mb=median(grown) if grown else None,
        to_raw_read=seconds / raw_read if raw_read else None,
        to_floor=seconds / floor if floor else None,
        to_ours=seconds / ours if ours else None,
    )


def targets(table: Sequence[Line], database: str, latency_ms: int) -> list[Target]:
    """The targets on a database, each on the largest window that has what it needs."""
    on = [line for line in table if line.database == database]
    ours = {line.rows: line for line in on if line.name == OURS and line.peak_mb is not None}
    least, most = min(ours, default=0), max(ours, default=0)
    cpu_us = ours[most].cpu_us_per_event if ours else None
    peak_mb = ours[most].peak_mb if ours else None
    flat = peak_mb / (ours[least].peak_mb or peak_mb) if peak_mb is not None and most > least else None
    return [
        _multiple(on, OURS, FLOOR, 1.5, "at most 1.5 times the floor", at_least=False),
        _most(f"at most {_MOST_CPU_US} us of CPU an event", _MOST_CPU_US, cpu_us, most, " us"),
        _multiple(on, DLT, OURS, 6, "dlt takes at least 6 times as long"),
        _multiple(on, BYTEWAX, OURS, 3.5, "bytewax takes at least 3.5 times as long"),
        _multiple(on, PLAIN, OURS, 8, "the plain script takes at least 8 times as long"),
        _most(f"at most {_MOST_MB} MB of memory", _MOST_MB, peak_mb, most, " MB"),
        Target(f"flat memory: at most {_FLAT} times", _FLAT, at_least=False, measured=flat, of=_from_to(least, most)),
        _multiple(on, WITH_LATENCY, OURS, 1.1, f"{latency_ms} ms of latency: at most 1.1 times", at_least=False),
        _multiple_of_cpu(
            on, UNDER_PRIVACY, EXPORT, 1.3, "three members dropped, two hashed: at most 1.3 times the CPU"
        ),
        _between_databases(table, database),
    ]


def _between_databases(table: Sequence[Line], database: str) -> Target:
    """What a row of SQLite costs beside one of this database, on the largest window that both have."""
    cpu = {(line.database, line.rows): line.cpu_us_per_event for line in table if line.name == OURS}
    rows = max((rows for name, rows in cpu if name == database and (SQLITE, rows) in cpu), default=None)
    measured = None if rows is None else cpu[SQLITE, rows] / cpu[database, rows]
    of = "" if rows is None else f"{rows:,} rows"
    return Target("SQLite as the source: at most 1.3 times the CPU", 1.3, at_least=False, measured=measured, of=of)


def _most(says: str, bound: float, measured: float | None, rows: int, unit: str) -> Target:
    """A figure of ours that is no ratio, on the largest window."""
    return Target(says, bound, at_least=False, measured=measured, of=f"{rows:,} rows", unit=unit)


def _from_to(least: int, most: int) -> str:
    return f"{least:,} to {most:,} rows"


def _multiple(table: Iterable[Line], name: str, unit: str, bound: float, says: str, *, at_least: bool = True) -> Target:
    """The wall time of `name` as a multiple of that of `unit`."""
    return _target(((line, line.seconds) for line in table), (name, unit), Target(says, bound, at_least, None))


def _multiple_of_cpu(table: Iterable[Line], name: str, unit: str, bound: float, says: str) -> Target:
    """The CPU time of `name` as a multiple of that of `unit`, at most `bound`."""
    return _target(((line, line.cpu_seconds) for line in table), (name, unit), Target(says, bound, False, None))  # noqa: FBT003


def _target(figures: Iterable[tuple[Line, float]], pair: tuple[str, str], unmeasured: Target) -> Target:
    """Measured on the largest window that has both lines."""
    by_rows: dict[int, dict[str, float]] = {}
    for line, figure in figures:
        by_rows.setdefault(line.rows, {})[line.name] = figure
    rows = max((rows for rows, by_name in by_rows.items() if set(pair) <= by_name.keys()), default=None)
    if rows is None:
        return unmeasured
    name, unit = pair
    return replace(unmeasured, measured=by_rows[rows][name] / by_rows[rows][unit], of=f"{rows:,} rows")


Run = TypeVar("Run", bound=Callable[..., object])


def interleaved(rounds: int, every_round: Sequence[Run], once: Sequence[Run]) -> list[Run]:
    """A B A B ...: each of `every_round` in every round, in order, and those of `once` dealt out behind the rounds."""
    runs: list[Run] = []
    for number in range(rounds):
        runs += [*every_round, *once[number::rounds]]
    return runs
