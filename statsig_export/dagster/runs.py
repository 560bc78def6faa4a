"""The runs under way, and the partitions they carry. The run storage is the truth; nothing is cached here."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import (
    DESTINATION_TAG,
    EXPORT_JOB,
    FAILED,
    MAX_RETRIES,
    OUTCOME_TAG,
    PARTITION,
    RANGE_END,
    RANGE_START,
    RETRIED_BY,
    SCHEDULED_BY,
    WILL_RETRY,
    names_of,
)
from statsig_export.errors import ConfigError
from statsig_export.vocabulary import Category
from statsig_export.windows import LENGTH, Window, partition_key, split_partition_key, window_from_key, windows_between

FIRST_PAUSE_S = 60
LONGEST_PAUSE_S = 3_600
_REMEMBERED_FAILURES = 100
FINISHED = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})
LIVE = [status for status in dg.DagsterRunStatus if status not in FINISHED]
WAITING = frozenset({dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED})
"""No process has them yet. An instance may hold thousands, of others too."""
AT_WORK = [status for status in LIVE if status not in WAITING]
ABANDONED_AFTER = timedelta(minutes=10)
"""A run that was created and never submitted (the daemon died in between, twice) holds its partitions no longer."""


def under_way(
    instance: dg.DagsterInstance,
    job_name: str | None = None,
    tags: dict[str, str] | None = None,
    statuses: Sequence[dg.DagsterRunStatus] = LIVE,
) -> list[dg.DagsterRun]:
    """The runs that wait or run, of one job and with these tags where they are given.

    The storage is not asked for the tags: it would look up every run on record that has them, and they all have.
    """
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name, statuses=statuses))
    oldest = datetime.now(UTC) - ABANDONED_AFTER
    return [
        record.dagster_run
        for record in records
        if (tags or {}).items() <= record.dagster_run.tags.items()
        if record.dagster_run.status is not dg.DagsterRunStatus.NOT_STARTED or record.create_timestamp > oldest
    ]


def being_exported(instance: dg.DagsterInstance, config: Config, for_schedule: str | None = None) -> set[str]:
    """The partitions that export runs carry: queued and running ones, and those that Dagster is about to repeat.

    Not what the schedule of that name, which asks, has created in a tick that was never finished: the daemon died.
    Asked for again by the same tick, Dagster submits just those runs.
    """
    live = [run for run in under_way(instance) if not _is_left_over(run, for_schedule)] + _to_be_repeated(instance)
    return {key for run in live if is_export(run, config) for key in partition_keys_of(run, config)}


def _is_left_over(run: dg.DagsterRun, schedule: str | None) -> bool:
    """A schedule ticks once at a time, and submits each run before its tick ends."""
    never_submitted = run.status is dg.DagsterRunStatus.NOT_STARTED
    return never_submitted and schedule is not None and run.tags.get(SCHEDULED_BY) == schedule


def _to_be_repeated(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that have just failed, of which Dagster's run retries have launched no other yet."""
    if not instance.run_retries_enabled:
        return []
    since = (datetime.now(UTC) - ABANDONED_AFTER).timestamp()
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={WILL_RETRY: "true"})
    return [
        record.dagster_run
        for record in instance.get_run_records(failed, limit=_REMEMBERED_FAILURES)
        if RETRIED_BY not in record.dagster_run.tags and (record.end_time or 0.0) > since
    ]


def is_export(run: dg.DagsterRun, config: Config) -> bool:
    """Whether it exports to this destination: another code location may have a job of the same name."""
    names = names_of(config)
    ours = run.tags.get(DESTINATION_TAG, config.webhook.name) == config.webhook.name
    return (run.job_name == names(EXPORT_JOB) and ours) or names.events in (run.asset_selection or ())


class FailedExport(NamedTuple):
    """How the export of a partition failed lately."""

    windows: int
    """Of the shortest range whose run ended without a word: killed by one of its windows. 0 if none did."""
    ended: float
    """Seconds since the epoch: the newest failure."""


def failed_exports(instance: dg.DagsterInstance, config: Config) -> dict[str, FailedExport]:
    """The partitions of the newest failed export runs: those that the ledger does not hold may fail again. Of runs that
    were deleted since nothing is known, and nothing needs to be.
    """
    failed = dg.RunsFilter(job_name=names_of(config)(EXPORT_JOB), statuses=[dg.DagsterRunStatus.FAILURE])
    failures: dict[str, FailedExport] = {}
    for record in instance.get_run_records(failed, limit=_REMEMBERED_FAILURES):
        run = record.dagster_run
        keys = partition_keys_of(run, config) if is_export(run, config) else set()
        said = run.tags.get(OUTCOME_TAG) == FAILED or run.tags.get(MAX_RETRIES) == "0"  # as retries.py has it
        windows = 0 if said else len({key.partition("|")[2] for key in keys})
        for key in keys:
            known = failures.get(key, FailedExport(windows, record.end_time or 0.0))
            shortest = min(filter(None, (known.windows, windows)), default=0)
            failures[key] = FailedExport(shortest, known.ended)
    return failures


def partition_keys_of(run: dg.DagsterRun, config: Config) -> set[str]:
    """The partition keys that a run carries: a range's, its one, or none.

    Keys that name no window of the configuration count for nothing: those of another code location's job of the same
    name, and those from before the windows were given another length.
    """
    one = run.tags.get(PARTITION)
    first, last = run.tags.get(RANGE_START, one), run.tags.get(RANGE_END, one)
    if not first or not last:
        return set()
    try:
        (first_category, first_window), (last_category, last_window) = _named(first, config), _named(last, config)
    except ConfigError:
        return set()
    categories = list(Category)
    box = categories[categories.index(first_category) : categories.index(last_category) + 1]
    # Of the future there is none, whatever a tag says: a range of millennia would take the tick's time.
    end = min(last_window.end, datetime.now(UTC) + LENGTH[config.windows.every])
    windows = windows_between(first_window.start, end, config.windows)
    return {partition_key(category, window.key) for window in windows for category in box}


def _named(key: str, config: Config) -> tuple[Category, Window]:
    category, window = split_partition_key(key)
    return category, window_from_key(window, config.windows)


def pause_after(failures: int) -> int:
    """Seconds to wait after that many fruitless runs in a row; 0 after none."""
    return min(FIRST_PAUSE_S * 2 ** (failures - 1), LONGEST_PAUSE_S) if failures else 0
