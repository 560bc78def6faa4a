"""What a materialization of `statsig/events` says: counts and ids.

What is the same for all partitions of a run (the statements that read the tables, the lineage of the columns) and what
is the asset's as a whole is said once, with the run's last partition: Dagster stores all metadata of every one.
"""

from collections.abc import Mapping

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.metadata import largest
from statsig_export.export.reports import ExportReport, PartitionExport
from statsig_export.ledger.records import PartitionStatus
from statsig_export.shipping.status import totals
from statsig_export.windows import Window, split_partition_key

Metadata = Mapping[str, dg.MetadataValue]


def data_version(config: Config, filter_fingerprint: str, privacy_fingerprint: str | None) -> str:
    """The layout, the filter and [privacy], if there is one: what decides, beside the rows, what a window's events
    are.
    """
    version = f"{config.source.layout}-filter-{filter_fingerprint}"
    return version if privacy_fingerprint is None else f"{version}-privacy-{privacy_fingerprint}"


def materialization(asset: dg.AssetKey, partition: str, metadata: Metadata, version: str) -> dg.AssetMaterialization:
    """One that Dagster does not make by itself, with the tags that it would give it."""
    category, window = split_partition_key(partition)
    return dg.AssetMaterialization(
        asset,
        partition=dg.MultiPartitionKey({"category": category.value, "window": window}),
        metadata=metadata,
        tags={
            "dagster/partition/category": category.value,
            "dagster/partition/window": window,
            "dagster/data_version": version,
            "dagster/code_version": version,
        },
    )


def row_count(config: Config) -> Metadata:
    """The asset's."""
    return {"dagster/row_count": dg.MetadataValue.int(totals(config).planned)}


def of_the_run(config: Config, lineage: dg.TableColumnLineage, queries: Mapping[str, str]) -> Metadata:
    """The asset's row count, the lineage of its columns, and the statements of the last window that it has read."""
    return {
        **row_count(config),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(lineage),
        **({"queries": dg.MetadataValue.json(dict(queries))} if queries else {}),
    }


def of_report(report: ExportReport, window: Window, partition: PartitionExport) -> Metadata:
    account = partition.account
    optional: dict[str, dg.MetadataValue] = {}
    if partition.file is not None and partition.digest is not None:
        optional = {
            "dagster/uri": dg.MetadataValue.text(partition.file),
            "file": dg.MetadataValue.path(partition.file),
            "digest": dg.MetadataValue.text(partition.digest),
        }
    if partition.files > 1:  # one a shard
        optional["files"] = dg.MetadataValue.int(partition.files)
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(partition.planned + partition.already_planned),
        "events": dg.MetadataValue.int(account.events),
        "planned": dg.MetadataValue.int(partition.planned),
        "planned before": dg.MetadataValue.int(partition.already_planned),
        "filtered": dg.MetadataValue.int(account.filtered),
        "filtered by": dg.MetadataValue.json(largest(account.filtered_by)),
        "failed": dg.MetadataValue.int(account.failed),
        "failed by": dg.MetadataValue.json(largest(account.failed_by)),
        "forgotten": dg.MetadataValue.int(account.forgotten),
        "batches": dg.MetadataValue.int(partition.batches),
        "generation": dg.MetadataValue.int(partition.generation),
        "file bytes": dg.MetadataValue.int(partition.file_bytes),
        "window start": dg.MetadataValue.timestamp(window.start),
        "window end": dg.MetadataValue.timestamp(window.end),
        "export run": dg.MetadataValue.text(report.run_id),
        "filter": dg.MetadataValue.text(report.filter_fingerprint),
        **({"privacy": dg.MetadataValue.text(report.privacy_fingerprint)} if report.privacy_fingerprint else {}),
        **optional,
    }


def of_ledger(line: PartitionStatus, planned: int, run: dg.MetadataValue) -> Metadata:
    """The same of a partition that another run has exported, as the ledger knows it; `run` names or links to that."""
    account = line.account
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(planned),
        "events": dg.MetadataValue.int(account.events),
        "filtered": dg.MetadataValue.int(account.filtered),
        "filtered by": dg.MetadataValue.json(largest(account.filtered_by)),
        "failed": dg.MetadataValue.int(account.failed),
        "failed by": dg.MetadataValue.json(largest(account.failed_by)),
        "forgotten": dg.MetadataValue.int(account.forgotten),
        "export run": run,
    }
