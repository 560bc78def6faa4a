"""Batch export of Statsig's exposures and custom events to Fivetran's webhook.

The names below are for notebooks and scripts, and stay what they are. Each is loaded when it is first used, so that
importing one light module of the package does not import pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statsig_export.config import load_config
    from statsig_export.export.plan import plan
    from statsig_export.lineage.frames import deliveries, event_chunks, failed_rows, partition_files, read_events
    from statsig_export.lineage.trace import trace
    from statsig_export.pipeline import export_window, export_windows, ship
    from statsig_export.shipping.status import status
    from statsig_export.windows import window_from_key

__all__ = [
    "deliveries",
    "event_chunks",
    "export_window",
    "export_windows",
    "failed_rows",
    "load_config",
    "partition_files",
    "plan",
    "read_events",
    "ship",
    "status",
    "trace",
    "window_from_key",
]

_HOMES = {
    "deliveries": "statsig_export.lineage.frames",
    "event_chunks": "statsig_export.lineage.frames",
    "export_window": "statsig_export.pipeline",
    "export_windows": "statsig_export.pipeline",
    "failed_rows": "statsig_export.lineage.frames",
    "load_config": "statsig_export.config",
    "partition_files": "statsig_export.lineage.frames",
    "plan": "statsig_export.export.exporter",
    "read_events": "statsig_export.lineage.frames",
    "ship": "statsig_export.pipeline",
    "status": "statsig_export.shipping.ship",
    "trace": "statsig_export.lineage.trace",
    "window_from_key": "statsig_export.windows",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
