"""Whether a peer sent the same events: the bodies that the sink kept, held against our partition files.

Compared as JSON values by timeUUID: spaces, escapes and the order of keys are a writer's own.
"""

import json
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

_NO_EVENT: Final = "an event that we do not send"


def first_difference(sample: Path, ours: Path) -> str | None:
    """What differs first between the sampled bodies and our files (names of keys, no content); None: nothing."""
    sent = [event for file in sorted(sample.glob("*.json")) for event in json.loads(file.read_bytes())]
    if not sent:
        return "there is no sample of what was sent"
    expected = _events(ours, [event.get("timeUUID", "") for event in sent])
    for event in sent:
        wanted = expected.get(event.get("timeUUID", ""))
        if wanted is None:
            return _NO_EVENT
        if event != wanted:
            return "a different " + ", ".join(sorted(key for key in {*event, *wanted} if _differ(event, wanted, key)))
    return None


def _differ(one: dict[str, Any], other: dict[str, Any], key: str) -> bool:
    return (key in one, one.get(key)) != (key in other, other.get(key))


def _events(folder: Path, ids: list[str]) -> dict[str, dict[str, Any]]:
    """The events of these timeUUIDs that the partition files hold."""
    files = ds.dataset(folder, format="parquet")
    wanted = ds.field("time_uuid").isin(pa.array(ids, pa.large_string()))
    found = files.to_table(columns=["time_uuid", "event"], filter=wanted)
    return {row["time_uuid"]: json.loads(row["event"]) for row in found.to_pylist()}
