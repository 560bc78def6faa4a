"""The jobs that a person starts: `verify_ledger` holds the ledger against itself and the files, `replay_batches` sends
again. They are the verbs of the command line, for those who live in Dagster.
"""

import os
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.delivery.assets import log_shipments
from statsig_export.dagster.delivery.jobs import (
    MAX_RUNTIME_S,
    failed_shipment,
    refuse_unexported,
    stop_in_good_time,
    warn_of_other_rules,
)
from statsig_export.dagster.keys import (
    DESTINATION_TAG,
    MAX_RETRIES,
    MAX_RUNTIME,
    REPLAY_JOB,
    VERIFY_JOB,
    Names,
    names_of,
)
from statsig_export.dagster.metadata import failure, newest
from statsig_export.dagster.pools import pool_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.workers import tell_process
from statsig_export.errors import ConfigError, StatsigExportError
from statsig_export.shipping.replay import replay
from statsig_export.shipping.status import exported
from statsig_export.vocabulary import Category
from statsig_export.windows import split_partition_key, window_from_key, windows_between

if TYPE_CHECKING:
    from statsig_export.maintenance.verify import VerifyReport


class ReplayConfig(dg.Config):
    """What to send again. The UI takes a value that was left blank, which is null, for each of them."""

    partitions: list[str] | None = Field(default=None, description="Keys `category|window`; or name windows below.")
    first_window: str | None = Field(default=None, description="The first window to send again, as 2026-11-20.")
    last_window: str | None = Field(default=None, description="The last one; the first alone where it is left out.")
    categories: list[str] | None = Field(
        default=None, description="Of these windows; all that were exported where it is left out."
    )
    failed_only: bool | None = Field(default=None, description="Only what failed in delivery, not what was delivered.")


def replay_job(config: Config) -> dg.JobDefinition:
    """`replay_batches`: in the destination's pool, as the shipments are."""
    names, destination = names_of(config), config.webhook.name
    replay = dg.op(
        name=names("replay"),
        pool=pool_of(config),
        description="Sends again, with the same ids and bytes, what the partitions sent.",
    )(names.with_resource(_replay))

    @dg.job(
        name=names(REPLAY_JOB),
        description="Sends partitions again. A reader that deduplicates by timeUUID takes no harm.",
        executor_def=dg.in_process_executor,
        tags={
            **config.dagster.run_tags.of_shipments(),
            DESTINATION_TAG: destination,
            MAX_RETRIES: "0",
            MAX_RUNTIME: str(MAX_RUNTIME_S),
        },
    )
    def replay_batches() -> None:
        replay()

    return replay_batches


def _replay(context: dg.OpExecutionContext, config: ReplayConfig, statsig_export: ExportResource) -> None:
    tell_process(context, statsig_export)
    prefer_jemalloc(os.environ)
    try:
        claim_keys(context, statsig_export.config(), statsig_export.config_path)
        keys = _replayed(config, statsig_export.config())
        warn_of_other_rules(context, statsig_export.config(), keys)
        report = replay(
            statsig_export.config(),
            keys,
            failed_only=bool(config.failed_only),
            orchestrator_run_id=context.run.run_id,
            timing=stop_in_good_time(),
        )
    except StatsigExportError as error:
        raise failed_shipment(context, statsig_export.config(), error) from None
    said = (report.replayed, report.sent, report.pending, report.failed)
    context.log.info("%d events to send again, %d accepted, %d pending, %d failed", *said)
    log_shipments(context, statsig_export.config(), report.shipped)


def _replayed(asked: ReplayConfig, config: Config) -> list[str]:
    """The partitions to send again. Raises ConfigError where none is named, or one was never exported."""
    keys = list(asked.partitions or ())
    refuse_unexported(config, keys)
    if asked.first_window:
        keys += _exported_between(asked, asked.first_window, config)
    elif asked.last_window or asked.categories:
        raise ConfigError(
            f"{'last_window' if asked.last_window else 'categories'} without first_window",
            hint="name the first window to send again",
        )
    if not keys:
        raise ConfigError(
            "no exported partition to send again",
            hint="name partitions, or first_window and last_window",
        )
    return keys


def _exported_between(asked: ReplayConfig, first_window: str, config: Config) -> list[str]:
    first = window_from_key(first_window, config.windows)
    last = window_from_key(asked.last_window or first_window, config.windows)
    if last < first:
        raise ConfigError(f"last_window, {last.key}, is before first_window, {first.key}", hint="exchange them")
    wrong = [name for name in asked.categories or () if name not in list(Category)]
    if wrong:
        raise ConfigError(f"{wrong[0]!r} is no category", hint=f"these are: {', '.join(Category)}")
    between = {window.key for window in windows_between(first.start, last.end, config.windows)}
    found = [(line.partition, *split_partition_key(line.partition)) for line in exported(config)]
    return [key for key, category, window in found if window in between and category in (asked.categories or Category)]


def _verify(context: dg.OpExecutionContext, statsig_export: ExportResource) -> None:
    from statsig_export.maintenance.verify import verify  # noqa: PLC0415 - imports pandas, which ship runs never need

    try:
        report = verify(statsig_export.config())
    except StatsigExportError as error:
        raise failure(error) from None
    if report.differences:
        raise _differs(report)
    said = (report.partitions, report.files, report.batches)
    context.log.info("%d partitions, %d files, %d batches: nothing differs", *said)


def _differs(report: "VerifyReport") -> dg.Failure:
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


def verify_job(names: Names) -> dg.JobDefinition:
    """`verify_ledger`."""
    verification = dg.op(
        name=names("verify"), description="Recomputes every state from the attempts and the files. Reads only."
    )(names.with_resource(_verify))

    @dg.job(
        name=names(VERIFY_JOB),
        description="Holds the ledger against itself and the files, changes nothing, and fails when something differs.",
        executor_def=dg.in_process_executor,
        tags={MAX_RETRIES: "0"},
    )
    def verify_ledger() -> None:
        verification()

    return verify_ledger
