"""The asset `fivetran/statsig_events`: what the webhook has accepted. Each shipment reports a materialization of it."""

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.delivery.materializations import SENT_KEYS, shipments
from statsig_export.dagster.keys import GROUP, REPLAY_JOB, SHIP_JOB, Names, names_of
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
        description=_description(names),
        partitions_def=event_partitions(config.windows),
        metadata={"destination": config.webhook.name, "dagster/column_schema": SENT_KEYS, **tables},
        group_name=names(GROUP),
        kinds={"fivetran"},
        owners=config.dagster.owners,
        freshness_policy=freshness_policy(config.windows),
    )


def _description(names: Names) -> str:
    """Leads to the jobs: Dagster lists jobs only of assets that it computes, and fails to show the page of an external
    one that a job claims to fill.
    """
    ship, replay = (f"[{names(job)}](/guess/{names(job)})" for job in (SHIP_JOB, REPLAY_JOB))
    return (
        "Events delivered to the webhook. A materialization is a shipment of the partition.\n\n"
        f"{ship} fills it, started by the sensor {names('ship_sensor')}; {replay} sends again."
    )


def log_shipments(context: dg.OpExecutionContext, config: Config, report: ShipReport) -> None:
    """A materialization of `fivetran/statsig_events` for each partition that the webhook took events of."""
    delivered = [shipment for shipment in report.shipments.values() if shipment.delivered_batches]
    for event in shipments(context.instance, config, context.run.run_id, delivered):
        context.log_event(event)
