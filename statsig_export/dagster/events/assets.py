"""The assets of the export: the source tables, and `statsig/events`, the only one that Dagster computes.

The tables are external: somebody else fills them.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.dagster.keys import EVENTS, GROUP, STORED, source_key
from statsig_export.dagster.metadata import MOST, failure, largest, newest
from statsig_export.dagster.partitions import event_partitions, freshness_policy
from statsig_export.dagster.pools import export_pool_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.retries import retry_if_it_may_heal, retry_never
from statsig_export.dagster.workers import tell_process
from statsig_export.errors import StatsigExportError
from statsig_export.export.export import each_window, may_heal
from statsig_export.export.plan import unplaced_rows
from statsig_export.export.reports import ExportReport, PartitionExport
from statsig_export.layouts.placement import source_tables
from statsig_export.lineage.columns import feeding_columns
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, split_partition_key, window_from_key

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
            source_key(table),
            description="Read by the export, one window per query; filled by someone else.",
            metadata={"dagster/table_name": table.qualified_name, "window column": table.window_column},
            group_name=GROUP,
            kinds={"sql"},
            tags={"statsig_export/layout": config.source.layout},
        )
        for table in source_tables(config.source)
    ]


def events_asset(config: Config) -> dg.AssetsDefinition:
    """`statsig/events`: reads closed windows, filters, and plans immutable partition files for the shipment.

    Its code version names the filter: a changed one shows as unsynced partitions, and nothing that was planned is lost.
    """

    @dg.asset(
        key=EVENTS,
        deps=[spec.key for spec in source_specs(config)],
        description="Events as they will be sent: filtered, encoded, frozen in one file per partition and generation.",
        partitions_def=event_partitions(config.windows),
        backfill_policy=dg.BackfillPolicy.multi_run(config.dagster.max_windows_a_run),
        metadata={"dagster/column_schema": FILE_COLUMNS},
        group_name=GROUP,
        kinds={"python", "parquet"},
        owners=config.dagster.owners,
        code_version=data_version(config),
        freshness_policy=freshness_policy(config.windows),
        io_manager_key=STORED,
        pool=export_pool_of(config.webhook.name),
    )
    def statsig_events(context: dg.AssetExecutionContext, statsig_export: ExportResource) -> None:
        tell_process(context)
        try:
            _export(context, statsig_export.config())
        except StatsigExportError as error:
            retry_if_it_may_heal(context, error)
            raise failure(error) from None

    return statsig_events


def data_version(config: Config) -> str:
    """The layout and the filter: what decides, beside the rows, which events a window has."""
    return f"{config.source.layout}-filter-{config.filter_fingerprint()}"


def _column_lineage(config: Config) -> dg.TableColumnLineage:
    tables = [(source_key(table), feeding_columns(table)) for table in source_tables(config.source)]
    return dg.TableColumnLineage(
        {
            column.name: [
                dg.TableColumnDep(asset_key=key, column_name=name)
                for key, feeding in tables
                for name in feeding.get(column.name, ())
            ]
            for column in FILE_COLUMNS.columns
        }
    )


def _export(context: dg.AssetExecutionContext, config: Config) -> None:
    """The windows in order of time. Running them again adds only what is new."""
    asked_for = dict(sorted(_by_window(config, context.partition_keys).items()))
    _refuse_open_windows(context, config, asked_for)
    lineage = _column_lineage(config)
    context.set_data_version(EVENTS, dg.DataVersion(data_version(config)))
    prefer_jemalloc(os.environ)
    exports = each_window(config, asked_for, orchestrator_run_id=context.run.run_id)
    recorded: dict[str, Mapping[str, Any]] = {}
    failed: dict[Window, StatsigExportError] = {}
    left = dict.fromkeys(asked_for)
    for number, (window, report) in enumerate(exports, start=1):
        del left[window]
        if isinstance(report, StatsigExportError):
            failed[window] = report
            context.log.error("%d of %d: %s was not exported: %s", number, len(asked_for), window.key, report)
            continue
        said = (number, len(asked_for), window.key, report.rows_read, report.account.pending, report.seconds)
        context.log.info("%d of %d: %s, %d rows read, %d planned, %.1f s", *said)
        for exported in report.partitions.values():
            metadata = {**_metadata(report, window, exported), "dagster/column_lineage": lineage}
            recorded[exported.partition] = metadata
            context.add_asset_metadata(metadata, partition_key=exported.partition)
    if failed:
        _record(context, config, recorded)
        raise _not_exported(context, config, failed, left)
    _warn_of_unplaced_rows(context, config, asked_for.values())


def _record(context: dg.AssetExecutionContext, config: Config, recorded: Mapping[str, Mapping[str, Any]]) -> None:
    """A materialization of each partition that worked: Dagster itself records none of a step that fails."""
    versions = {"dagster/data_version": data_version(config), "dagster/code_version": data_version(config)}
    for partition, metadata in recorded.items():
        category, window = split_partition_key(partition)
        tags = {"dagster/partition/category": category.value, "dagster/partition/window": window, **versions}
        key = dg.MultiPartitionKey({"category": category.value, "window": window})
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=key, metadata=metadata, tags=tags))


def _not_exported(
    context: dg.AssetExecutionContext,
    config: Config,
    failed: Mapping[Window, StatsigExportError],
    untried: Iterable[Window],
) -> dg.Failure:
    """Names each window that failed, and why. What cannot heal by itself is not run again at once."""
    first, *others = failed.values()
    if not any(may_heal(config, error) for error in {type(error): error for error in failed.values()}.values()):
        retry_never(context)
    left = [window.key for window in untried]
    windows = [window.key for window in failed]
    more = [f"{len(others):,} more failed: {', '.join(newest(windows[1:]))}"] if others else []
    more += [f"{len(left):,} were not tried after that, from {left[0]} on"] if left else []
    return failure(
        first,
        {
            "windows not exported": dg.MetadataValue.json(list(newest([*windows, *left]))),
            "causes": dg.MetadataValue.json({window.key: error.message for window, error in [*failed.items()][:MOST]}),
        },
        description="; ".join([f"window {windows[0]} was not exported: {first}", *more]),
    )


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


def _refuse_open_windows(context: dg.AssetExecutionContext, config: Config, windows: Iterable[Window]) -> None:
    """A window exported before it settled would look finished and miss rows: nothing of the run is done then."""
    now, settle = datetime.now(UTC), config.windows.settle
    for window in sorted(windows, reverse=True):
        if not window.is_closed(now, settle):
            retry_never(context)
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
        "filter": dg.MetadataValue.text(report.filter_fingerprint),
        "queries": dg.MetadataValue.json(dict(report.queries)),
        **optional,
    }
