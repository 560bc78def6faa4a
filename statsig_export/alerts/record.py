"""What is remembered between two looks: the incidents, and when each receiver is tried again. As JSON. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from statsig_export.alerts.incidents import Incident, Observation, Turn
from statsig_export.monitoring.rules import Fault, Level

PAUSES_MS: Final = (60_000, 120_000, 300_000, 600_000)
"""After so many failures in a row a receiver is left alone for so long; after more for the last."""
TAKEN_MS: Final = 120_000
"""For so long a receiver is left to the process that has begun to tell it. If that one dies, another one tells."""
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Tried:
    """How it stands with a receiver."""

    failures: int = 0
    until_ms: int = 0
    """Not to be tried before, by anybody."""
    taken: bool = False
    """Whether somebody is at telling it, or has died at that: what came of it is not noted."""

    @property
    def taken_ms(self) -> int:
        """Since when it is taken."""
        return self.until_ms - TAKEN_MS

    def may_be_tried(self, now_ms: int) -> bool:
        """A time that is further ahead than any pause is long was written by a wrong clock: it is none."""
        return not now_ms < self.until_ms <= now_ms + max(TAKEN_MS, *PAUSES_MS)


@dataclass(frozen=True, slots=True)
class Record:
    """Incidents, and the receivers that were tried."""

    incidents: Sequence[Incident] = ()
    tried: Mapping[str, Tried] = field(default_factory=dict)

    def owed(self, receiver: str, now_ms: int) -> list[tuple[Incident, Turn]]:
        """What a receiver is to be told now: nothing while it is left alone."""
        if not self.tried.get(receiver, Tried()).may_be_tried(now_ms):
            return []
        owed = [(incident, incident.owed(receiver)) for incident in self.incidents]
        return [(incident, turn) for incident, turn in owed if turn is not None]

    def is_owed(self, receiver: str) -> bool:
        return any(incident.owed(receiver) for incident in self.incidents)

    def taking(self, receivers: Sequence[str], now_ms: int) -> "Record":
        """While these are being told, by whoever writes this down."""
        failures = {name: self.tried.get(name, Tried()).failures for name in receivers}
        taken = {name: Tried(count, now_ms + TAKEN_MS, taken=True) for name, count in failures.items()}
        return replace(self, tried={**self.tried, **taken})

    def after_telling(self, receiver: str, told: Sequence[tuple[Incident, Turn]]) -> "Record":
        """Only of those that are still the same: another look may have changed one meanwhile."""
        turns = {(incident.seen.key, incident.since_ms): turn for incident, turn in told}
        incidents = [
            incident.having_told(receiver, turns[key])
            if (key := (incident.seen.key, incident.since_ms)) in turns
            else incident
            for incident in self.incidents
        ]
        tried = {name: one for name, one in self.tried.items() if name != receiver}
        return Record(incidents, tried)

    def after_failing(self, receiver: str, now_ms: int) -> "Record":
        failures = self.tried.get(receiver, Tried()).failures + 1
        pause = PAUSES_MS[min(failures, len(PAUSES_MS)) - 1]
        return replace(self, tried={**self.tried, receiver: Tried(failures, now_ms + pause)})

    @property
    def text(self) -> str:
        if not self.incidents and not self.tried:
            return ""
        document: dict[str, object] = {
            "version": _VERSION,
            "incidents": [_written(incident) for incident in self.incidents],
            "tried": {name: [one.failures, one.until_ms] for name, one in self.tried.items()},
        }
        taken = [name for name, one in self.tried.items() if one.taken]
        if taken:  # beside `tried`, where an earlier version passes over it
            document["taken"] = taken
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @classmethod
    def of_text(cls, text: str | None) -> "Record":
        """Empty for what another version wrote, or what is damaged: what is still wrong is then told once more."""
        try:
            document = json.loads(text) if text else None
            if not document or document["version"] != _VERSION:
                return cls()
            taken = document.get("taken", [])
            tried = {
                name: Tried(_whole(failures), _whole(until_ms), taken=name in taken)
                for name, (failures, until_ms) in document["tried"].items()
            }
            return cls([_read(one) for one in document["incidents"]], tried)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return cls()


_MOMENTS: Final = ("since_ms", "open_ms", "gone_ms", "over_ms", "again_ms")


def _written(incident: Incident) -> dict[str, object]:
    seen = incident.seen
    return {
        "key": seen.key,
        "level": int(seen.level),
        "what": seen.what,
        "fault": seen.fault.name,
        "do": seen.do,
        "partitions": list(seen.partitions),
        "runs": list(seen.runs),
        **{name: getattr(incident, name) for name in _MOMENTS if getattr(incident, name) is not None},
        "told": dict(incident.told),
    }


def _read(one: dict[str, Any]) -> Incident:
    seen = Observation(
        one["key"],
        Level(one["level"]),
        one["what"],
        Fault[one["fault"]],
        one["do"],
        tuple(one["partitions"]),
        tuple(one["runs"]),
    )
    told = {receiver: _whole(level) for receiver, level in one["told"].items()}
    return Incident(seen, told=told, **{name: _whole(one[name]) for name in _MOMENTS if name in one})


def _whole(number: object) -> int:
    if type(number) is not int:
        raise TypeError("no whole number")
    return number
