"""The assets: the source tables, the exported events, and what the webhook has received of them.

Only `statsig/events` is computed here. The tables belong to whoever fills them; `fivetran/statsig_events` is
materialized by the shipment, from its op, one event a partition.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import dagster as dg

from dagster_project.metadata import largest
from dagster_project.partitions import event_partitions
from dagster_project.resources import ExportResource
from statsig_export.config import Config
from statsig_export.errors import StatsigExportError
from statsig_export.events import Category
from statsig_export.exporting import unplaced_rows
from statsig_export.partitions import Window, split_partition_key, window_from_key
from statsig_export.pipeline import export_window
from statsig_export.reports import ExportReport, PartitionExport
from statsig_export.source_tables import source_tables

EVENTS = dg.AssetKey(["statsig", "events"])
DELIVERED = dg.AssetKey(["fivetran", "statsig_events"])
EXPORT_JOB = "export_events"
GROUP = "statsig_export"
MAX_WINDOWS_A_RUN = 31
"""A run a partition would cost seconds of launching each; one run for years would lose everything when it fails."""

FILE_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("time_uuid", "string", "the event's identity; a receiver deduplicates by it"),
        dg.TableColumn("event_name", "string"),
        dg.TableColumn("timestamp", "int64", "milliseconds since 1970, UTC"),
        dg.TableColumn("user_id", "string"),
        dg.TableColumn("unit_id", "string", "exposures only"),
        dg.TableColumn("event", "string", "the JSON text, byte for byte as it is sent"),
    ]
)


def source_specs(config: Config) -> list[dg.AssetSpec]:
    """The layout's tables, as external assets."""
    return [
        dg.AssetSpec(
            dg.AssetKey(["source", table.role.value]),
            description="Read by the export, a window at a time; filled by someone else.",
            metadata={"dagster/table_name": table.qualified_name, "window column": table.window_column},
            group_name=GROUP,
            kinds={"sql"},
        )
        for table in source_tables(config.source)
    ]


def delivered_spec(config: Config) -> dg.AssetSpec:
    """What the webhook has answered 2xx to. External: `ship_batches` reports every shipment as a materialization."""
    return dg.AssetSpec(
        DELIVERED,
        deps=[EVENTS],
        description="Events delivered to the webhook. A materialization is a shipment of the partition.",
        partitions_def=event_partitions(config.windows),
        metadata={"destination": config.webhook.name},
        group_name=GROUP,
        kinds={"fivetran"},
    )


def events_asset(config: Config) -> dg.AssetsDefinition:
    """`statsig/events`: reads closed windows, filters, and plans immutable partition files for the shipment."""

    @dg.asset(
        key=EVENTS,
        deps=[spec.key for spec in source_specs(config)],
        description="Events as they will be sent: filtered, encoded, frozen in one file a partition and generation.",
        partitions_def=event_partitions(config.windows),
        backfill_policy=dg.BackfillPolicy.multi_run(MAX_WINDOWS_A_RUN),
        metadata={"dagster/column_schema": FILE_COLUMNS},
        group_name=GROUP,
        kinds={"python", "parquet"},
    )
    def statsig_events(context: dg.AssetExecutionContext, export: ExportResource) -> None:
        try:
            _export(context, export.config())
        except StatsigExportError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None

    return statsig_events


def _export(context: dg.AssetExecutionContext, config: Config) -> None:
    """One `export_window` a window, in order of time. Running it again adds only what is new."""
    asked_for = _by_window(config, context.partition_keys)
    _refuse_open_windows(config, asked_for, datetime.now(UTC))
    for window, categories in sorted(asked_for.items()):
        report = export_window(config, window, categories, orchestrator_run_id=context.run.run_id)
        planned = report.account.pending
        context.log.info("%s: %d rows read, %d planned, %.1f s", window.key, report.rows_read, planned, report.seconds)
        for exported in report.partitions.values():
            context.add_asset_metadata(_metadata(report, window, exported), partition_key=exported.partition)
    _warn_of_unplaced_rows(context, config, asked_for.values())


def _warn_of_unplaced_rows(
    context: dg.AssetExecutionContext, config: Config, categories: Iterable[Iterable[Category]]
) -> None:
    for table, rows in unplaced_rows(config, sorted({name for part in categories for name in part})).items():
        if rows:
            context.log.warning("%s: %d rows belong to no window and are never exported: no usable time", table, rows)


def _by_window(config: Config, keys: Iterable[str]) -> dict[Window, list[Category]]:
    asked_for: dict[Window, list[Category]] = {}
    for key in keys:
        category, window_key = split_partition_key(str(key))
        asked_for.setdefault(window_from_key(window_key, config.windows), []).append(category)
    return asked_for


def _refuse_open_windows(config: Config, windows: Iterable[Window], now: datetime) -> None:
    """A window exported before it settled would look finished and miss rows: nothing of the run is done then."""
    settle = config.windows.settle
    for window in sorted(windows, reverse=True):
        if not window.is_closed(now, settle):
            closes = f"{window.closes_at(settle):%Y-%m-%d %H:%M:%S} UTC"
            raise dg.Failure(
                description=f"window {window.key} is not closed yet: rows may arrive until {closes}; run it after that",
                allow_retries=False,
            )


def _metadata(report: ExportReport, window: Window, exported: PartitionExport) -> Mapping[str, dg.MetadataValue]:
    account = exported.account
    optional: dict[str, dg.MetadataValue] = {}
    if exported.file is not None and exported.digest is not None:
        optional = {
            "dagster/uri": dg.MetadataValue.text(exported.file),
            "file": dg.MetadataValue.path(exported.file),
            "digest": dg.MetadataValue.text(exported.digest),
        }
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(exported.planned + exported.already_planned),
        "dagster/row_count": dg.MetadataValue.int(exported.planned + exported.already_planned),
        "events": dg.MetadataValue.int(account.events),
        "planned": dg.MetadataValue.int(exported.planned),
        "planned before": dg.MetadataValue.int(exported.already_planned),
        "filtered": dg.MetadataValue.int(account.filtered),
        "filtered by": dg.MetadataValue.json(largest(account.filtered_by)),
        "failed": dg.MetadataValue.int(account.failed),
        "failed by": dg.MetadataValue.json(largest(account.failed_by)),
        "batches": dg.MetadataValue.int(exported.batches),
        "generation": dg.MetadataValue.int(exported.generation),
        "file bytes": dg.MetadataValue.int(exported.file_bytes),
        "window start": dg.MetadataValue.timestamp(window.start),
        "window end": dg.MetadataValue.timestamp(window.end),
        "export run": dg.MetadataValue.text(report.run_id),
        "filter": dg.MetadataValue.text(report.source_filter),
        "queries": dg.MetadataValue.json(dict(report.queries)),
        **optional,
    }
