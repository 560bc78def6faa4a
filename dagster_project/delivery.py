"""The shipment in Dagster: the op and its job, what they report of a partition, and the sensor that starts them.

The ledger owns retries, so the job has none: a batch that waits for its time is no failure of the run, and the sensor
brings its partition back when it is due. The sensor keeps no cursor: every tick asks the ledger what is due and the run
storage what is under way, so a lost tick, a failed run or a daemon that was away heals at the next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import cast

import dagster as dg
from pydantic import Field

from dagster_project.assets import DELIVERED, EVENTS, SENT_KEYS, failure
from dagster_project.grouping import MAX_RUNS, Group, groups, pause_after
from dagster_project.metadata import newest
from dagster_project.resources import ExportResource
from statsig_export import pipeline
from statsig_export.config import Config
from statsig_export.errors import DestinationError, StatsigExportError
from statsig_export.partitions import split_partition_key
from statsig_export.reports import Shipment, ShipReport

POOL = "fivetran_webhook"
JOB = "ship_batches"
EXPORT_RUN_TAG = "statsig_export/export_run"
GROUP_TAG = "statsig_export/group"
FINISHED = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})
LIVE = [status for status in dg.DagsterRunStatus if status not in FINISHED]
ABANDONED_AFTER = timedelta(minutes=10)
"""A run that was created and never submitted (the daemon died in between, twice) holds its partitions no longer."""
MAX_RUNTIME_S = 6 * 3_600
SENT_LINEAGE = dg.TableColumnLineage(
    {column.name: [dg.TableColumnDep(asset_key=EVENTS, column_name="event")] for column in SENT_KEYS.columns}
)
PAUSED = f"their last runs failed, the next try waits up to an hour (or launch {JOB} by hand)"


class ShipConfig(dg.Config):
    """What one ship run carries: ids, never payload."""

    partitions: list[str] = Field(default=[], description="Keys `category|window`; empty: all that is due.")


@dg.op(name="ship", pool=POOL, description="Sends what is due of the partitions, and records every answer.")
def ship(context: dg.OpExecutionContext, config: ShipConfig, export: ExportResource) -> None:
    try:
        report = pipeline.ship(export.config(), config.partitions or None, orchestrator_run_id=context.run.run_id)
    except DestinationError as error:
        if error.report is not None:
            _log_shipments(context, error.report)
        raise failure(error) from None
    except StatsigExportError as error:
        raise failure(error) from None
    _log_what_waits(context, report)
    _log_shipments(context, report)


def _log_shipments(context: dg.OpExecutionContext, report: ShipReport) -> None:
    """A materialization of `fivetran/statsig_events` for each partition that the webhook took events of."""
    for shipment in report.shipments.values():
        if shipment.delivered_batches:
            links = _links(context.instance, shipment.export_runs)
            context.log_event(materialization(shipment, context.run.run_id, links))


@dg.job(
    name=JOB,
    description="Ships planned batches to the webhook. The sensor starts it; started by hand it ships all that is due.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_retries": "0", "dagster/max_runtime": str(MAX_RUNTIME_S)},
)
def ship_batches() -> None:
    ship()


@dg.sensor(
    name="ship_sensor",
    job_name=JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts ship runs for partitions with batches that are due, unless a run under way carries them.",
)
def ship_sensor(context: dg.SensorEvaluationContext, export: ExportResource) -> dg.SensorResult:
    config = export.config()
    due = pipeline.due_partitions(config)
    if not due:
        return dg.SensorResult(skip_reason=_why_nothing_is_due(config))
    live = _live_runs(context.instance)
    waiting = [] if _takes_all(live) else groups(due, {key for run in live for key in _partitions_of(run)})
    if not waiting or len(live) >= MAX_RUNS:
        return dg.SensorResult(skip_reason=f"partitions due: {len(due)}; ship runs under way: {len(live)}")
    now = datetime.now(UTC)
    requests = [request for group in waiting if (request := _request(context.instance, group, now))]
    if not requests:
        return dg.SensorResult(skip_reason=f"partitions due: {len(due)}; {PAUSED}")
    return dg.SensorResult(run_requests=requests[: MAX_RUNS - len(live)])


def _why_nothing_is_due(config: Config) -> str:
    halted = pipeline.halted_reason(config)
    if halted is not None:
        return f"the destination {config.webhook.name} is halted: {halted}"
    return "nothing is due: what is planned has been sent, or waits for its next try"


def _live_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    records = instance.get_run_records(dg.RunsFilter(job_name=JOB, statuses=LIVE))
    oldest = datetime.now(UTC) - ABANDONED_AFTER
    return [
        record.dagster_run
        for record in records
        if record.dagster_run.status is not dg.DagsterRunStatus.NOT_STARTED or record.create_timestamp > oldest
    ]


def _partitions_of(run: dg.DagsterRun) -> list[str]:
    ops = cast("Mapping[str, Mapping[str, Mapping[str, list[str]]]]", run.run_config.get("ops", {}))
    return ops.get("ship", {}).get("config", {}).get("partitions", [])


def _takes_all(live: Iterable[dg.DagsterRun]) -> bool:
    """A run started by hand without partitions ships whatever is due."""
    return any(not _partitions_of(run) for run in live)


def _request(instance: dg.DagsterInstance, group: Group, now: datetime) -> dg.RunRequest | None:
    """A run for the group, or None while it pauses after failures.

    Dagster never launches a run_key twice, so the key counts the group's runs: it changes while work remains.
    """
    earlier = dg.RunsFilter(job_name=JOB, tags={GROUP_TAG: group.digest})
    latest = instance.get_run_records(earlier, limit=10)
    failed = list(takewhile(lambda record: record.dagster_run.status is dg.DagsterRunStatus.FAILURE, latest))
    if failed and now.timestamp() < (failed[0].end_time or 0) + pause_after(len(failed)):
        return None
    return dg.RunRequest(
        run_key=f"{group.digest}:{instance.get_runs_count(earlier)}",
        run_config={"ops": {"ship": {"config": {"partitions": list(group.partitions)}}}},
        tags={EXPORT_RUN_TAG: group.export_tag, GROUP_TAG: group.digest},
    )


def materialization(
    shipment: Shipment, ship_run: str, export_links: Mapping[str, dg.MetadataValue]
) -> dg.AssetMaterialization:
    """One shipment of one partition, as an event of `fivetran/statsig_events`."""
    category, window = split_partition_key(shipment.partition)
    account = shipment.account
    return dg.AssetMaterialization(
        DELIVERED,
        partition=dg.MultiPartitionKey({"category": category.value, "window": window}),
        tags={"dagster/partition/category": category.value, "dagster/partition/window": window},
        metadata={
            "dagster/partition_row_count": dg.MetadataValue.int(account.forwarded),
            "dagster/row_count": dg.MetadataValue.int(account.forwarded),
            "delivered events": dg.MetadataValue.int(shipment.delivered_events),
            "delivered batches": dg.MetadataValue.int(shipment.delivered_batches),
            "delivered bytes": dg.MetadataValue.int(shipment.delivered_bytes),
            "requests": dg.MetadataValue.int(shipment.requests),
            **{f"status {status}": dg.MetadataValue.int(count) for status, count in shipment.statuses.items()},
            **{outcome: dg.MetadataValue.int(count) for outcome, count in shipment.outcomes.items()},
            "pending": dg.MetadataValue.int(account.pending),
            "failed": dg.MetadataValue.int(account.failed),
            "rate limited": dg.MetadataValue.int(account.rate_limited),
            "ship run": dg.MetadataValue.dagster_run(ship_run),
            "exported partition": dg.MetadataValue.asset(EVENTS),
            "dagster/column_lineage": SENT_LINEAGE,
            **export_links,
            **_files(shipment.files),
            **_latencies(shipment),
        },
    )


def _links(instance: dg.DagsterInstance, export_runs: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """A link an export run; plain text for a run that Dagster did not start (the command line, a notebook)."""
    links: dict[str, dg.MetadataValue] = {}
    for number, run in enumerate(newest(export_runs), start=1):
        label = "export run" if number == 1 else f"export run {number}"
        links[label] = dg.MetadataValue.dagster_run(run) if instance.has_run(run) else dg.MetadataValue.text(run)
    return links


def _files(files: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """The file and its digest; of several generations each file with its own."""
    if len(files) == 1:
        ((file, digest),) = files.items()
        return {"file": dg.MetadataValue.path(file), "digest": dg.MetadataValue.text(digest)}
    return {"files": dg.MetadataValue.json({file: files[file] for file in newest(list(files))})}


def _latencies(shipment: Shipment) -> dict[str, dg.MetadataValue]:
    values = {"latency ms (median)": shipment.latency_ms_median, "latency ms (max)": shipment.latency_ms_max}
    return {label: dg.MetadataValue.float(value) for label, value in values.items() if value is not None}


def _log_what_waits(context: dg.OpExecutionContext, report: ShipReport) -> None:
    account = report.account
    context.log.info("%d events forwarded, %d pending, %d failed", account.forwarded, account.pending, account.failed)
    if report.paused_until is not None:
        context.log.warning("too many failures in a row: sending pauses until the next probe, nothing is lost")
    for partition in report.busy:
        context.log.info("%s: another run is shipping it", partition)
    for shipment in report.shipments.values():
        if shipment.due_in is not None:
            pending = shipment.account.pending
            context.log.info("%s: %d events wait, due in %.0f s", shipment.partition, pending, shipment.due_in)
