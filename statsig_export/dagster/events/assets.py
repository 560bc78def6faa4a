"""The assets of the export: the source tables, and `statsig/events`, the only one that Dagster computes.

The tables are external: somebody else fills them.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.delivery.materializations import nothing_to_send
from statsig_export.dagster.events.backfills import Work, work_of
from statsig_export.dagster.events.materializations import (
    Metadata,
    data_version,
    materialization,
    of_ledger,
    of_report,
    of_the_run,
)
from statsig_export.dagster.keys import GROUP, STORED, Names, names_of
from statsig_export.dagster.metadata import MOST, NOT_EXPORTED, failure, newest, run_link
from statsig_export.dagster.partitions import event_partitions, freshness_policy
from statsig_export.dagster.pools import export_pool_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.retries import may_be_retried, retry_if_it_may_heal, retry_never
from statsig_export.dagster.workers import tell_process
from statsig_export.errors import ConfigError, StatsigExportError
from statsig_export.export.processes import processes_of
from statsig_export.export.reports import ExportReport
from statsig_export.export.rows_outside import RowsOutside
from statsig_export.layouts.placement import source_tables
from statsig_export.lineage.columns import feeding_columns
from statsig_export.shipping.status import exported, status
from statsig_export.spans import traced
from statsig_export.windows import Window, partition_key

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
    names = names_of(config)
    return [
        dg.AssetSpec(
            names.source(table),
            description="Read by the export, one window per query; filled by someone else.",
            metadata={"dagster/table_name": table.qualified_name, "window column": table.window_column},
            group_name=names(GROUP),
            kinds={"sql"},
            tags={"statsig_export/layout": config.source.layout},
        )
        for table in source_tables(config.source)
    ]


def events_asset(config: Config) -> dg.AssetsDefinition:
    """`statsig/events`: reads closed windows, filters, and plans immutable partition files for the shipment.

    Its code version names the filter: a changed one shows as unsynced partitions, and nothing that was planned is lost.
    """
    names = names_of(config)

    @dg.asset(
        key=names.events,
        deps=[spec.key for spec in source_specs(config)],
        description="Events as they will be sent: filtered, encoded, frozen in one file per partition and generation.",
        partitions_def=event_partitions(config.windows),
        backfill_policy=dg.BackfillPolicy.multi_run(config.dagster.max_windows_a_run),
        metadata={"dagster/column_schema": FILE_COLUMNS},
        group_name=names(GROUP),
        kinds={"python", "parquet"},
        owners=config.dagster.owners,
        code_version=_data_version(config),
        freshness_policy=freshness_policy(config.windows),
        io_manager_key=names(STORED),
        pool=export_pool_of(config),
    )
    @names.with_resource
    def statsig_events(context: dg.AssetExecutionContext, statsig_export: ExportResource) -> None:
        tell_process(context, statsig_export)
        try:
            config = statsig_export.config()
            claim_keys(context, config, statsig_export.config_path)
            with traced(config, "dagster export", orchestrator_run=context.run.run_id):
                _export(context, config)
        except StatsigExportError as error:
            retry_if_it_may_heal(context, error)
            raise failure(error) from None

    return statsig_events


def _column_lineage(config: Config) -> dg.TableColumnLineage:
    tables = [(names_of(config).source(table), feeding_columns(table)) for table in source_tables(config.source)]
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
    if not context.has_partition_key and not context.has_partition_key_range:
        raise ConfigError(
            "no partition was chosen",
            hint=f"Materialize on {names_of(config).events.to_user_string()}, or the job's tab Partitions, asks for "
            "windows and categories",
        )
    everything = work_of(context.instance, context.run, _partition_keys(context), config)
    not_closed = _open_windows(config, everything.own)
    work = everything.without(not_closed)
    if not work.own:
        raise _not_exported(context, config, not_closed, ())
    context.set_data_version(names_of(config).events, dg.DataVersion(_data_version(config)))
    prefer_jemalloc(os.environ)
    from statsig_export.export.export import each_window  # noqa: PLC0415 - imports pandas, which ship runs never need
    from statsig_export.export.outside import count_outside  # noqa: PLC0415 - the same

    outside = count_outside(config, sorted({name for part in work.asked_for.values() for name in part}))
    for sentence in outside.sentences:
        context.log.warning(sentence)
    exports = _Exports(outside, names_of(config))
    for left in work.parts(config):
        found = each_window(config, left, orchestrator_run_id=context.run.run_id, processes=processes_of(config))
        exports.take(context, work, found)
        if not exports.handled.issuperset(left):  # it gave up: what fails so fails for every window
            exports.untried = [window for window in work.own if window not in exports.handled]
            break
    exports.failed |= not_closed
    skipped = {*exports.failed, *exports.untried}
    others = [window for window in work.own if window not in skipped]
    exports.recorded |= _exported_by_others(context, config, work, others, exports.recorded)
    if exports.failed:
        _record(context, config, exports.recorded)
        raise _not_exported(context, config, exports.failed, exports.untried)
    for partition, metadata in exports.recorded.items():
        context.add_asset_metadata(metadata, partition_key=partition)
    last = str(context.partition_keys[-1])
    context.add_asset_metadata(of_the_run(config, _column_lineage(config), exports.queries), partition_key=last)
    if outside.misplaced and exports.handled and not exports.rows_read:
        raise dg.Failure(description=f"nothing can be exported: {outside.misplaced}", allow_retries=False)


@dataclass(slots=True)
class _Exports:
    """What a run's exports came to."""

    outside: RowsOutside
    names: Names
    recorded: dict[str, Metadata] = field(default_factory=dict)
    """The run's own partitions that were exported."""
    failed: dict[Window, StatsigExportError] = field(default_factory=dict)
    handled: set[Window] = field(default_factory=set)
    untried: list[Window] = field(default_factory=list)
    queries: dict[str, str] = field(default_factory=dict)
    """The statements of the last window."""
    rows_read: int = 0

    def take(
        self,
        context: dg.AssetExecutionContext,
        work: Work,
        exports: Iterable[tuple[Window, ExportReport | StatsigExportError]],
    ) -> None:
        """Export the windows, and log each."""
        for window, report in exports:
            self.handled.add(window)
            place = (len(self.handled), len(work.own), window.key)
            if isinstance(report, StatsigExportError):
                self.failed[window] = report
                context.log.error("%d of %d: %s was not exported: %s", *place, report)
                continue
            self.rows_read, self.queries = self.rows_read + report.rows_read, dict(report.queries)
            said = (*place, report.rows_read, report.account.pending, report.seconds)
            context.log.info("%d of %d: %s, %d rows read, %d planned, %.1f s", *said)
            for category, partition in report.partitions.items():
                if category in work.own[window]:
                    self.recorded[partition.partition] = {
                        **of_report(report, window, partition),
                        **_outside(self.outside),
                    }
                    if not partition.planned + partition.already_planned:
                        context.log_event(nothing_to_send(self.names, partition.partition))


