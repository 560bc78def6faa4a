"""Reconciles `fivetran/statsig_events` with the ledger.

A run that was cancelled or killed, or that lost the ledger, could not report what it had delivered. The sensor reports
it for the run.
"""

from datetime import timedelta

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.delivery.materializations import shipments
from statsig_export.dagster.keys import DESTINATION_TAG, REPLAY_JOB, SHIP_JOB, TOLD_TAG, names_of
from statsig_export.shipping.status import shipments_of

RUNS_A_TICK = 5
_NEWEST = 50
ENDED_FOR = timedelta(minutes=1)
"""A run that is marked as ended by force may have a request under way still."""


def tell_deliveries(instance: dg.DagsterInstance, config: Config, now: float) -> int:
    """Report what runs that ended badly have delivered and did not report. Returns the number of materializations.

    A few runs per call, each once: TOLD_TAG marks a run that is done. When the daemon dies before it sets the tag, the
    run is reported again, which does no harm: a materialization is no counter.
    """
    before, names = now - ENDED_FOR.total_seconds(), names_of(config)
    silent = [
        record.dagster_run
        for job in (SHIP_JOB, REPLAY_JOB)
        for record in instance.get_run_records(_ended_badly(names(job), config.webhook.name), limit=_NEWEST)
        if not _is_told(record.dagster_run) and (record.end_time or 0) < before
    ]
    return sum(_tell(instance, config, run.run_id) for run in silent[-RUNS_A_TICK:])


def _is_told(run: dg.DagsterRun) -> bool:
    """A run that repeats another has its tags, too. An older tag has no run's id."""
    return run.tags.get(TOLD_TAG) == run.run_id or (TOLD_TAG in run.tags and run.parent_run_id is None)


def _ended_badly(job: str, destination: str) -> dg.RunsFilter:
    """Another export may send to a destination of the same name by a job of another name: its ledger knows its runs."""
    statuses = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    return dg.RunsFilter(job_name=job, tags={DESTINATION_TAG: destination}, statuses=statuses)


def _tell(instance: dg.DagsterInstance, config: Config, run_id: str) -> int:
    told = _told_by(instance, run_id, names_of(config).delivered)
    missing = [
        shipment
        for shipment in shipments_of(config, run_id)
        if shipment.delivered_batches and shipment.partition not in told
    ]
    for event in shipments(instance, config, run_id, missing):
        instance.report_runless_asset_event(event)
    instance.add_run_tags(run_id, {TOLD_TAG: run_id})
    return len(missing)


def _told_by(instance: dg.DagsterInstance, run_id: str, delivered: dg.AssetKey) -> set[str]:
    """The partitions whose shipment the run reported itself."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    events = [record.asset_materialization for record in records]
    return {str(event.partition) for event in events if event is not None and event.asset_key == delivered}
