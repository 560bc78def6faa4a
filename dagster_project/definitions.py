"""What Dagster loads: everything of this project, collected. workspace.yaml points here.

Loading reads export.toml (for the partitions) and no environment variable it names. An error in it is shown as the
code location's error.
"""

import warnings
from pathlib import Path

import dagster as dg

from dagster_project.assets import EVENTS, EXPORT_JOB, delivered_spec, events_asset, source_specs
from dagster_project.automation import export_schedule
from dagster_project.delivery import ship_batches, ship_sensor
from dagster_project.resources import config_file, export_resource
from statsig_export.config import load_config


@dg.definitions
def defs() -> dg.Definitions:
    return definitions_for(config_file())


def definitions_for(path: Path) -> dg.Definitions:
    """The definitions for the configuration at `path`. Raises ConfigError as `load_config` does."""
    config = load_config(path, environ={})
    with warnings.catch_warnings():
        # The backfill policy is beta since 1.3 and what keeps a backfill of a year from being 2,000 runs.
        warnings.simplefilter("ignore", dg.BetaWarning)
        events = events_asset(config)
    return dg.Definitions(
        assets=[*source_specs(config), events, delivered_spec(config)],
        jobs=[
            dg.define_asset_job(
                EXPORT_JOB,
                selection=[EVENTS],
                description="Exports windows: reads, filters, plans. Give it partitions, or backfill the asset.",
            ),
            ship_batches,
        ],
        schedules=[export_schedule(config)],
        sensors=[ship_sensor],
        resources={"export": export_resource(path, config)},
        # A run has one step: a process for it would only double the start. Runs are what is spread over machines.
        executor=dg.in_process_executor,
    )
