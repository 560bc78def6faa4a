"""The shipment in Dagster: the op and its job, and what they report per partition. sensors.py starts the runs.

The ledger owns retries, so the job has none: a batch that waits for its time is no failure of the run, and the sensor
brings its partition back when it is due. Log lines hold counts and ids only.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import dagster as dg
from pydantic import Field

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.delivery.assets import log_shipments
from statsig_export.dagster.keys import (
    BUSY,
    DESTINATION_TAG,
    GROUP_TAG,
    HALTED,
    MAX_RETRIES,
    MAX_RUNTIME,
    OUTCOME_TAG,
    SHIP_JOB,
    SHIP_OP,
    names_of,
)
from statsig_export.dagster.metadata import failure, newest
from statsig_export.dagster.pools import pool_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.workers import tell_process
from statsig_export.errors import ConfigError, DestinationError, PartitionFileError, StatsigExportError
from statsig_export.runs import REAL_TIME, Timing
from statsig_export.shipping.other_rules import sent_as_exported
from statsig_export.shipping.reports import ShipReport, report_of
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import exported
from statsig_export.windows import split_partition_key

STOPS_AFTER = timedelta(minutes=50)
"""A ship run then ends in good order, and what remains is due for the next. So a run that is gone without a word (its
machine died) is known by its age, and holds its partitions and its place in the pool for an hour at most."""
MAX_RUNTIME_S = 3_600


class ShipConfig(dg.Config):
    """What one ship run carries: ids, never payload."""

    partitions: list[str] | None = Field(default=None, description="Keys `category|window`; none: all that is due.")


def ship_job(config: Config) -> dg.JobDefinition:
    """`ship_batches`: the job of one op."""
    names, destination = names_of(config), config.webhook.name
    ship = dg.op(
        name=names(SHIP_OP),
        pool=pool_of(config),
        description="Sends what is due of the partitions, and records every answer.",
    )(names.with_resource(_ship))

    @dg.job(
        name=names(SHIP_JOB),
        description="Ships planned batches to the webhook. The sensor starts it; by hand it ships all that is due.",
        executor_def=dg.in_process_executor,
        tags={
            **config.dagster.run_tags.of_shipments(),
            DESTINATION_TAG: destination,
            "dagster/priority": "1",  # before the exports of a long backfill, which have filled the queue
            MAX_RETRIES: "0",
            MAX_RUNTIME: str(MAX_RUNTIME_S),
        },
    )
    def ship_batches() -> None:
        ship()

    return ship_batches


def stop_in_good_time() -> Timing:
    """The real time, and an end to the run before run monitoring ends it."""
    stops = time.monotonic() + STOPS_AFTER.total_seconds()
    return replace(REAL_TIME, stopping=lambda: time.monotonic() > stops)


def refuse_unexported(config: Config, partitions: Sequence[str]) -> None:
    """Raises ConfigError for a key that is none, or of a partition that was never exported."""
    for key in partitions:
        split_partition_key(key)
    known = {line.partition for line in exported(config)} if partitions else set()
    missing = [key for key in partitions if key not in known]
    if missing:
        raise ConfigError(
            f"partitions that were never exported: {len(missing)}, such as {missing[0]}",
            hint="name exported ones, as the asset's tab Partitions lists them",
        )


def warn_of_other_rules(context: dg.OpExecutionContext, config: Config, again: Sequence[str] = ()) -> None:
    """Before anything is sent, or `again` of these partitions: what goes out as [privacy] would no longer have it."""
    if sentence := sent_as_exported(config, again):
        context.log.warning(sentence)


def _ship(context: dg.OpExecutionContext, config: ShipConfig, statsig_export: ExportResource) -> None:
    tell_process(context, statsig_export)
    prefer_jemalloc(os.environ)
    settings = statsig_export.config()
    timing = stop_in_good_time()
    try:
        claim_keys(context, settings, statsig_export.config_path)
        if GROUP_TAG not in context.run.tags:
            refuse_unexported(settings, config.partitions or ())
        warn_of_other_rules(context, settings)
        report = ship(settings, config.partitions or None, orchestrator_run_id=context.run.run_id, timing=timing)
    except DestinationError as error:
        _take_refusal(context, settings, error)
    except StatsigExportError as error:
        raise failed_shipment(context, settings, error) from None
    else:
        _log_what_waits(context, report)
        log_shipments(context, settings, report)


def _take_refusal(context: dg.OpExecutionContext, config: Config, error: DestinationError) -> None:
    """One run fails over a halted destination: the one that halted it, or one that somebody started by hand.

    The others, which were refused at the same time or waited in the queue, say so and end well.
    """
    report = report_of(error)
    if report is not None:
        log_shipments(context, config, report)
    context.instance.add_run_tags(context.run.run_id, {OUTCOME_TAG: HALTED})
    by_the_sensor = GROUP_TAG in context.run.tags and context.run.parent_run_id is None
    if error.halts or not by_the_sensor:
        raise failure(error, {**_destination(config), **_counts(report)}) from None
    context.log.warning("the destination is halted, as the run says that met it first: what was left stays pending")


def failed_shipment(context: dg.OpExecutionContext, config: Config, error: StatsigExportError) -> dg.Failure:
    """The run's failure, after what it sent all the same was reported; it names the files that cannot be read."""
    more = _destination(config)
    report = report_of(error)
    if report is not None:
        log_shipments(context, config, report)
        more |= _counts(report)
    if isinstance(error, PartitionFileError):
        more["unreadable files"] = dg.MetadataValue.json(
            {file: error.files[file] for file in newest(list(error.files))}
        )
    return failure(error, more)


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
