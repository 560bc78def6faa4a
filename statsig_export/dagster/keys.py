"""Names: the keys of assets, of jobs and of run tags. What is stored under them has to be found again: they stay."""

import dagster as dg

from statsig_export.layouts.model import SourceTable

GROUP = "statsig_export"
"""The group of the assets."""
EVENTS = dg.AssetKey(["statsig", "events"])
DELIVERED = dg.AssetKey(["fivetran", "statsig_events"])
STORED = "stored_events"
"""The key of the IO manager that reads the partition files."""

EXPORT_JOB = "export_events"
SHIP_JOB = "ship_batches"
CHECK_JOB = "check_deliveries"
REPLAY_JOB = "replay_batches"
VERIFY_JOB = "verify_ledger"
SCHEDULE = "export_schedule"

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
SCHEDULED_BY = "dagster/schedule_name"
MAX_RUNTIME = "dagster/max_runtime"
MAX_RETRIES = "dagster/max_retries"
"""Dagster's own tags."""

DESTINATION_TAG = "statsig_export/destination"
EXPORT_RUN_TAG = "statsig_export/export_run"
GROUP_TAG = "statsig_export/group"
"""On the runs that the sensor has requested."""
LATE_ROWS_TAG = "statsig_export/late_rows"
WORKER_TAG = "statsig_export/process"
"""On runs, once they work: their host, pid, and when the process began."""
TOLD_TAG = "statsig_export/deliveries"
"""On ship runs that ended badly, once their deliveries were looked up in the ledger."""
TOLD = "told"
OUTCOME_TAG = "statsig_export/outcome"
HALTED = "halted"
BUSY = "busy"
"""The values of OUTCOME_TAG: the destination refused the run, or another shipper held some of its partitions."""


def source_key(table: SourceTable) -> dg.AssetKey:
    return dg.AssetKey(["source", table.role.value])
