"""Batch export of Statsig's exposures and custom events to Fivetran's webhook.

The names below are for notebooks and scripts, and stay what they are. Each is loaded when it is first used, so that
importing one light module of the package does not import pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the same table, as type checkers read it; a test holds the two equal
    from statsig_export.config import load_config as load_config
    from statsig_export.export.export import export_window as export_window
    from statsig_export.export.export import export_windows as export_windows
    from statsig_export.export.plan import plan as plan
    from statsig_export.lineage.arrival_frame import arrivals as arrivals
    from statsig_export.lineage.frames import deliveries as deliveries
    from statsig_export.lineage.frames import event_chunks as event_chunks
    from statsig_export.lineage.frames import failed_rows as failed_rows
    from statsig_export.lineage.frames import partition_files as partition_files
    from statsig_export.lineage.frames import read_events as read_events
    from statsig_export.lineage.trace import trace as trace
    from statsig_export.shipping.ship import ship as ship
    from statsig_export.shipping.status import status as status
    from statsig_export.windows import window_from_key as window_from_key

_HOMES = {
    "arrivals": "statsig_export.lineage.arrival_frame",
    "deliveries": "statsig_export.lineage.frames",
    "event_chunks": "statsig_export.lineage.frames",
    "export_window": "statsig_export.export.export",
    "export_windows": "statsig_export.export.export",
    "failed_rows": "statsig_export.lineage.frames",
    "load_config": "statsig_export.config",
    "partition_files": "statsig_export.lineage.frames",
    "plan": "statsig_export.export.plan",
    "read_events": "statsig_export.lineage.frames",
    "ship": "statsig_export.shipping.ship",
    "status": "statsig_export.shipping.status",
    "trace": "statsig_export.lineage.trace",
    "window_from_key": "statsig_export.windows",
}
"""Public name -> the module that has it."""

__all__ = list(_HOMES)


if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return found


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))
