"""Rows of every layout with whatever a column may hold: each ends in exactly one place, alone, and as valid JSON."""

import json
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pytest
from canonical_frames import records
from hypothesis import given, settings
from hypothesis import strategies as st

from statsig_export.arrow.columns import TEXT, array, frame_of
from statsig_export.events.content_ids import with_content_keys
from statsig_export.events.encoding import encode
from statsig_export.events.faults import Reason
from statsig_export.events.reshape import reshape
from statsig_export.events.seen_ids import Occurrences
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import EXPORTED_TYPES, ColumnRule, Kind, SourceTable
from statsig_export.settings import SourceSettings
from statsig_export.vocabulary import EVENT_KEYS, EVENT_NAMES, EXPOSURES

TABLES = [
    pytest.param(table, id=f"{layout}-{table.role}")
    for layout, tables in LAYOUTS.items()
    for table in tables
    if layout != "native"
]
SETTINGS = SourceSettings(unit_types={"told": "companyID"}, exposure_types={"told": "layer"})
USERS = (
    '{"userID":"u"}',
    '{"userID":7,"customIDs":{"stableID":"s"},"privateAttributes":{"ssn":"never"}}',
    '{"userID":"","customIDs":{"companyID":"c"}}',
    '{"customIDs":null,"custom":{"privateAttributes":{"ssn":"never"}}}',
    '{"customIDs":[1]}',
)
METADATA = (
    '{"gate":"g","gateValue":"true","ruleID":"r"}',
    '{"config":"told","ruleID":"r","experimentGroupName":"Test","n":3.0,"deep":{"a":[1]}}',
    '{"gate":null,"config":5}',
)
NO_OBJECTS = (
    "null",
    "[]",
    "3",
    '"text"',
    "",
    "{",
    '{"userID":"u',
    '{"a":NaN}',
    '{"a":"\\ud800"}',
    "[" * 2_000,
    "Ã",
    '""',
)
EVENTS = tuple(
    json.dumps(
        {"eventName": name, "user": {"userID": "u"}, "time": 1_795_176_000_250, "metadata": json.loads(METADATA[0])}
    )
    for name in ("purchase", *EVENT_NAMES.values())
)
TIMES = ("2026-11-20 12:00:00", "1795176000250", "1795176000", "yesterday", "", "99999999999999999999")
NAMES = (
    "purchase",
    *EVENT_NAMES.values(),
    "statsig::diagnostics",
    "told",
    "",
    *EXPORTED_TYPES,
    "user_id",
    "pass",
    "FAIL",
)
VALUES: Mapping[Kind, tuple[str, ...]] = {
    Kind.JSON: (*USERS, *METADATA, *EVENTS, *NO_OBJECTS),
    Kind.TIME: TIMES,
    Kind.TEXT: (*NAMES, 'a "quoted" \\ name\n'),
    Kind.IDENTIFIER: ("u", "", "s-1", 'with "quotes"'),
    Kind.VALUE: ("19.99", "", "text", "\x00"),
}
GOOD: Mapping[str, tuple[str, ...]] = {
    "event": EVENTS,
    "event_name": NAMES[:-1],
    "exposure_type": tuple(EXPORTED_TYPES),
    "name": ("told", "a_gate"),
    "group_name": ("pass", "FAIL", "Control", ""),
    "metadata": METADATA,
    "timestamp": TIMES[:3],
    "unit_type": ("user_id", "stable_id", "companyID"),
    "user": USERS[:4],
}
"""What lets a row through: in three cells of four, or hardly any row would be an event."""


def values_of(rule: ColumnRule) -> st.SearchStrategy[str | None]:
    good = st.sampled_from(GOOD.get(rule.canonical, ('{"a":"b"}',) if rule.kind is Kind.JSON else ("u",)))
    return st.one_of(good, good, good, st.none() | st.sampled_from(VALUES[rule.kind]))


@st.composite
def rows_of(draw: st.DrawFn, table: SourceTable) -> list[dict[str, str | None]]:
    row = st.fixed_dictionaries({rule.canonical: values_of(rule) for rule in table.columns})
    return draw(st.lists(row, min_size=1, max_size=8))


def chunk(table: SourceTable, rows: list[dict[str, str | None]]) -> pd.DataFrame:
    columns = {name: array([row.get(name) for row in rows], TEXT) for name in table.frame_columns if name != "row_key"}
    if "gate_value" in columns:
        columns["gate_value"] = pa.nulls(len(rows), pa.bool_())
    nothing = pa.nulls(len(rows), TEXT)
    frame = frame_of({**columns, "unreadable": nothing, "unreadable_reason": nothing})
    if table.key is None:
        return with_content_keys(frame, table, "", Occurrences())
    return frame_of({"row_key": array(range(len(rows)), pa.int64()), **{n: pa.array(frame[n]) for n in frame.columns}})


def outcomes(table: SourceTable, rows: list[dict[str, str | None]]) -> dict[str, dict]:
    """Row key -> the event without its timeUUID, or the reason and detail. Fails unless each row has one outcome."""
    frame = chunk(table, rows)
    reshaped = reshape(frame, table, SETTINGS)
    encoded = encode(reshaped.events, 1_000_000)
    found = [(row["row_key"], json.loads(row["event"])) for row in encoded.table.to_pylist()]
    for failed in (reshaped.failed, encoded.failed):
        found += [(row["row_key"], {"reason": row["reason"], "detail": row["detail"]}) for row in records(failed)]
    assert len(found) == len(dict(found)) == len(rows)
    return dict(found)


@pytest.mark.parametrize("table", TABLES)
@given(st.data())
@settings(max_examples=settings.default.max_examples // 4)
def test_every_row_of_every_layout_is_an_event_or_a_failed_row_with_a_reason(table: SourceTable, data: st.DataObject):
    rows = data.draw(rows_of(table))

    for outcome in outcomes(table, rows).values():
        if "reason" in outcome:
            assert outcome["reason"] in list(Reason)
            assert len(outcome["detail"]) < 100
            continue
        exposure = outcome["eventName"] in {EVENT_NAMES[category] for category in EXPOSURES}
        assert set(outcome) == set(EVENT_KEYS) - (set() if exposure else {"unitID"})
        assert isinstance(outcome["user"], dict)
        assert isinstance(outcome["statsigMetadata"], dict)
        assert all(isinstance(value, str) for value in outcome["metadata"].values())
        assert "never" not in json.dumps(outcome)


@pytest.mark.parametrize("table", TABLES)
@given(st.data())
@settings(max_examples=settings.default.max_examples // 8)
def test_no_row_changes_what_becomes_of_its_neighbours(table: SourceTable, data: st.DataObject):
    rows = data.draw(rows_of(table))

    def told(outcome: dict) -> str:
        return json.dumps({key: value for key, value in outcome.items() if key != "timeUUID"}, sort_keys=True)

    together = sorted(map(told, outcomes(table, rows).values()))
    alone = sorted(told(next(iter(outcomes(table, [row]).values()))) for row in rows)
    assert together == alone
