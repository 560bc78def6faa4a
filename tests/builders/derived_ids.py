"""Finds the id that was derived for a row of a home."""

from home import ExportHome

from statsig_export.events.derived_ids import row_key_of
from statsig_export.lineage.frames import read_events


def derived(home: ExportHome, key: int) -> str:
    """The id that was derived from a row of custom_events."""
    ids = read_events(home.config, columns=["time_uuid"])["time_uuid"].tolist()
    return next(uuid for uuid in ids if row_key_of(uuid, "", "custom_events") == key)
