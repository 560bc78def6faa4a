"""What Dagster loads: everything of this project, collected. workspace.yaml points here.

Loading reads export.toml (for the partitions) and no environment variable it names. An error in it is shown as the
code location's error.
"""

import warnings
from pathlib import Path

import dagster as dg

from dagster_project.assets import (
    DELIVERED,
    EVENTS,
    EXPORT_JOB,
    STORED,
    delivered_spec,
    events_asset,
    source_key,
    source_specs,
)
from dagster_project.automation import CHECK_JOB, EXPORT_MAX_RUNTIME_S, check_schedule, export_schedule
from dagster_project.checks import asset_checks
from dagster_project.delivery import ship_job
from dagster_project.late_rows import late_rows_sensor
from dagster_project.repairs import replay_job, verify_ledger
from dagster_project.resources import config_file, export_resource
from dagster_project.ship_sensor import ship_sensor
from dagster_project.stored_events import StoredEvents
from statsig_export.config import load_config
from statsig_export.source_tables import source_tables


@dg.definitions
def defs() -> dg.Definitions:
    return definitions_for(config_file())


def definitions_for(path: Path) -> dg.Definitions:
    """The definitions for the configuration at `path`. Raises ConfigError as `load_config` does."""
    config = load_config(path, environ={})
    tables = [source_key(table) for table in source_tables(config.source)]
    with warnings.catch_warnings():
        # Both beta: the backfill policy, which keeps a backfill of a year from being 2,000 runs, and the references
        # that lead from an asset in the UI to its code.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = dg.with_source_code_references([*source_specs(config), events_asset(config), delivered_spec(config)])
    return dg.Definitions(
        assets=assets,
        asset_checks=asset_checks(config),
        jobs=[
            dg.define_asset_job(
                EXPORT_JOB,
                selection=dg.AssetSelection.assets(EVENTS) | dg.AssetSelection.checks_for_assets(*tables),
                description="Exports windows: checks, reads, filters, plans. Give it partitions or backfill the asset.",
                tags={"dagster/max_retries": "2", "dagster/max_runtime": str(EXPORT_MAX_RUNTIME_S)},
            ),
            dg.define_asset_job(
                CHECK_JOB,
                selection=dg.AssetSelection.checks_for_assets(EVENTS, DELIVERED),
                description="The checks of what was exported inside the lookback, and of what was delivered.",
            ),
            ship_job(config),
            replay_job(config),
            verify_ledger,
        ],
        schedules=[export_schedule(config), check_schedule],
        sensors=[ship_sensor, late_rows_sensor],
        resources={"export": export_resource(path, config), STORED: StoredEvents(config_path=str(path))},
        # A run has one step after another: a process for each would only double the start. Runs are what is spread.
        executor=dg.in_process_executor,
    )
