"""The schedule that exports what is missing in the ledger. It reconciles instead of remembering: a tick that was lost
or a run that failed heals at the next tick, an hour later, however long ago that was. Windows from before the exports
began are a backfill's work.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.automation import schedule_status
from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.events.ranges import boxes, without
from statsig_export.dagster.keys import CHECK_JOB, EXPORT_JOB, RANGE_END, RANGE_START, SCHEDULE, names_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.runs import FailedExport, being_exported, failed_exports
from statsig_export.dagster.workers import clear_the_dead
from statsig_export.export.gaps import Missing, missing_windows
from statsig_export.settings import WindowSettings
from statsig_export.windows import (
    Window,
    last_closed,
    lookback_windows,
    partition_key,
    split_partition_key,
    windows_between,
)

MAX_REQUESTS = 10
"""Per tick: a daemon that was away for long comes back to the rest in the ticks that follow."""


def cron(settings: WindowSettings) -> str:
    """Every hour, in the first minute at which a window that just ended has settled.

    With windows of a day most ticks find nothing; the others heal an export that failed, within the hour.
    """
    minutes = -(-settings.settle // timedelta(minutes=1))
    return f"{minutes % 60} * * * *"


def export_schedule(config: Config) -> dg.ScheduleDefinition:
    """Requests the closed windows that are missing in the ledger and that no run is exporting."""
    names = names_of(config)

    @dg.schedule(
        name=names(SCHEDULE),
        job_name=names(EXPORT_JOB),
        cron_schedule=cron(config.windows),
        execution_timezone="UTC",
        default_status=schedule_status(config),
        description="Exports closed windows that are missing: inside the lookback, and those that were skipped.",
    )
    @names.with_resource
    def schedule(
        context: dg.ScheduleEvaluationContext, statsig_export: ExportResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        current, now = statsig_export.config(), context.scheduled_execution_time
        claim_keys(context, current, statsig_export.config_path)
        # A daemon that is back makes up at once for the tick that it missed, before ship_sensor ends the dead runs:
        # what they hold would wait for the next hour.
        clear_the_dead(context.instance, current, datetime.now(UTC))
        missing = missing_windows(current, now)
        waiting = without(missing, being_exported(context.instance, current, names(SCHEDULE)))
        if waiting:
            return [
                dg.RunRequest(run_key=f"{now.isoformat()} {first}", tags={RANGE_START: first, RANGE_END: last})
                for first, last in _ranges(context.instance, current, waiting, now)[:MAX_REQUESTS]
            ]
        windows = len(lookback_windows(current.windows, now))
        return dg.SkipReason(f"the {windows} closed windows of the lookback are exported or under way")

    return schedule


def _ranges(instance: dg.DagsterInstance, config: Config, waiting: Missing, now: datetime) -> list[tuple[str, str]]:
    """The ranges that runs are to export, the most urgent first: what is new in the lookback; then what was skipped,
    oldest first; then what has failed, the longest ago first, in ranges of half the windows where they have killed a
    run. So a window that always fails, or kills its run, holds up no other.
    """
    every, most = (
        list(windows_between(min(waiting).start, max(waiting).end, config.windows)),
        config.dagster.max_windows_a_run,
    )
    failures = failed_exports(instance, config)
    failed: dict[Window, FailedExport] = {}
    for window, categories in waiting.items():
        known = [failures[key] for name in categories if (key := partition_key(name, window.key)) in failures]
        if known:
            shortest = min((failure.windows for failure in known if failure.windows), default=0)
            failed[window] = FailedExport(shortest, max(failure.ended for failure in known))
    recent = {*lookback_windows(config.windows, now), last_closed(config.windows, now)}
    new = {window: names for window, names in waiting.items() if window not in failed and window in recent}
    skipped = {window: names for window, names in waiting.items() if window not in failed and window not in recent}
    again = {window: waiting[window] for window in failed}
    halves = {window: max(1, failure.windows // 2) for window, failure in failed.items() if failure.windows}
    last = {window.key: failure.ended for window, failure in failed.items()}
    return [
        *boxes(new, every, most),
        *boxes(skipped, every, most),
        *sorted(boxes(again, every, most, halves), key=lambda box: last[split_partition_key(box[0])[1]]),
    ]


def check_schedule(config: Config) -> dg.ScheduleDefinition:
    names = names_of(config)
    return dg.ScheduleDefinition(
        name=names("check_schedule"),
        job_name=names(CHECK_JOB),
        cron_schedule="17 * * * *",
        execution_timezone="UTC",
        default_status=schedule_status(config),
        description="Once an hour, whether or not anything else runs: a daemon that ships nothing starts no other run.",
    )
