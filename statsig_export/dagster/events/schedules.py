"""The schedule that exports what is missing. It reconciles instead of remembering: a tick that was lost or a run that
failed heals at the next tick, an hour later. Windows from before the schedule began are a backfill's work.
"""

from datetime import datetime, timedelta

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.automation import schedule_status
from statsig_export.dagster.events.ranges import boxes, missing_partitions
from statsig_export.dagster.keys import CHECK_JOB, EVENTS, EXPORT_JOB, RANGE_END, RANGE_START, SCHEDULE, SCHEDULED_BY
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.runs import being_exported
from statsig_export.errors import ConfigError
from statsig_export.settings import WindowSettings
from statsig_export.windows import Window, closed_windows, split_partition_key, window_from_key


def cron(settings: WindowSettings) -> str:
    """Every hour, in the first minute at which a window that just ended has settled.

    With windows of a day most ticks find nothing; the others heal an export that failed, within the hour.
    """
    minutes = -(-settings.settle // timedelta(minutes=1))
    return f"{minutes % 60} * * * *"


def export_schedule(config: Config) -> dg.ScheduleDefinition:
    """Requests the closed windows of the lookback that no run has exported and none is exporting."""

    @dg.schedule(
        name=SCHEDULE,
        job_name=EXPORT_JOB,
        cron_schedule=cron(config.windows),
        execution_timezone="UTC",
        default_status=schedule_status(config),
        description="Exports closed windows that are missing: inside the lookback, and since its own last export.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, statsig_export: ExportResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        current = statsig_export.config()
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
    scheduled = dg.RunsFilter(
        job_name=EXPORT_JOB, tags={SCHEDULED_BY: SCHEDULE}, statuses=[dg.DagsterRunStatus.SUCCESS]
    )
    try:
        ends = [_window_of(run.tags.get(RANGE_END, ""), config).end for run in instance.get_runs(scheduled, limit=1)]
    except ConfigError:  # the windows had another length then, or it is another code location's schedule
        ends = []
    return min([lookback, *ends])


def _window_of(partition: str, config: Config) -> Window:
    return window_from_key(split_partition_key(partition)[1], config.windows)


def check_schedule(config: Config) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="check_schedule",
        job_name=CHECK_JOB,
        cron_schedule="17 * * * *",
        execution_timezone="UTC",
        default_status=schedule_status(config),
        description="Once an hour, whether or not anything else runs: a daemon that ships nothing starts no other run.",
    )
