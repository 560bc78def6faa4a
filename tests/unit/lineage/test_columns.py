"""The lineage of columns, held against what the pipeline does: a column feeds what changes with it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import pyarrow as pa
import pytest

from statsig_export.arrow.columns import TEXT, array, frame_of
from statsig_export.events.content_ids import content_keys
from statsig_export.events.encoding import encode
from statsig_export.events.reshape import reshape
from statsig_export.events.seen_ids import Occurrences
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import CANONICAL_COLUMNS, ROW_KEY, UNREADABLE, UNREADABLE_REASON, SourceTable
from statsig_export.lineage.columns import feeding_columns
from statsig_export.settings import SourceSettings

Row = Mapping[str, object]

FILE = ("time_uuid", "event_name", "timestamp", "user_id", "unit_id", "event")
SETTINGS: Final = SourceSettings(unit_types={"by_company": "companyID"}, exposure_types={"a_test": "experiment"})
TABLES: Final = {f"{layout} {table.role}": table for layout, tables in LAYOUTS.items() for table in tables}
NOON, LATER = datetime(2026, 11, 3, 12), datetime(2026, 11, 3, 13)

LOGGED_GATE: Final = """{"eventName":"statsig::gate_exposure","time":1793709015124,"user":{"userID":"u"},
    "metadata":{"gate":"g","gateValue":"true","ruleID":"r"}}"""
VALUES: Final[dict[str, tuple[object, ...]]] = {
    ROW_KEY: (1, 2),
    "time_uuid": (None, "an-id", "another-id"),
    "event_name": ("purchase", "refund", "statsig::config_change", "statsig::config_exposure"),
    "exposure_type": ("gate", "config", "layer"),
    "name": ("a_name", "by_company", "a_test"),
    "rule_id": ("a_rule", "another_rule"),
    "group_name": (None, "treatment", "pass", "fail"),
    "reason": (None, "Network"),
    "unit_type": (None, "userID", "stable_id"),
    "gate_value": (True, False),
    "user_id": (None, "u-1"),
    "user": ('{"userID":"u-2"}', '{"customIDs":{"companyID":"c-1"}}'),
    "metadata": ("{}", '{"config":"by_company"}', '{"config":"c","configExposureType":"experiment"}'),
    "statsig_metadata": (None, '{"sdkType":"py"}'),
    "value": (None, "9.99"),
    "timestamp": (NOON, LATER),
    "unit_id": (None, "id-1"),
    "user_dimensions": (None, '{"country":"AT"}'),
    "custom_ids": (None, '{"companyID":"c-2"}'),
    "unit userID": (None, "u-3"),
    "unit stableID": (None, "s-1"),
    "event": ('{"eventName":"purchase","time":1793709015123}', LOGGED_GATE),
    "received_at": (NOON, LATER),
}
"""Canonical column -> values; the first is the base's. Text values are what the columns of databases hold."""

KINDS: Final[tuple[Row, ...]] = (
    {"exposure_type": "config"},
    {"group_name": "pass"},
    {"group_name": "pass", "unit_type": "user_id", "unit_id": "id-1"},
    {"unit stableID": "s-1"},
    {"event_name": "statsig::config_exposure", "metadata": '{"config":"c"}'},
    {
        "event_name": "statsig::config_exposure",
        "metadata": '{"config":"c"}',
        "user": '{"customIDs":{"companyID":"c-1"}}',
    },
    {"event": '{"eventName":"purchase"}'},
)


@pytest.mark.parametrize("name", TABLES)
def test_a_column_of_the_source_feeds_the_columns_that_change_with_it_and_no_others(name: str):
    table = TABLES[name]

    assert told(table) == observed(table)


def told(table: SourceTable) -> dict[str, set[str]]:
    return {column: set(feeding) for column, feeding in feeding_columns(table).items()}


def observed(table: SourceTable) -> dict[str, set[str]]:
    """Column of the file -> the table's columns a change of which changes it, in some row or other."""
    columns = {rule.canonical: rule.column for rule in table.selected_rules}
    found: dict[str, set[str]] = defaultdict(set)
    for base in bases(list(columns)):
        before = laid_down(table, base)
        for canonical, column in columns.items():
            for value in VALUES[canonical]:
                after = laid_down(table, {**base, canonical: value})
                for changed in FILE:
                    if before and after and before[changed] != after[changed]:
                        found[changed].add(column)
    return dict(found)


def bases(columns: list[str]) -> Iterator[Row]:
    """A plain row, and rows of other kinds where the table has what makes them."""
    plain = {name: VALUES[name][0] for name in columns}
    yield plain
    for kind_of_row in KINDS:
        if set(kind_of_row) <= set(columns):
            yield {**plain, **kind_of_row}


def laid_down(table: SourceTable, row: Row) -> dict[str, object] | None:
    """The row of the partition file that comes of a row of the source; None where none does."""
    chunk = frame_of({name: array([row.get(name)], kind(name, row.get(name))) for name in read(table)})
    keys = content_keys(chunk, table, SETTINGS.name, Occurrences()) if table.key is None else None
    encoded = encode(reshape(chunk, table, SETTINGS, keys).events, 1_000_000).table.to_pylist()
    return encoded[0] if encoded else None


def read(table: SourceTable) -> tuple[str, ...]:
    return (*table.frame_columns, UNREADABLE, UNREADABLE_REASON)


def kind(name: str, value: object) -> pa.DataType:
    if name == ROW_KEY:
        return pa.int64()
    if name == "gate_value":
        return pa.bool_()
    return pa.timestamp("us") if isinstance(value, datetime) else TEXT


def test_every_canonical_column_is_tried():
    assert set(CANONICAL_COLUMNS) <= set(VALUES)
