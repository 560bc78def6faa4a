"""The shipment in Dagster: the op and its job, and what they report of a partition. ship_sensor.py starts the runs.

The ledger owns retries, so the job has none: a batch that waits for its time is no failure of the run, and the sensor
brings its partition back when it is due. Log lines hold counts and ids only.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import dagster as dg
from pydantic import Field

from dagster_project.assets import DELIVERED, EVENTS, SENT_KEYS, failure
from dagster_project.metadata import newest
from dagster_project.resources import ExportResource
from statsig_export import pipeline
from statsig_export.config import Config
from statsig_export.errors import DestinationError, LedgerError, PartitionFileError, StatsigExportError
from statsig_export.partitions import split_partition_key
from statsig_export.reports import Shipment, ShipReport
from statsig_export.shipper import Timing
from statsig_export.shipping import REAL_TIME

POOL = "fivetran_webhook"
"""The pool of the destination `fivetran`; another one has another."""
JOB = "ship_batches"
DESTINATION_TAG = "statsig_export/destination"
EXPORT_RUN_TAG = "statsig_export/export_run"
GROUP_TAG = "statsig_export/group"
"""On the runs that the sensor has asked for."""
OUTCOME_TAG = "statsig_export/outcome"
HALTED = "halted"
BUSY = "busy"
"""What a run sets OUTCOME_TAG to: the destination refused it, or another shipper held some of its partitions."""
STOPS_AFTER = timedelta(minutes=50)
"""A ship run then ends in good order, and what remains is due for the next. So a run that is gone without a word (its
machine died) is known by its age, and holds its partitions and its place in the pool for an hour at most."""
MAX_RUNTIME_S = 3_600
SENT_LINEAGE = dg.TableColumnLineage(
    {column.name: [dg.TableColumnDep(asset_key=EVENTS, column_name="event")] for column in SENT_KEYS.columns}
)


class ShipConfig(dg.Config):
    """What one ship run carries: ids, never payload."""

    partitions: list[str] = Field(default=[], description="Keys `category|window`; empty: all that is due.")


def pool_of(destination: str) -> str:
    """The pool that limits how many ship runs a destination gets at once: `fivetran_webhook` for `fivetran`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", destination) + "_webhook"


def ship_job(config: Config) -> dg.JobDefinition:
    """`ship_batches`: the job of one op."""
    destination = config.webhook.name
    ship = dg.op(
        name="ship",
        pool=pool_of(destination),
        description="Sends what is due of the partitions, and records every answer.",
    )(_ship)

    @dg.job(
        name=JOB,
        description="Ships planned batches to the webhook. The sensor starts it; by hand it ships all that is due.",
        executor_def=dg.in_process_executor,
        tags={
            DESTINATION_TAG: destination,
            "dagster/priority": "1",  # before the exports of a long backfill, which have filled the queue
            "dagster/max_retries": "0",
            "dagster/max_runtime": str(MAX_RUNTIME_S),
        },
    )
    def ship_batches() -> None:
        ship()

    return ship_batches


def stop_in_good_time() -> Timing:
    """The real time, and an end to the run before run monitoring ends it."""
    stops = time.monotonic() + STOPS_AFTER.total_seconds()
    return replace(REAL_TIME, stopping=lambda: time.monotonic() > stops)


def _ship(context: dg.OpExecutionContext, config: ShipConfig, export: ExportResource) -> None:
    settings = export.config()
    timing = stop_in_good_time()
    try:
        report = pipeline.ship(
            settings, config.partitions or None, orchestrator_run_id=context.run.run_id, timing=timing
        )
    except DestinationError as error:
        _take_refusal(context, settings, error)
    except StatsigExportError as error:
        raise failed_shipment(context, settings, error) from None
    else:
        _log_what_waits(context, report)
        log_shipments(context, report)


def _take_refusal(context: dg.OpExecutionContext, config: Config, error: DestinationError) -> None:
    """One run fails over a halted destination: the one that halted it, or one that somebody started by hand.

    The others, which were refused at the same time or waited in the queue, say so and end well.
    """
    if error.report is not None:
        log_shipments(context, error.report)
    context.instance.add_run_tags(context.run.run_id, {OUTCOME_TAG: HALTED})
    if error.halts or GROUP_TAG not in context.run.tags:
        raise failure(error, {**_destination(config), **_counts(error.report)}) from None
    context.log.warning("the destination is halted, as the run says that met it first: what was left stays pending")


def failed_shipment(context: dg.OpExecutionContext, config: Config, error: StatsigExportError) -> dg.Failure:
    """The run's failure, after what it sent all the same was reported; it names the files that cannot be read."""
    more = _destination(config)
    if isinstance(error, LedgerError) and error.report is not None:
        log_shipments(context, error.report)
        more |= _counts(error.report)
    if isinstance(error, PartitionFileError):
        more["unreadable files"] = dg.MetadataValue.json(
            {file: error.files[file] for file in newest(list(error.files))}
        )
    return failure(error, more)


def log_shipments(context: dg.OpExecutionContext, report: ShipReport) -> None:
    """A materialization of `fivetran/statsig_events` for each partition that the webhook took events of."""
    for shipment in report.shipments.values():
        if shipment.delivered_batches:
            links = export_links(context.instance, shipment.export_runs)
            context.log_event(materialization(shipment, context.run.run_id, links))


def _log_what_waits(context: dg.OpExecutionContext, report: ShipReport) -> None:
    account, log = report.account, context.log
    log.info("%d events forwarded, %d pending, %d failed", account.forwarded, account.pending, account.failed)
    if report.paused_until is not None:
        why = "the webhook's rate limit" if report.rate_limited else "too many failures in a row"
        log.warning("%s: sending pauses for %.0f s, nothing is lost", why, report.paused_until - time.time())
    if report.busy:
        context.instance.add_run_tags(context.run.run_id, {OUTCOME_TAG: BUSY})
        log.info("partitions that another shipper holds: %d, such as %s", len(report.busy), report.busy[0])
    for shipment in report.shipments.values():
        if shipment.due_in is not None:
            pending = shipment.account.pending
            log.info("%s: %d events wait, due in %.0f s", shipment.partition, pending, shipment.due_in)


def _destination(config: Config) -> dict[str, dg.MetadataValue]:
    return {"destination": dg.MetadataValue.text(config.webhook.name)}


def _counts(report: ShipReport | None) -> dict[str, dg.MetadataValue]:
    """What an alert tells of a run that was refused; nothing of one that was refused before it began."""
    if report is None:
        return {}
    account = report.account
    counts = {"delivered events": report.sent, "requests": report.requests}
    standing = {"forwarded": account.forwarded, "pending": account.pending, "failed": account.failed}
    return {label: dg.MetadataValue.int(count) for label, count in {**counts, **standing}.items()}


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


def export_links(instance: dg.DagsterInstance, export_runs: Sequence[str]) -> dict[str, dg.MetadataValue]:
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
