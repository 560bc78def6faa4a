"""The sensor that finds late rows: windows of the lookback whose source has changed are exported again.

It keeps no cursor: a window that was exported again counts as many rows as the source has, and is left alone.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from dagster_project.assets import EXPORT_JOB
from dagster_project.automation import RANGE_END, RANGE_START, being_exported, boxes
from dagster_project.resources import ExportResource
from statsig_export.events import Category
from statsig_export.late_rows import ChangedWindow, changed_windows
from statsig_export.partitions import Window, closed_windows, partition_key

LATE_ROWS_TAG = "statsig_export/late_rows"
MAX_REQUESTS = 10
EVERY = timedelta(minutes=10)


@dg.sensor(
    name="late_rows_sensor",
    job_name=EXPORT_JOB,
    minimum_interval_seconds=int(EVERY.total_seconds()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Exports windows of the lookback again when the source has other rows than were exported.",
)
def late_rows_sensor(context: dg.SensorEvaluationContext, export: ExportResource) -> dg.SensorResult:
    config = export.config()
    now = datetime.now(UTC)
    changed = changed_windows(config, now)
    waiting = _not_under_way(changed, being_exported(context.instance, config))
    if not waiting:
        return dg.SensorResult(skip_reason=_why_nothing_is_exported(len(changed)))
    windows = closed_windows(now - config.windows.lookback, now, config.windows, now)
    ranges = boxes(_by_window(waiting), windows, config.dagster.max_windows_a_run)[:MAX_REQUESTS]
    late = sum(change.rows_now - change.rows_exported for change in waiting)
    context.log.info("windows that have changed: %d, by %+d rows", len(waiting), late)
    return dg.SensorResult(run_requests=[_request(first, last, now, late) for first, last in ranges])


def _why_nothing_is_exported(changed: int) -> str:
    if changed:
        return f"windows that have changed: {changed}, all of them being exported"
    return "every exported window of the lookback holds as many rows as it held"


def _request(first: str, last: str, now: datetime, late: int) -> dg.RunRequest:
    tags = {RANGE_START: first, RANGE_END: last, LATE_ROWS_TAG: f"{late:+d}"}
    return dg.RunRequest(run_key=f"late rows {now.isoformat()} {first}", tags=tags)


def _by_window(changes: Iterable[ChangedWindow]) -> dict[Window, tuple[Category, ...]]:
    categories: dict[Window, set[Category]] = {}
    for change in changes:
        categories.setdefault(change.window, set()).update(change.categories)
    return {window: tuple(category for category in Category if category in of) for window, of in categories.items()}


def _not_under_way(changed: Sequence[ChangedWindow], under_way: set[str]) -> list[ChangedWindow]:
    return [
        change
        for change in changed
        if not any(partition_key(category, change.window.key) in under_way for category in change.categories)
    ]
