"""What Dagster loads: the assets, checks, jobs, schedules, sensors and resources, collected.

`defs` is a whole code location; `definitions_for` is for a code location that holds more. Loading reads export.toml,
since the partitions are in it, and no environment variable that it names. An error in it is the code location's error.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from statsig_export.config import Config, load_config
from statsig_export.config_file import config_path as named_config
from statsig_export.dagster.arrivals import (
    arrival_checks,
    arrivals_job,
    arrivals_schedules,
    landed_specs,
    other_checks,
)
from statsig_export.dagster.automation import say_that_it_is_off, sensor_status
from statsig_export.dagster.checks import asset_checks
from statsig_export.dagster.delivery.assets import delivered_spec
from statsig_export.dagster.delivery.jobs import ship_job
from statsig_export.dagster.delivery.sensors import ship_sensor_of
from statsig_export.dagster.events.assets import events_asset, source_specs
from statsig_export.dagster.events.schedules import check_schedule, export_schedule
from statsig_export.dagster.events.sensors import late_rows_sensor_of
from statsig_export.dagster.io_manager import StoredEvents
from statsig_export.dagster.keys import (
    CHECK_JOB,
    DESTINATION_TAG,
    EXPORT_JOB,
    MAX_RETRIES,
    MAX_RUNTIME,
    RESOURCE,
    STORED,
    Names,
    names_of,
)
from statsig_export.dagster.maintenance.jobs import replay_job, verify_job
from statsig_export.dagster.maintenance.operations import operations
from statsig_export.dagster.reconciling.sensor import ledger_sensor_of
from statsig_export.dagster.resources import export_resource
from statsig_export.dagster.syncs import sync_sensors
from statsig_export.dagster.watching.sensors import watching_sensors
from statsig_export.dagster.workers import EXPORT_MAX_RUNTIME_S
from statsig_export.layouts.placement import source_tables


@dg.definitions
def defs() -> dg.Definitions:
    """The whole code location, for $STATSIG_EXPORT_CONFIG, else ./export.toml."""
    return definitions_for(executor=dg.in_process_executor)


def definitions_for(
    config_path: str | Path | None = None, *, executor: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """The definitions for the configuration at `config_path`, else $STATSIG_EXPORT_CONFIG, else ./export.toml.

    `executor` is of runs that no job of ours defines: *Materialize* in the UI, and backfills. Their steps follow one
    another, so `dg.in_process_executor` saves starting a process per step; left out, definitions that these are merged
    with decide. Raises ConfigError as `load_config` does.
    """
    path = named_config(config_path)
    config = load_config(path, environ={})
    if not config.dagster.automation:
        say_that_it_is_off()
    names = names_of(config)
    with warnings.catch_warnings():
        # Both beta: the backfill policy, which keeps a backfill of a year from being 2,000 runs, and the references
        # that lead from an asset in the UI to its code.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = dg.with_source_code_references(
            [*source_specs(config), events_asset(config), delivered_spec(config), *landed_specs(config)]
        )
    return dg.Definitions(
        assets=assets,
        asset_checks=[*asset_checks(config), *arrival_checks(config)],
        jobs=_jobs(config, names),
        schedules=[export_schedule(config), check_schedule(config), *arrivals_schedules(config)],
        sensors=[
            *(
                sensor(sensor_status(config), names)
                for sensor in (ship_sensor_of, late_rows_sensor_of, ledger_sensor_of)
            ),
            *sync_sensors(config),
            *watching_sensors(config),
        ],
        resources={
            names(RESOURCE): export_resource(path, config),
            names(STORED): StoredEvents(config_path=str(path)),
        },
        executor=executor,
    )


def _jobs(config: Config, names: Names) -> "Sequence[dg.JobDefinition | dg.UnresolvedAssetJobDefinition]":
    tables = [names.source(table) for table in source_tables(config.source)]
    return [
        dg.define_asset_job(
            names(EXPORT_JOB),
            selection=dg.AssetSelection.assets(names.events) | dg.AssetSelection.checks_for_assets(*tables),
            description="Exports windows: checks, reads, filters, plans. Give it partitions or backfill the asset.",
            tags={
                **config.dagster.run_tags.of_exports(),
                DESTINATION_TAG: config.webhook.name,
                MAX_RETRIES: "2",
                MAX_RUNTIME: EXPORT_MAX_RUNTIME_S,
            },
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            names(CHECK_JOB),
            selection=other_checks(config),
            description="The checks of what was exported inside the lookback, and of what was delivered.",
            executor_def=dg.in_process_executor,
        ),
        ship_job(config),
        replay_job(config),
        verify_job(names),
        *operations(names),
        *arrivals_job(config, names),
    ]
