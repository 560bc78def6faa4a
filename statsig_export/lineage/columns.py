"""Which columns of a source table feed which column of a partition file: the layout, in reverse. Pure.

The column `event` holds the whole event, so every column that is read feeds it. What the configuration says of a name
(its ID type, whether it is an experiment) counts as fed by the name.
"""

from collections.abc import Mapping
from typing import Final

from statsig_export.layouts.model import RECEIVED_AT, Form, Role, SourceTable, unit_column

_FEEDS: Final[Mapping[Form, Mapping[str, tuple[str, ...]]]] = {
    Form.CANONICAL: {
        "event_name": ("event_name", "exposure_type", "group_name"),
        "user_id": ("user_id", "user"),
        "unit_id": ("unit_type", "name"),
    },
    Form.SDK_LOG: {
        **dict.fromkeys(("event_name", "user_id", "unit_id"), ("event",)),
        "timestamp": ("event", RECEIVED_AT),
    },
    Form.EVENT_LOG: {
        "event_name": ("event_name", "metadata"),
        "user_id": ("user",),
        "unit_id": ("event_name", "metadata", "user"),
    },
    Form.EXPORTED: {
        "event_name": ("event_name", "exposure_type", "group_name"),
        "user_id": ("user", unit_column("userID"), "unit_id", "unit_type"),
        "unit_id": ("unit_type", "name"),
    },
}
"""Form -> column of a partition file -> the canonical columns that it is made of, where the layout has them."""


def feeding_columns(table: SourceTable) -> dict[str, tuple[str, ...]]:
    """Column of a partition file -> the table's columns that feed it, each once, in the layout's order; never empty.

    One column of the table may be read as several of the layout's: a UUID that is the key and the timeUUID.
    """
    read = {rule.canonical: rule.column for rule in table.selected_rules}
    every = tuple(dict.fromkeys(rule.column for rule in table.selected_rules))
    feeds = {"time_uuid": ("time_uuid",), "timestamp": ("timestamp",), **_FEEDS[table.form]}
    if table.form is Form.EXPORTED and table.role is Role.EXPOSURES:
        feeds["unit_id"] += tuple(unit_column(unit) for unit in table.units)
        feeds["event_name"] += () if "exposure_type" in read else ("name",)
    found = {name: tuple(read[canonical] for canonical in read if canonical in of) for name, of in feeds.items()}
    # An id that the source does not give is derived from the key, or from all that the row says.
    found["time_uuid"] += every if table.key is None else (table.key,)
    found["event"] = every
    return {name: tuple(dict.fromkeys(columns)) for name, columns in found.items() if columns}
