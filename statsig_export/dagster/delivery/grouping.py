"""How due partitions become ship runs. Pure: values in, values out; the sensor asks the ledger and the run storage."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from statsig_export.dagster.runs import pause_after
from statsig_export.ledger.records import DuePartition
from statsig_export.windows import split_partition_key

MAX_PARTITIONS = 30
MAX_RUNS = 10


@dataclass(frozen=True, slots=True)
class Group:
    """The partitions of one ship run, and the export runs their batches came from."""

    partitions: tuple[str, ...]
    export_runs: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Equal partitions, equal digest: short enough for a tag, which run storage indexes."""
        return hashlib.sha256("\n".join(self.partitions).encode()).hexdigest()

    @property
    def export_tag(self) -> str:
        """The export run's id, so that the UI finds its ship runs; a JSON list where there are several."""
        return self.export_runs[0] if len(self.export_runs) == 1 else json.dumps(self.export_runs)


def groups(due: Iterable[DuePartition], in_flight: Collection[str]) -> list[Group]:
    """Due partitions that no live run carries: one export run per group, the oldest windows first.

    A backlog of many small export runs (a destination that was away for days) is packed together instead: launching a
    run costs seconds, and the order of its runs is what a group of one export run is for.
    """
    by_export: dict[tuple[str, ...], list[str]] = {}
    for partition in sorted(due, key=_by_time):
        if partition.partition not in in_flight:
            by_export.setdefault(partition.export_runs, []).append(partition.partition)
    if len(by_export) <= MAX_RUNS:
        return [Group(part, runs) for runs, keys in by_export.items() for part in _even_slices(keys)]
    runs_of = {key: runs for runs, keys in by_export.items() for key in keys}
    return [
        Group(part, tuple(dict.fromkeys(run for key in part for run in runs_of[key])))
        for part in _slices(list(runs_of), MAX_PARTITIONS)
    ]


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A ship run that is over."""

    partitions: frozenset[str]
    fruitless: bool
    """It failed, or found partitions that another shipper holds: another one at once would do no better."""
    ended: float
    """Seconds since the epoch."""


def paused(runs: Iterable[EndedRun], now: float) -> set[str]:
    """Partitions that wait before they are asked for again. `runs` are the newest first.

    Counted by partition, since a group of due partitions is rarely the same twice.
    """
    failures: Counter[str] = Counter()
    last: dict[str, float] = {}
    served: set[str] = set()
    for run in runs:
        for partition in run.partitions - served:
            if run.fruitless:
                failures[partition] += 1
                last.setdefault(partition, run.ended)
            else:
                served.add(partition)
    return {partition for partition, count in failures.items() if now < last[partition] + pause_after(count)}


def _by_time(due: DuePartition) -> tuple[str, str]:
    category, window = split_partition_key(due.partition)
    return window, category


def _even_slices(keys: Sequence[str]) -> list[tuple[str, ...]]:
    """As few slices as the limit allows, all about equally long: 31 keys are 16 and 15, not 30 and 1."""
    count = -(-len(keys) // MAX_PARTITIONS)
    return _slices(keys, -(-len(keys) // count))


def _slices(keys: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(keys[at : at + length]) for at in range(0, len(keys), length)]
