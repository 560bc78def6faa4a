"""Which columns of a source table feed which column of a partition file: the layout, told backwards. Pure.

The column `event` holds the whole event, so every column that is read feeds it.
"""

from collections.abc import Mapping
from typing import Final

from statsig_export.layout_rules import Form, SourceTable, unit_column

_FEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "time_uuid": ("time_uuid",),
    "event_name": ("event_name", "exposure_type", "group_name", "event"),
    "timestamp": ("timestamp", "event"),
    "user_id": ("user_id", "user", "unit_id", unit_column("userID"), "event"),
    "unit_id": ("unit_type", "event"),
}
"""Column of a partition file -> the canonical columns that it is made of, where the layout has them."""


def feeding_columns(table: SourceTable) -> dict[str, tuple[str, ...]]:
    """Column of a partition file -> the table's columns that feed it, in the layout's order; never empty."""
    read = {rule.canonical: rule.column for rule in table.columns}
    every = tuple(dict.fromkeys(rule.column for rule in table.selected_rules))
    found = {
        name: tuple(column for canonical, column in read.items() if canonical in canonicals)
        for name, canonicals in _FEEDS.items()
    }
    # An id that the source does not give is derived from the key, or from all that the row says.
    found["time_uuid"] += every if table.key is None else (table.key,)
    if table.form is Form.EXPORTED:
        found["unit_id"] += tuple(read[unit_column(unit)] for unit in table.units)
    return {name: columns for name, columns in {**found, "event": every}.items() if columns}
