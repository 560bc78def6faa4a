"""What the run storage says: which runs are under way. It is the truth about them; nothing here is remembered."""

from datetime import UTC, datetime, timedelta

import dagster as dg

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
