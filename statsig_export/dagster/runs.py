"""What the run storage says: which runs are under way. It is the truth about them; nothing here is remembered."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import EVENTS, EXPORT_JOB, PARTITION, RANGE_END, RANGE_START
from statsig_export.dagster.partitions import event_partitions

FIRST_PAUSE_S = 60


LONGEST_PAUSE_S = 3_600


FINISHED = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})
LIVE = [status for status in dg.DagsterRunStatus if status not in FINISHED]
ABANDONED_AFTER = timedelta(minutes=10)
"""A run that was created and never submitted (the daemon died in between, twice) holds its partitions no longer."""


def under_way(
    instance: dg.DagsterInstance, job_name: str | None = None, tags: dict[str, str] | None = None
) -> list[dg.DagsterRun]:
    """The runs that wait or run, of one job and with these tags where they are given."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name, tags=tags, statuses=LIVE))
    oldest = datetime.now(UTC) - ABANDONED_AFTER
    return [
        record.dagster_run
        for record in records
        if record.dagster_run.status is not dg.DagsterRunStatus.NOT_STARTED or record.create_timestamp > oldest
    ]


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


def pause_after(failures: int) -> int:
    """Seconds to wait after so many fruitless runs in a row; 0 after none."""
    return min(FIRST_PAUSE_S * 2 ** (failures - 1), LONGEST_PAUSE_S) if failures else 0
