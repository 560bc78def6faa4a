"""Names: the keys of assets, of jobs and of run tags. What is stored under them has to be found again: they stay.

These are the names without `[dagster] key_prefix`; `names_of` gives those of a configuration.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import dagster as dg

from statsig_export.config import Config
from statsig_export.layouts.model import SourceTable

GROUP = "statsig_export"
"""The group of the assets."""
EVENTS = dg.AssetKey(["statsig", "events"])
DELIVERED = dg.AssetKey(["fivetran", "statsig_events"])
LANDED = dg.AssetKey(["fivetran", "landed_events"])
RESOURCE = "statsig_export"
STORED = "stored_events"
"""The key of the IO manager that reads the partition files."""

EXPORT_JOB = "export_events"
SHIP_JOB = "ship_batches"
SHIP_OP = "ship"
CHECK_JOB = "check_deliveries"
REPLAY_JOB = "replay_batches"
VERIFY_JOB = "verify_ledger"
ARRIVALS_JOB = "compare_arrivals"
SYNC_JOB = "sync_with_ledger"
SCHEDULE = "export_schedule"
ARRIVALS_SCHEDULE = "arrivals_schedule"
SYNC_SENSOR = "sync_sensor"
ALERTS_SENSOR = "alerts_sensor"
METRICS_SENSOR = "metrics_sensor"

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
SCHEDULED_BY = "dagster/schedule_name"
BACKFILL = "dagster/backfill"
MAX_RUNTIME = "dagster/max_runtime"
MAX_RETRIES = "dagster/max_retries"
WILL_RETRY = "dagster/will_retry"
RETRIED_BY = "dagster/auto_retry_run_id"
"""Dagster's own tags."""

DESTINATION_TAG = "statsig_export/destination"
EXPORT_RUN_TAG = "statsig_export/export_run"
GROUP_TAG = "statsig_export/group"
"""On the runs that the sensor has requested."""
LATE_ROWS_TAG = "statsig_export/late_rows"
WORKER_TAG = "statsig_export/process"
"""On runs, once they work: their place (host, boot and PID namespace), pid, when the process began, and the run's id.
Dagster copies the tags of a run to those that repeat it: with another run's id the tag says nothing.
"""
LIFE_TAG = "statsig_export/life"
"""On runs that hold a lock of the ledger as long as they live: the run's id, and since when a tick finds it free."""
OUTCOME_TAG = "statsig_export/outcome"
HALTED = "halted"
BUSY = "busy"
FAILED = "failed"
NONE = "none"
"""The values of OUTCOME_TAG: the destination refused the run, another shipper held some of its partitions, the export
has said itself why it failed, or (of a run that repeats another) nothing yet.
"""


Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Names:
    """What an export is called in Dagster. With a prefix every name has it, so that two exports never share one."""

    prefix: tuple[str, ...] = ()
    """`[dagster] key_prefix`."""

    def __call__(self, name: str) -> str:
        """Of a job, schedule, sensor, op, pool, resource or group: Dagster allows letters, digits and "_" there."""
        return re.sub("-", "_", "_".join((*self.prefix, name))) if self.prefix else name

    @property
    def events(self) -> dg.AssetKey:
        return EVENTS.with_prefix(self.prefix)

    @property
    def delivered(self) -> dg.AssetKey:
        return DELIVERED.with_prefix(self.prefix)

    @property
    def landed(self) -> dg.AssetKey:
        return LANDED.with_prefix(self.prefix)

    def source(self, table: SourceTable) -> dg.AssetKey:
        return dg.AssetKey([*self.prefix, "source", table.role.value])

    def with_resource(self, function: Function) -> Function:
        """The function, which takes the resource under the name that it has with the prefix.

        To Dagster the name of a parameter is the key of the resource.
        """
        key = self(RESOURCE)
        if key == RESOURCE:
            return function

        def named_so(named: dict[str, object]) -> dict[str, object]:
            return {RESOURCE if name == key else name: value for name, value in named.items()}

        @wraps(function)
        def renamed(*arguments: object, **named: object) -> object:
            return function(*arguments, **named_so(named))

        @wraps(function)
        def generating(*arguments: object, **named: object) -> Iterator[object]:  # Dagster asks whether it is one
            yield from function(*arguments, **named_so(named))

        wrapper: Callable[..., object] = generating if inspect.isgeneratorfunction(function) else renamed
        signature = inspect.signature(function)
        parameters = [
            parameter.replace(name=key) if parameter.name == RESOURCE else parameter
            for parameter in signature.parameters.values()
        ]
        wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # what inspect reads
        wrapper.__annotations__ = {
            key if name == RESOURCE else name: kind for name, kind in function.__annotations__.items()
        }
        return cast("Function", wrapper)


NO_PREFIX = Names()


def names_of(config: Config) -> Names:
    return Names(config.dagster.key_prefix)
