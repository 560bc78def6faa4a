"""Which windows and categories a run exports.

Dagster cuts a backfill into ranges of one category (or of one window): a run for each would read the tables once per
category. So a run exports, of its windows, all the categories that its backfill asked for; the other runs of the
backfill find them exported, and only report them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg
from dagster._core.execution.backfill import PartitionBackfill  # what get_backfill gives; it has no public name

from statsig_export.config import Config
from statsig_export.dagster.keys import BACKFILL, names_of
from statsig_export.export.processes import windows_at_once
from statsig_export.shipping.status import exported
from statsig_export.vocabulary import Category
from statsig_export.windows import LENGTH, Window, partition_key, split_partition_key, window_from_key

Categories = Mapping[Window, tuple[Category, ...]]
AT_ONCE = 8
"""Windows of each process between two looks at what the other runs of the backfill have exported meanwhile."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run has to export."""

    own: Categories
    """Its partitions, in order of time: these it reports."""
    asked_for: Categories
    """The same windows, with all the categories that the backfill asked for."""
    since: datetime | None = None
    """When the backfill began; None where the run has its partitions to itself."""
    backwards: bool = False
    """Whether it begins with the newest window, so that two runs over the same windows meet in the middle."""

    def without(self, windows: Collection[Window]) -> "Work":
        own = {window: categories for window, categories in self.own.items() if window not in windows}
        return replace(self, own=own, asked_for={window: self.asked_for[window] for window in own})

    def parts(self, config: Config) -> Iterator[Categories]:
        """What is left to export, part by part. Each part looks anew at what other runs have exported."""
        if self.since is None:
            yield self.asked_for
            return
        windows = list(self.asked_for)
        size = AT_ONCE * windows_at_once(config)
        parts = [windows[at : at + size] for at in range(0, len(windows), size)]
        for part in reversed(parts) if self.backwards else parts:
            done = _exported_since(config, part, self.since)
            left = {
                window: tuple(c for c in self.asked_for[window] if partition_key(c, window.key) not in done)
                for window in part
            }
            yield {window: categories for window, categories in left.items() if categories}


def work_of(instance: dg.DagsterInstance, run: dg.DagsterRun, keys: Iterable[str], config: Config) -> Work:
    """What a run with these partitions exports. Raises ConfigError for a key that names none."""
    own = by_window(config, keys)
    backfill = instance.get_backfill(run.tags[BACKFILL]) if BACKFILL in run.tags else None
    if backfill is None or run.parent_run_id is not None:  # a run that is done again has to do it
        return Work(own, own)
    wanted = by_window(config, _partitions_of(backfill, names_of(config).events))
    asked_for = {window: wanted.get(window, categories) for window, categories in own.items()}
    if all(set(asked_for[window]) <= set(own[window]) for window in own):
        return Work(own, own)
    first = next(iter(own))
    rank = asked_for[first].index(own[first][0]) if own[first][0] in asked_for[first] else 0
    return Work(own, asked_for, datetime.fromtimestamp(backfill.backfill_timestamp, UTC), backwards=rank % 2 == 1)


def by_window(config: Config, keys: Iterable[str]) -> Categories:
    """Window -> the categories of its partitions, in order of time. Raises ConfigError for a key that names none."""
    categories: dict[Window, set[Category]] = {}
    for key in keys:
        category, window = split_partition_key(str(key))
        categories.setdefault(window_from_key(window, config.windows), set()).add(category)
    return {window: tuple(c for c in Category if c in found) for window, found in sorted(categories.items())}


def _partitions_of(backfill: PartitionBackfill, events: dg.AssetKey) -> Iterable[str]:
    """What it was launched for, however the UI and the API spelled it."""
    data = backfill.asset_backfill_data
    if data is None:
        return backfill.partition_names or ()
    subset = data.target_subset.partitions_subsets_by_asset_key.get(events)
    return () if subset is None else subset.get_partition_keys()


def _exported_since(config: Config, windows: Sequence[Window], since: datetime) -> set[str]:
    end = max(windows).start + LENGTH[config.windows.every]
    return {line.partition for line in exported(config, min(windows).start, end) if line.exported >= since}
