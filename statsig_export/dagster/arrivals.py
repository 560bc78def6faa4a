"""What arrived, in Dagster: the table that Fivetran writes as an asset, and the check that holds the ledger against it.

There is none of this where export.toml has no [arrivals].
"""

from collections.abc import Sequence

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.automation import schedule_status
from statsig_export.dagster.keys import ARRIVALS_JOB, ARRIVALS_SCHEDULE, GROUP, Names, names_of
from statsig_export.dagster.landed_table import landed_table
from statsig_export.dagster.metadata import failure
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.retries import retry_if_it_may_heal
from statsig_export.errors import StatsigExportError
from statsig_export.monitoring.rules import not_arrived
from statsig_export.reconciliation.reports import ArrivalsReport, Judged

CHECK = "everything_arrived"
CRON = "15 */6 * * *"
"""As often as Fivetran syncs by default."""


def landed_specs(config: Config) -> Sequence[dg.AssetSpec]:
    """The table, where the lineage ends. External: the check reports an observation of it."""
    if config.arrivals is None:
        return []
    names, settings = names_of(config), config.arrivals
    table = settings.table if settings.schema_ is None else f"{settings.schema_}.{settings.table}"
    synced = landed_table(config)
    return [
        dg.AssetSpec(
            names.landed,
            deps=[names.delivered, *([] if synced is None else [synced])],
            description="The table that Fivetran writes. An observation says how much of what was forwarded is in it.",
            metadata={"table": table, **({"connection": settings.connection} if settings.connection else {})},
            group_name=names(GROUP),
            kinds={"fivetran"},
            owners=config.dagster.owners,
        )
    ]


def arrival_checks(config: Config) -> Sequence[dg.AssetChecksDefinition]:
    if config.arrivals is None:
        return []
    names = names_of(config)
    decorate = dg.asset_check(
        asset=names.delivered,
        name=CHECK,
        description="What was forwarded is in the table that Fivetran writes, once a sync had time to bring it.",
    )
    return [decorate(names.with_resource(_everything_arrived))]


def arrivals_job(config: Config, names: Names) -> Sequence["dg.UnresolvedAssetJobDefinition"]:
    if config.arrivals is None:
        return []
    return [
        dg.define_asset_job(
            names(ARRIVALS_JOB),
            selection=dg.AssetSelection.checks(_key(names)),
            description="Holds what was forwarded against the table that Fivetran writes.",
            executor_def=dg.in_process_executor,
        )
    ]


def arrivals_schedules(config: Config) -> Sequence[dg.ScheduleDefinition]:
    if config.arrivals is None:
        return []
    names = names_of(config)
    return [
        dg.ScheduleDefinition(
            name=names(ARRIVALS_SCHEDULE),
            job_name=names(ARRIVALS_JOB),
            cron_schedule=CRON,
            default_status=schedule_status(config),
            description="Four times a day: did it arrive?",
        )
    ]


def other_checks(config: Config) -> dg.AssetSelection:
    """The checks of what was exported and delivered, which read the ledger alone."""
    names = names_of(config)
    every = dg.AssetSelection.checks_for_assets(names.events, names.delivered)
    return every if config.arrivals is None else every - dg.AssetSelection.checks(_key(names))


def _key(names: Names) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(names.delivered, CHECK)


def _everything_arrived(context: dg.AssetCheckExecutionContext, statsig_export: ExportResource) -> dg.AssetCheckResult:
    from statsig_export.reconciliation.check import check_arrivals  # noqa: PLC0415 - imports pandas, which ship runs never need

    config = statsig_export.config()
    try:
        report, unreadable = check_arrivals(config)
    except StatsigExportError as error:
        retry_if_it_may_heal(context, error)
        raise failure(error) from None
    says = [] if report.judged is None else list(report.judged.says)
    for sentence in says:
        context.log.warning(sentence)
    figures: dict[str, int | dg.MetadataValue] = {**_figures(report), **_judged(report.judged)}
    context.op_execution_context.log_event(dg.AssetObservation(names_of(config).landed, metadata=figures))
    missing = f"Events missing: {report.total.missing}; `statsig-export replay --missing` sends them again"
    lost = f"Partition files that cannot be read: {len(unreadable)}; their events were not compared"
    faults = [*([missing] if not_arrived(report.total.missing) else []), *([lost] if unreadable else [])]
    said = " ".join([*(f"{fault}." for fault in faults), *says])
    return dg.AssetCheckResult(passed=not faults, description=said or None, metadata=figures)


def _judged(judged: Judged | None) -> dict[str, dg.MetadataValue]:
    """By what something is missing, and by when it had to be there."""
    if judged is None:
        return {}
    until = "nothing yet" if judged.until is None else f"what was sent until {judged.until:%Y-%m-%d %H:%M:%S} UTC"
    told = {"judged by": judged.by, "had to be there": until}
    return {label: dg.MetadataValue.text(text) for label, text in told.items()}


def _figures(report: ArrivalsReport) -> dict[str, int]:
    """Numbers that Dagster plots over time."""
    total = report.total
    return {
        "forwarded": total.forwarded,
        "arrived": total.arrived,
        "missing": total.missing,
        "not yet": total.not_yet,
        "unchecked": total.unchecked,
        "repeated after a replay": total.repeated_replay,
        "repeated after an unknown result": total.repeated_unknown,
        "repeated, unexplained": total.repeated_other,
        "there, and pending or failed": total.unconfirmed,
        "rows compared": report.landed,
        "rows that are not ours": report.alien,
    }