def _record(context: dg.AssetExecutionContext, config: Config, recorded: Mapping[str, Metadata]) -> None:
    """A materialization of each partition that worked: Dagster itself records none of a step that fails."""
    version = _data_version(config)
    for partition, metadata in recorded.items():
        context.log_event(materialization(context.asset_key, partition, metadata, version))


def _data_version(config: Config) -> str:
    return data_version(config, config.filter_fingerprint(), config.privacy_fingerprint())


def _not_exported(
    context: dg.AssetExecutionContext,
    config: Config,
    failed: Mapping[Window, StatsigExportError],
    untried: Iterable[Window],
) -> dg.Failure:
    """Names each window that failed, and why. What cannot heal by itself is not run again at once."""
    from statsig_export.export.export import may_heal  # noqa: PLC0415 - imports pandas, which ship runs never need

    first, *others = failed.values()
    heals = any(may_heal(config, error) for error in {type(error): error for error in failed.values()}.values())
    (may_be_retried if heals else retry_never)(context)
    left = [window.key for window in untried]
    windows = [window.key for window in failed]
    more = [f"{len(others):,} more failed: {', '.join(newest(windows[1:]))}"] if others else []
    more += [f"{len(left):,} were not tried after that, from {left[0]} on"] if left else []
    return failure(
        first,
        {
            NOT_EXPORTED: dg.MetadataValue.json(list(newest([*windows, *left]))),
            "causes": dg.MetadataValue.json({window.key: error.message for window, error in [*failed.items()][:MOST]}),
        },
        description="; ".join([f"window {windows[0]} was not exported: {first}", *more]),
    )


def _exported_by_others(
    context: dg.AssetExecutionContext,
    config: Config,
    work: Work,
    windows: Sequence[Window],
    recorded: Collection[str],
) -> dict[str, Metadata]:
    """Of this run's partitions of these windows, what is not recorded: another run of its backfill exported it."""
    partitions = {partition_key(category, window.key) for window in windows for category in work.own[window]}
    unreported = partitions.difference(recorded)
    if not unreported:
        return {}
    between = windows[0].start, windows[-1].end
    exports = {line.partition: line for line in exported(config, *between)}
    found: dict[str, Metadata] = {}
    for line in status(config, *between):
        if line.partition in unreported and line.partition in exports:
            export = exports[line.partition]
            found[line.partition] = of_ledger(line, export.planned, run_link(context.instance, export.run))
            if not export.planned:
                context.log_event(nothing_to_send(names_of(config), line.partition))
    context.log.info("partitions that other runs of this backfill have exported: %d", len(found))
    return found


def _partition_keys(context: dg.AssetExecutionContext) -> Sequence[str]:
    """Raises ConfigError for a range whose end comes before its start: Dagster launches it, with no partition."""
    keys: Sequence[str] = context.partition_keys
    if not keys:
        span = context.partition_key_range
        raise ConfigError(
            f"no partition is between {span.start} and {span.end}",
            hint="name the earlier window, and of the categories the one that is listed first, as the start",
        )
    return keys


def _open_windows(config: Config, windows: Iterable[Window]) -> dict[Window, StatsigExportError]:
    """A window exported before it settled would look finished and miss rows. Dagster offers it when it has ended."""
    now, settle = datetime.now(UTC), config.windows.settle
    return {
        window: ConfigError(
            f"it is not closed yet, rows may arrive until {window.closes_at(settle):%Y-%m-%d %H:%M:%S} UTC",
            hint="run it after that",
        )
        for window in sorted(windows)
        if not window.is_closed(now, settle)
    }


def _outside(outside: RowsOutside) -> Mapping[str, dg.MetadataValue]:
    """Rows of the whole source that no window holds, where there are any."""
    if not outside.sentences:
        return {}
    by_table = {
        table: {place.value: rows for place, rows in found.rows.items()} for table, found in outside.by_table.items()
    }
    return {"rows in no window": dg.MetadataValue.json(by_table)}
