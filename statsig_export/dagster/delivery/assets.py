"""The asset `fivetran/statsig_events`: what the webhook has accepted. Each shipment reports a materialization of it."""

from collections.abc import Mapping, Sequence

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import DELIVERED, EVENTS, GROUP, source_key
from statsig_export.dagster.metadata import newest
from statsig_export.dagster.partitions import event_partitions, freshness_policy
from statsig_export.layouts.placement import source_tables
from statsig_export.ledger.records import Shipment
from statsig_export.shipping.reports import ShipReport
from statsig_export.vocabulary import EVENT_KEYS
from statsig_export.windows import split_partition_key

JSON_KEYS = frozenset({"user", "statsigMetadata", "metadata"})


SENT_KEYS = dg.TableSchema(
    columns=[
        dg.TableColumn(key, "int64" if key == "timestamp" else "json" if key in JSON_KEYS else "string")
        for key in EVENT_KEYS
    ]
)
"""The keys of an event as the webhook gets it."""


SENT_LINEAGE = dg.TableColumnLineage(
    {column.name: [dg.TableColumnDep(asset_key=EVENTS, column_name="event")] for column in SENT_KEYS.columns}
)


def delivered_spec(config: Config) -> dg.AssetSpec:
    """What the webhook has answered 2xx to. External: `ship_batches` reports every shipment as a materialization."""
    tables = {
        f"source table {table.qualified_name}": dg.MetadataValue.asset(source_key(table))
        for table in source_tables(config.source)
    }
    return dg.AssetSpec(
        DELIVERED,
        deps=[EVENTS],
        description="Events delivered to the webhook. A materialization is a shipment of the partition.",
        partitions_def=event_partitions(config.windows),
        metadata={"destination": config.webhook.name, "dagster/column_schema": SENT_KEYS, **tables},
        group_name=GROUP,
        kinds={"fivetran"},
        owners=config.dagster.owners,
        freshness_policy=freshness_policy(config.windows),
    )


def log_shipments(context: dg.OpExecutionContext, report: ShipReport) -> None:
    """A materialization of `fivetran/statsig_events` for each partition that the webhook took events of."""
    for shipment in report.shipments.values():
        if shipment.delivered_batches:
            links = export_links(context.instance, shipment.export_runs)
            context.log_event(materialization(shipment, context.run.run_id, links))


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
    """A link per export run; plain text for a run that Dagster did not start (the command line, a notebook)."""
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
