"""The sensor that finds late rows: windows of the lookback whose source has changed are exported again.

A window that was exported again counts as many rows as the source has, and is left alone. The cursor is only where the
next tick goes on, when the time of one was over before all windows were compared. A range whose last runs failed is
asked for again after a pause.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.events.ranges import boxes
from statsig_export.dagster.keys import EXPORT_JOB, LATE_ROWS_TAG, NO_PREFIX, RANGE_END, RANGE_START, Names, names_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.runs import being_exported, pause_after
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, lookback_windows, partition_key

if TYPE_CHECKING:
    from statsig_export.export.late_rows import ChangedWindow

MAX_REQUESTS = 10
EVERY = timedelta(minutes=10)
FROM_THE_FIRST = "0"
"""The cursor before the first window: less than every key. Dagster takes an empty one for none, and keeps the last."""
BUDGET = timedelta(seconds=10)
"""No other count is begun after that: Dagster ends a tick after 60 s, a proxy before the code server maybe after 15."""
PAUSED = "their last runs failed, the next try waits up to an hour (or export them by hand)"


def late_rows_sensor_of(status: dg.DefaultSensorStatus, names: Names = NO_PREFIX) -> dg.SensorDefinition:
    return dg.SensorDefinition(
        name=names("late_rows_sensor"),
        evaluation_fn=names.with_resource(_tick),
        job_name=names(EXPORT_JOB),
        minimum_interval_seconds=int(EVERY.total_seconds()),
        default_status=status,
        description="Exports windows of the lookback again when the source has other rows than were exported.",
    )


def _tick(context: dg.SensorEvaluationContext, statsig_export: ExportResource) -> dg.SensorResult:
    from statsig_export.export.late_rows import compared_windows  # noqa: PLC0415 - imports pandas, which ship runs never need

    config = statsig_export.config()
    claim_keys(context, config, statsig_export.config_path)
    now = datetime.now(UTC)
    lookback = lookback_windows(config.windows, now)
    if not lookback:
        return dg.SensorResult(skip_reason=_why_nothing_is_compared(config), cursor=FROM_THE_FIRST)
    left = [window for window in lookback if window.key >= (context.cursor or FROM_THE_FIRST)] or lookback
    stops = time.monotonic() + BUDGET.total_seconds()
    found = compared_windows(config, left, lambda: time.monotonic() > stops)
    cursor = found.next.key if found.next else FROM_THE_FIRST
    result = _exports(context, config, found.changed, lookback, now)
    return (
        dg.SensorResult(run_requests=result, cursor=cursor)
        if isinstance(result, list)
        else dg.SensorResult(
            skip_reason=result if not found.next else f"{result}; the next tick goes on with {cursor}", cursor=cursor
        )
    )


def _exports(
    context: dg.SensorEvaluationContext,
    config: Config,
    changed: Sequence["ChangedWindow"],
    lookback: Sequence[Window],
    now: datetime,
) -> list[dg.RunRequest] | str:
    """The runs that export what has changed, or why there are none."""
    waiting = _not_under_way(changed, being_exported(context.instance, config))
    if not waiting:
        return _why_nothing_is_exported(len(changed))
    job = names_of(config)(EXPORT_JOB)
    ranges = boxes(_by_window(waiting), lookback, config.dagster.max_windows_a_run)
    ready = [(first, last) for first, last in ranges if not _pauses(context.instance, job, first, last, now)]
    if not ready:
        return f"windows that have changed: {len(changed)}; {PAUSED}"
    late = sum(change.rows_now - change.rows_exported for change in waiting)
    context.log.info("windows that have changed: %d, by %+d rows", len(waiting), late)
    return [_request(first, last, now, late) for first, last in ready[:MAX_REQUESTS]]


def _why_nothing_is_compared(config: Config) -> str:
    if config.windows.lookback:
        return f"no window has closed yet: the first starts at {config.windows.start:%Y-%m-%d %H:%M} UTC"
    return 'late rows are not looked for: [windows] lookback is "0s"'


def _why_nothing_is_exported(changed: int) -> str:
    if changed:
        return f"windows that have changed: {changed}, all of them being exported"
    return "every exported window of the lookback holds as many rows as it held"


def _pauses(instance: dg.DagsterInstance, job: str, first: str, last: str, now: datetime) -> bool:
    """Whether the latest runs over this range failed, and the pause after so many failures is not over."""
    of_range = dg.RunsFilter(job_name=job, tags={RANGE_START: first, RANGE_END: last})
    latest = instance.get_run_records(of_range, limit=10)
    failed = list(takewhile(lambda record: record.dagster_run.status is dg.DagsterRunStatus.FAILURE, latest))
    return bool(failed) and now.timestamp() < (failed[0].end_time or 0) + pause_after(len(failed))


def _request(first: str, last: str, now: datetime, late: int) -> dg.RunRequest:
    tags = {RANGE_START: first, RANGE_END: last, LATE_ROWS_TAG: f"{late:+d}"}
    return dg.RunRequest(run_key=f"late rows {now.isoformat()} {first}", tags=tags)


def _by_window(changes: Iterable["ChangedWindow"]) -> dict[Window, tuple[Category, ...]]:
    categories: dict[Window, set[Category]] = {}
    for change in changes:
        categories.setdefault(change.window, set()).update(change.categories)
    return {window: tuple(category for category in Category if category in of) for window, of in categories.items()}


def _not_under_way(changed: Sequence["ChangedWindow"], under_way: set[str]) -> list["ChangedWindow"]:
    return [
        change
        for change in changed
        if not any(partition_key(category, change.window.key) in under_way for category in change.categories)
    ]


late_rows_sensor = late_rows_sensor_of(dg.DefaultSensorStatus.STOPPED)
