"""The schedule that exports what is missing. It reconciles instead of remembering: a tick that was lost or a run that
failed heals at the next tick, an hour later. Windows from before the schedule began are a backfill's work.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import dagster as dg

from dagster_project.assets import EVENTS, EXPORT_JOB
from dagster_project.partitions import event_partitions
from dagster_project.resources import ExportResource
from dagster_project.runs import under_way
from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.events import Category
from statsig_export.partitions import Window, closed_windows, partition_key, split_partition_key, window_from_key
from statsig_export.settings import WindowSettings

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
SCHEDULE = "export_schedule"
SCHEDULED_BY = "dagster/schedule_name"
CHECK_JOB = "check_deliveries"
EXPORT_MAX_RUNTIME_S = 6 * 3_600
"""An export run that is gone without a word (its machine died) holds its windows no longer than that."""


def cron(settings: WindowSettings) -> str:
    """Every hour, in the first minute at which a window that just ended has settled.

    With windows of a day most ticks find nothing; the others heal an export that failed, within the hour.
    """
    minutes = -(-settings.settle // timedelta(minutes=1))
    return f"{minutes % 60} * * * *"


def missing_partitions(
    config: Config, windows: Iterable[Window], present: Collection[str]
) -> dict[Window, tuple[Category, ...]]:
    """Closed windows -> the enabled categories that `present` does not hold, in order of time."""
    enabled = config.filter.enabled_categories()
    missing = {
        window: tuple(c for c in enabled if partition_key(c, window.key) not in present) for window in sorted(windows)
    }
    return {window: categories for window, categories in missing.items() if categories}


def boxes(
    missing: Mapping[Window, tuple[Category, ...]], every_window: Sequence[Window], most: int
) -> list[tuple[str, str]]:
    """The fewest ranges (first key, last key) of at most `most` windows that hold the missing partitions and no other.

    A run's range is a box: every category between two, in every window between two. So neighbouring windows that miss
    the same categories share a run, and a category that is switched off in the middle of the list splits it.
    """
    return [
        (partition_key(run[0], windows[0].key), partition_key(run[-1], windows[-1].key))
        for categories, windows in _stretches(missing, every_window, most)
        for run in _neighbours(categories)
    ]


def export_schedule(config: Config) -> dg.ScheduleDefinition:
    """Requests the closed windows of the lookback that no run has exported and none is exporting."""

    @dg.schedule(
        name=SCHEDULE,
        job_name=EXPORT_JOB,
        cron_schedule=cron(config.windows),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Exports closed windows that are missing: inside the lookback, and since its own last export.",
    )
    def schedule(context: dg.ScheduleEvaluationContext, export: ExportResource) -> list[dg.RunRequest] | dg.SkipReason:
        current = export.config()
        now = context.scheduled_execution_time
        windows = closed_windows(_since(context.instance, current, now), now, current.windows, now)
        present = context.instance.get_materialized_partitions(EVENTS) | being_exported(context.instance, current)
        most = current.dagster.max_windows_a_run
        requests = [
            dg.RunRequest(run_key=f"{now.isoformat()} {first}", tags={RANGE_START: first, RANGE_END: last})
            for first, last in boxes(missing_partitions(current, windows, present), windows, most)
        ]
        return requests or dg.SkipReason(f"the {len(windows)} closed windows of the lookback are exported or under way")

    return schedule


def _since(instance: dg.DagsterInstance, config: Config, now: datetime) -> datetime:
    """Where the schedule begins to look: with the lookback, or after what its own newest successful run exported, where
    that is longer ago. So a daemon that was away for longer than the lookback misses nothing; and windows that were
    never scheduled stay a backfill's work.
    """
    lookback = now - config.windows.lookback
    mine = dg.RunsFilter(tags={SCHEDULED_BY: SCHEDULE}, statuses=[dg.DagsterRunStatus.SUCCESS])
    try:
        ends = [_window_of(run.tags[RANGE_END], config).end for run in instance.get_runs(mine, limit=1)]
    except ConfigError:  # the windows were cut otherwise then
        ends = []
    return min([lookback, *ends])


def _window_of(partition: str, config: Config) -> Window:
    return window_from_key(split_partition_key(partition)[1], config.windows)


check_schedule = dg.ScheduleDefinition(
    name="check_schedule",
    job_name=CHECK_JOB,
    cron_schedule="17 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once an hour, whether or not anything else runs: a daemon that ships nothing starts no other run.",
)


def _stretches(
    missing: Mapping[Window, tuple[Category, ...]], every_window: Sequence[Window], most: int
) -> list[tuple[tuple[Category, ...], list[Window]]]:
    """Neighbouring windows that miss the same categories, together."""
    stretches: list[tuple[tuple[Category, ...], list[Window]]] = []
    for categories, neighbours in groupby(every_window, key=lambda window: missing.get(window, ())):
        windows = list(neighbours)
        parts = [windows[at : at + most] for at in range(0, len(windows), most)]
        stretches += [(categories, part) for part in parts if categories]
    return stretches


def _neighbours(categories: Collection[Category]) -> list[list[Category]]:
    """The categories in the partition's own order, cut wherever one is left out."""
    runs = groupby(Category, key=lambda category: category in categories)
    return [list(run) for wanted, run in runs if wanted]


def being_exported(instance: dg.DagsterInstance, config: Config) -> set[str]:
    """The partitions that queued and running export runs carry."""
    live = under_way(instance)
    exports = [run for run in live if run.job_name == EXPORT_JOB or EVENTS in (run.asset_selection or ())]
    return {key for run in exports for key in asked_for(run, config)}


def asked_for(run: dg.DagsterRun, config: Config) -> set[str]:
    """The partition keys that a run carries: a range's, its one, or none."""
    first, last = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    if first and last:
        partitions = event_partitions(config.windows)
        return set(partitions.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)))
    return {key} if (key := run.tags.get(PARTITION)) else set()
