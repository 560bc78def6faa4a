"""The bytes of events, pinned: `rows.json` has source rows, `events.jsonl` the exact events they become, line by line.

Whoever changes these bytes changes what every receiver of a replay sees, and the ids of batches. The second test
renders the same rows in the most naive way there is, so that the file is not merely what the encoder once said.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from canonical_frames import CUSTOM_EVENTS, EXPOSURES, canonical_frame, outcome, outcomes

from statsig_export.vocabulary import EVENT_KEYS

HERE = Path(__file__).parent
TABLES = {"exposures": EXPOSURES, "custom_events": CUSTOM_EVENTS}
ROWS: list[dict[str, Any]] = json.loads((HERE / "rows.json").read_text(encoding="utf-8"))
EVENTS = (HERE / "events.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
PINNED = list(zip(ROWS, EVENTS, strict=True))
TITLES = [each["title"] for each in ROWS]


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def naive(table: str, row: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """The event of a row put together key by key; `expected` says what the rules make of its columns."""
    values = {
        "eventName": quoted(expected.get("eventName", row.get("event_name"))),
        "user": expected.get("user", row.get("user")),
        "userID": quoted(expected.get("userID", row.get("user_id"))),
        "timestamp": str(expected["timestamp"]),
        "statsigMetadata": expected.get("statsigMetadata", row.get("statsig_metadata")) or "{}",
        "value": quoted(row.get("value") or ""),
        "metadata": expected["metadata"],
        "timeUUID": quoted(expected.get("timeUUID", row.get("time_uuid"))),
    }
    if table == "exposures":
        values["unitID"] = quoted(row.get("unit_type") or "userID")
    assert list(values) == list(EVENT_KEYS[: len(values)])
    return "{" + ",".join(f"{quoted(key)}:{value}" for key, value in values.items()) + "}"


@pytest.mark.fault("F26")
@pytest.mark.parametrize(("case", "event"), PINNED, ids=TITLES)
def test_an_event_has_exactly_the_pinned_bytes(case: dict[str, Any], event: str):
    assert outcome(case["row"], TABLES[case["table"]]).encode() == event.encode()


@pytest.mark.parametrize(("case", "event"), PINNED, ids=TITLES)
def test_the_pinned_bytes_are_what_a_naive_rendering_gives(case: dict[str, Any], event: str):
    assert naive(case["table"], case["row"], case["expected"]) == event
    parsed = json.loads(event)
    assert all(isinstance(value, str) for value in parsed["metadata"].values())
    assert tuple(parsed) == (EVENT_KEYS if case["table"] == "exposures" else EVENT_KEYS[:-1])


@pytest.mark.parametrize("name", TABLES)
def test_the_company_of_other_rows_does_not_change_an_event(name: str):
    cases = [(case["row"], event) for case, event in PINNED if case["table"] == name]
    keyed = [{**row, "row_key": row.get("row_key", 1)} for row, _ in cases]
    texts = outcomes_in_order(keyed, name)
    assert texts == [event for _, event in cases]


def outcomes_in_order(rows: list[dict[str, Any]], name: str) -> list[str]:
    """The events of rows that share one chunk; keys are made different without changing derived ids."""
    derived = [row for row in rows if not row.get("time_uuid")]
    assert len(derived) <= 1, "only one row of a table may have its id derived, or the keys would collide"
    others = iter(range(1_000, 2_000))
    rows = [row if row in derived else {**row, "row_key": next(others)} for row in rows]
    found = outcomes(canonical_frame(rows), TABLES[name])
    return [found[str(row["row_key"])] for row in rows]


@pytest.mark.fault("F26")
def test_the_body_of_all_pinned_events_has_a_pinned_digest():
    body = "[" + ",".join(EVENTS) + "]"
    digest = (HERE / "body.sha256").read_text(encoding="ascii").strip()
    assert hashlib.sha256(body.encode()).hexdigest() == digest
