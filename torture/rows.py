"""The rows that the torture exports: every category, every verdict, in days that stay open for late rows."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, Table, insert

from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES
from torture.oracle import Filter

Row = dict[str, Any]

HOPELESS: Final = "always_rejected"
"""The name of the events that the webhook answers 400 to, whatever else happens."""
RULES: Final = Filter(exposures={"layer": False}, custom_events={"debug_ping": False})
FIRST_DAY: Final = datetime(2026, 11, 1)  # noqa: DTZ001  TIMESTAMP columns hold naive UTC times

_TABLES: Final[dict[str, Table]] = {"exposures": EXPOSURES, "custom_events": CUSTOM_EVENTS}
_NAMES: Final = (
    "page_view",
    "checkout",
    "search",
    'quote"d \\ name',
    "übergrößen",
    "debug_ping",
    "statsig::diagnostics",
)


class RowMaker:
    """Makes rows and keeps them, as the oracle wants them: (table, row)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  repeatable
        self.rows: list[tuple[str, Row]] = []

    def make(self, day: int, count: int) -> list[tuple[str, Row]]:
        """So many new rows of a day, counted from the first; one in twenty repeats an earlier row of that day."""
        made: list[tuple[str, Row]] = []
        for _ in range(count):
            table, row = self._exposure() if self._random.random() < 0.5 else self._custom_event()  # noqa: PLR2004
            row |= self._shared(day)
            if self._random.random() < 0.02:  # noqa: PLR2004
                row |= self._random.choice([{"timestamp": None}, {"metadata": ["no object"]}])
            made.append((table, row))
            if self._random.random() < 0.05:  # noqa: PLR2004
                made.append(self._repeated(table, row))
        self.rows += made
        return made

    def _shared(self, day: int) -> Row:
        key = self._random.getrandbits(40)
        moment = FIRST_DAY + timedelta(days=day, seconds=self._random.randrange(86_400), milliseconds=key % 1000)
        user = {
            "userID": f"user-{key % 500}",
            "email": f"user-{key % 500}@example.org",
            "custom": {"plan": self._random.choice(["free", "é\u2028\n", "paid"]), "visits": key % 7},
            "privateAttributes": {"phone": "0"},
        }
        return {
            "id": key,
            "time_uuid": None if key % 4 == 0 else f"{self._random.getrandbits(128):032x}",
            "user_id": None if key % 3 == 0 else user["userID"],
            "user": user,
            "statsig_metadata": {"sdkType": "py", "sdkVersion": "1.0"} if key % 5 else None,
            "metadata": self._random.choice([{}, {"page": "/home"}, {"n": 7, "deep": {"a": [1, "b"]}, "no": None}]),
            "timestamp": moment - timedelta(seconds=self._random.randrange(600)),
            "ingested_at": moment,
        }

    def _exposure(self) -> tuple[str, Row]:
        kind = self._random.choice(["gate", "config", "experiment", "layer"])
        return "exposures", {
            "exposure_type": kind,
            "name": f"the_{kind}",
            "rule_id": self._random.choice([None, "rule", "default"]),
            "gate_value": self._random.random() < 0.5 if kind == "gate" else None,  # noqa: PLR2004
            "group_name": self._random.choice([None, "test"]) if kind == "config" else "control",
            "reason": self._random.choice([None, "Network:Recognized"]),
            "unit_type": self._random.choice([None, "userID", "stableID"]),
        }

    def _custom_event(self) -> tuple[str, Row]:
        dice = self._random.random()
        name: str | None = self._random.choice(_NAMES)
        for share, other in ((0.02, None), (0.03, HOPELESS), (0.15, "statsig::config_change")):
            if dice < share:
                name = other
                break
        return "custom_events", {"event_name": name, "value": self._random.choice([None, "19.99", ""])}

    def _repeated(self, table: str, row: Row) -> tuple[str, Row]:
        """The same event under another key: a duplicate where the row has an id of its own, else an event more."""
        return table, {**row, "id": row["id"] + 2**41}


def add(engine: Engine, made: Sequence[tuple[str, Row]]) -> None:
    """Insert the rows, all or none."""
    with engine.begin() as connection:
        for name, table in _TABLES.items():
            rows = [row for of, row in made if of == name]
            if rows:
                connection.execute(insert(table), rows)
