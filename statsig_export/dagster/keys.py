"""Asset keys, job names and run tags: what a run and the UI know things by."""

import re

import dagster as dg

from statsig_export.layouts.model import SourceTable

EVENTS = dg.AssetKey(["statsig", "events"])


DELIVERED = dg.AssetKey(["fivetran", "statsig_events"])


EXPORT_JOB = "export_events"


GROUP = "statsig_export"


STORED = "stored_events"
"""The key of the IO manager that reads the partition files."""


RANGE_START = "dagster/asset_partition_range_start"


RANGE_END = "dagster/asset_partition_range_end"


PARTITION = "dagster/partition"


SCHEDULE = "export_schedule"


SCHEDULED_BY = "dagster/schedule_name"


CHECK_JOB = "check_deliveries"


POOL = "fivetran_webhook"
"""The pool of the destination `fivetran`; another one has another."""


JOB = "ship_batches"


DESTINATION_TAG = "statsig_export/destination"


EXPORT_RUN_TAG = "statsig_export/export_run"


GROUP_TAG = "statsig_export/group"
"""On the runs that the sensor has asked for."""


OUTCOME_TAG = "statsig_export/outcome"


HALTED = "halted"


BUSY = "busy"
"""What a run sets OUTCOME_TAG to: the destination refused it, or another shipper held some of its partitions."""


def source_key(table: SourceTable) -> dg.AssetKey:
    return dg.AssetKey(["source", table.role.value])


def pool_of(destination: str) -> str:
    """The pool that limits how many ship runs a destination gets at once: `fivetran_webhook` for `fivetran`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", destination) + "_webhook"
