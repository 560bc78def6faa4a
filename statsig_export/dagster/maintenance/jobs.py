"""The jobs that a person starts: `verify_ledger` holds the ledger against itself and the files, `replay_batches` sends
again. They are the verbs of the command line, for those who live in Dagster.
"""

import os

import dagster as dg
from pydantic import Field

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.dagster.delivery.assets import log_shipments
from statsig_export.dagster.delivery.jobs import MAX_RUNTIME_S, failed_shipment, stop_in_good_time
from statsig_export.dagster.keys import DESTINATION_TAG, MAX_RETRIES, MAX_RUNTIME, REPLAY_JOB, VERIFY_JOB
from statsig_export.dagster.metadata import failure, newest
from statsig_export.dagster.pools import pool_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.workers import tell_process
from statsig_export.errors import StatsigExportError
from statsig_export.maintenance.verify import VerifyReport, verify
from statsig_export.shipping.replay import replay


class ReplayConfig(dg.Config):
    """What to send again."""

    partitions: list[str] = Field(description="Keys `category|window`.")
    failed_only: bool = Field(default=False, description="Only what failed in delivery, not what was delivered.")


def replay_job(config: Config) -> dg.JobDefinition:
    """`replay_batches`: in the destination's pool, as the shipments are."""
    destination = config.webhook.name
    replay = dg.op(
        name="replay",
        pool=pool_of(destination),
        description="Sends again, with the same ids and bytes, what the partitions sent.",
    )(_replay)

    @dg.job(
        name=REPLAY_JOB,
        description="Sends partitions again. A reader that deduplicates by timeUUID takes no harm.",
        executor_def=dg.in_process_executor,
        tags={DESTINATION_TAG: destination, MAX_RETRIES: "0", MAX_RUNTIME: str(MAX_RUNTIME_S)},
    )
    def replay_batches() -> None:
        replay()

    return replay_batches


def _replay(context: dg.OpExecutionContext, config: ReplayConfig, statsig_export: ExportResource) -> None:
    tell_process(context)
    prefer_jemalloc(os.environ)
    try:
        report = replay(
            statsig_export.config(),
            config.partitions,
            failed_only=config.failed_only,
            orchestrator_run_id=context.run.run_id,
            timing=stop_in_good_time(),
        )
    except StatsigExportError as error:
        raise failed_shipment(context, statsig_export.config(), error) from None
    said = (report.replayed, report.sent, report.pending, report.failed)
    context.log.info("%d events to send again, %d accepted, %d pending, %d failed", *said)
    log_shipments(context, report.shipped)


@dg.op(name="verify", description="Recomputes every state from the attempts and the files. Reads only.")
def _verify(context: dg.OpExecutionContext, statsig_export: ExportResource) -> None:
    try:
        report = verify(statsig_export.config())
    except StatsigExportError as error:
        raise failure(error) from None
    if report.differences:
        raise _differs(report)
    said = (report.partitions, report.files, report.batches)
    context.log.info("%d partitions, %d files, %d batches: nothing differs", *said)


def _differs(report: VerifyReport) -> dg.Failure:
    differences = [str(difference) for difference in report.differences]
    return dg.Failure(
        description=f"differences in the ledger: {len(differences)}, such as {differences[0]}",
        metadata={
            "error": dg.MetadataValue.text("Difference"),
            "exit code": dg.MetadataValue.int(1),
            "differences": dg.MetadataValue.int(len(differences)),
            "the last of them": dg.MetadataValue.json(list(newest(differences))),
        },
        allow_retries=False,
    )


@dg.job(
    name=VERIFY_JOB,
    description="Holds the ledger against itself and the files, changes nothing, and fails when something differs.",
    executor_def=dg.in_process_executor,
    tags={MAX_RETRIES: "0"},
)
def verify_ledger() -> None:
    _verify()
