"""The asset `fivetran/statsig_events`: what the webhook has accepted. Each shipment reports a materialization of it."""

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.delivery.materializations import SENT_KEYS, shipments
from statsig_export.dagster.keys import GROUP, Names, names_of
from statsig_export.dagster.partitions import event_partitions, freshness_policy
from statsig_export.layouts.placement import source_tables
from statsig_export.shipping.reports import ShipReport


def delivered_spec(config: Config) -> dg.AssetSpec:
    """What the webhook has answered 2xx to. External: `ship_batches` reports every shipment as a materialization."""
    names = names_of(config)
    tables = {
        f"source table {table.qualified_name}": dg.MetadataValue.asset(names.source(table))
        for table in source_tables(config.source)
    }
    return dg.AssetSpec(
        names.delivered,
        deps=[names.events],
        description="Events delivered to the webhook. A materialization is a shipment of the partition.",
        partitions_def=event_partitions(config.windows),
        metadata={"destination": config.webhook.name, "dagster/column_schema": SENT_KEYS, **tables},
        group_name=names(GROUP),
        kinds={"fivetran"},
        owners=config.dagster.owners,
        freshness_policy=freshness_policy(config.windows),
    )


def filling_delivered(job: dg.JobDefinition, names: Names) -> dg.JobDefinition:
    """The same job, of which Dagster knows that it fills the asset: so the asset's page leads to it, and to its sensor.

    Dagster has it for jobs of other systems (`for_external_job`); an op reports the asset just so.
    """
    return dg.JobDefinition(
        graph_def=job.graph,
        name=job.name,
        description=job.description,
        executor_def=job.executor_def,
        tags=job.tags,
        asset_layer=type(job.asset_layer).for_external_job([names.delivered]),
    )


def log_shipments(context: dg.OpExecutionContext, config: Config, report: ShipReport) -> None:
    """A materialization of `fivetran/statsig_events` for each partition that the webhook took events of."""
    delivered = [shipment for shipment in report.shipments.values() if shipment.delivered_batches]
    for event in shipments(context.instance, config, context.run.run_id, delivered):
        context.log_event(event)
