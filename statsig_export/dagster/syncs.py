"""The sensor that asks Fivetran for a sync after a shipment, where `[arrivals] sync_after_shipment` says so.

It is apart from the runs that ship, so that nothing of theirs waits for Fivetran or fails over it. It keeps no cursor:
every tick holds the ledger against the connection, and what it could not do it does at the next one.
"""

from collections.abc import Sequence

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.automation import sensor_status
from statsig_export.dagster.keys import SYNC_SENSOR, names_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.reconciliation.sync_request import request_sync

INTERVAL_S = 300


def sync_sensors(config: Config) -> Sequence[dg.SensorDefinition]:
    if config.arrivals is None or not config.arrivals.sync_after_shipment:
        return []
    names = names_of(config)
    return [
        dg.SensorDefinition(
            name=names(SYNC_SENSOR),
            evaluation_fn=names.with_resource(_tick),
            minimum_interval_seconds=INTERVAL_S,
            default_status=sensor_status(config),
            description="Asks Fivetran for a sync of what was shipped, one at a time. Its ticks say what came of it.",
        )
    ]


def _tick(context: dg.SensorEvaluationContext, statsig_export: ExportResource) -> dg.SkipReason:
    """It starts no run: a tick that asked for a sync says so as one that did not."""
    found = request_sync(statsig_export.config(), settled=True)
    (context.log.warning if found.wrong else context.log.info)(found.says)
    return dg.SkipReason(found.says)
