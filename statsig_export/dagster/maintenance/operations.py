"""Jobs for a person on duty who has Dagster and no terminal: `resume_destination`, `prune`, `finish_forgetting`,
`send_test_event`, `sync_with_ledger`. They do what the verbs of the command line do.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import dagster as dg
from pydantic import Field

from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.keys import MAX_RETRIES, SYNC_JOB, Names
from statsig_export.dagster.metadata import failure
from statsig_export.dagster.reconciling.picture import Picture
from statsig_export.dagster.reconciling.sensor import show_everything
from statsig_export.dagster.resources import ExportResource
from statsig_export.delivery.outcomes import Outcome
from statsig_export.errors import ConfigError, DestinationError, StatsigExportError
from statsig_export.maintenance.prune import prune as prune_windows
from statsig_export.shipping.status import halted_reason, resume
from statsig_export.shipping.test_event import send_test_event as send


class PruneConfig(dg.Config):
    """What `statsig-export prune` takes."""

    before: str = Field(description="Prune windows that ended at or before this: ISO 8601, UTC by default.")
    dry_run: bool | None = Field(default=None, description="Say what would be removed; remove nothing.")


def _resume(context: dg.OpExecutionContext, statsig_export: ExportResource) -> None:
    config = statsig_export.config()
    try:
        halted = halted_reason(config)
        believed = resume(config)
    except StatsigExportError as error:
        raise failure(error) from None
    context.log.info("resumed; it was halted: %s" if halted else "it was not halted%s", halted or "")
    if believed:
        statuses = ", ".join(map(str, sorted(believed)))
        context.log.warning("events that are rejected again within the hour (HTTP %s) will fail", statuses)


def _prune(context: dg.OpExecutionContext, config: PruneConfig, statsig_export: ExportResource) -> None:
    try:
        before = datetime.fromisoformat(config.before)
    except ValueError:
        hint = 'write it as "2026-11-20" or "2026-11-20T12:00:00Z"'
        raise failure(ConfigError(f"before = {config.before!r} is not a time", hint=hint)) from None
    before = before if before.tzinfo else before.replace(tzinfo=UTC)
    try:
        report = prune_windows(statsig_export.config(), before, datetime.now(UTC), dry_run=bool(config.dry_run))
    except StatsigExportError as error:
        raise failure(error) from None
    verb = "would be pruned" if report.dry_run else "pruned"
    said = (len(report.pruned), verb, report.files, report.bytes, len(report.pending), len(report.busy))
    context.log.info("%d partitions %s: %d files, %d bytes; left: %d not sent yet, %d held by another run", *said)
    if report.unreadable:
        raise dg.Failure(f"files that cannot be read: {len(report.unreadable)}; their partitions were not pruned")


def _finish_forgetting(context: dg.OpExecutionContext, statsig_export: ExportResource) -> None:
    from statsig_export.forgetting.forget import forget  # noqa: PLC0415 - imports pandas, which ship runs never need

    try:
        report = forget(statsig_export.config())
    except StatsigExportError as error:
        raise failure(error) from None
    said = (report.events, len(report.partitions), report.removed_files, len(report.busy))
    context.log.info("%d events taken out of %d partitions, %d old files removed; left: %d held by another run", *said)
    if report.unnamed_of_theirs:
        context.log.warning(
            "files that no ledger record names have such events still: %d, such as %s; `prune --orphans` removes them"
            " a day after a killed export, then run this again",
            len(report.unnamed_of_theirs),
            report.unnamed_of_theirs[0],
        )
    if report.unreadable:
        raise dg.Failure(f"files that cannot be read: {len(report.unreadable)}; they may have such events still")


def _send_test_event(context: dg.OpExecutionContext, statsig_export: ExportResource) -> None:
    try:
        answer = send(statsig_export.config())
    except StatsigExportError as error:
        raise failure(error) from None
    if answer.outcome is not Outcome.ACCEPTED:
        raise failure(
            DestinationError(f"the test event was not accepted ({answer.text})", hint="repair the URL or the secret")
        )
    context.log.info("%s: %s (%.0f ms)", answer.outcome.value, answer.text, answer.latency_ms)


def _sync(context: dg.OpExecutionContext, statsig_export: ExportResource) -> None:
    config = statsig_export.config()
    picture = Picture(context.instance, datetime.now(UTC).timestamp())
    try:
        claim_keys(context, config, statsig_export.config_path)
        compared, reported = show_everything(config, picture, context.log_event)
    except StatsigExportError as error:
        raise failure(error) from None
    except TimeoutError as error:
        raise dg.Failure(description=f"{error}; run it again later") from None
    context.log.info("partitions in the ledger: %d; reported now: %d", compared, reported)


class _Operation(NamedTuple):
    """A job of one op."""

    job: str
    description: str
    op: str
    does: str
    function: Callable[..., None]


_OPERATIONS = (
    _Operation(
        "resume_destination",
        "Lifts a halt once the set-up is repaired; events that are rejected again may then fail.",
        "resume",
        "Lifts a halt, and the pauses after failures or a rate limit.",
        _resume,
    ),
    _Operation(
        "prune",
        "Removes old windows' files; their account stays.",
        "prune_windows",
        "Removes files, batches and attempts of old windows, and keeps their account.",
        _prune,
    ),
    _Operation(
        "finish_forgetting",
        "Goes on with people whom the command line was told to forget.",
        "finish_forgetting_people",
        "Takes the events of forgotten people out of the partitions that an earlier run left.",
        _finish_forgetting,
    ),
    _Operation(
        "send_test_event",
        "One test event, which is not recorded in the ledger.",
        "send_event",
        "Sends one test event and fails unless it is accepted.",
        _send_test_event,
    ),
    _Operation(
        SYNC_JOB,
        "Shows in Dagster all that the ledger holds, also what was deleted or wiped here. Sends nothing.",
        "sync",
        "Reports the partitions that the ledger has and Dagster does not.",
        _sync,
    ),
)


def operations(names: Names) -> list[dg.JobDefinition]:
    return [_job(operation, names) for operation in _OPERATIONS]


def _job(operation: _Operation, names: Names) -> dg.JobDefinition:
    run = dg.op(name=names(operation.op), description=operation.does)(names.with_resource(operation.function))

    @dg.job(
        name=names(operation.job),
        description=operation.description,
        executor_def=dg.in_process_executor,
        tags={MAX_RETRIES: "0"},
    )
    def job() -> None:
        run()

    return job
