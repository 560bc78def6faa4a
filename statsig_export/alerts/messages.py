"""What a message says: destination, what is wrong, whose fault, what to do, a link to the run. Pure.

It holds what the findings hold: no secret and nothing of an event. A receiver gets one message however much there is.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from statsig_export.alerts.incidents import Incident, Turn
from statsig_export.terminal_text import escaped

_MOST_TOLD: Final = 20
"""Incidents in one text: the rest is counted."""
_LONGEST: Final = 600
"""Characters of one sentence: an answer of others may be part of it."""
_HEADS: Final = {Turn.BEGAN: "", Turn.WORSE: "WORSE: ", Turn.OVER: "OVER: "}


@dataclass(frozen=True, slots=True)
class Message:
    """What one receiver is told at one time."""

    destination: str
    told: Sequence[tuple[Incident, Turn]]
    dagster_url: str | None = None

    @property
    def id(self) -> str:
        """The same for the same news: a receiver that gets it twice can tell."""
        parts = [f"{turn} {one.seen.key} {one.since_ms} {one.seen.level}" for one, turn in self.told]
        return hashlib.sha256("\n".join([self.destination, *parts]).encode(errors="backslashreplace")).hexdigest()[:32]

    @property
    def subject(self) -> str:
        first, turn = self.told[0]
        more = f" and {len(self.told) - 1} more" if len(self.told) > 1 else ""
        return f"statsig-export {self.destination}: {_HEADS[turn]}{_line(first.seen.what)[:120]}{more}"

    @property
    def text(self) -> str:
        """For people, without markup."""
        parts = [self._paragraph(incident, turn) for incident, turn in self.told[:_MOST_TOLD]]
        left = len(self.told) - len(parts)
        return "\n\n".join([*parts, *([f"and {left} more: `statsig-export check` names them"] if left else [])])

    @property
    def slack(self) -> bytes:
        """As Slack's incoming webhooks take it: no text of others mentions somebody or becomes a link."""
        shown = self.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        shown = shown.replace("@", "@\u200b")  # Mattermost and Rocket.Chat take a bare @channel for a mention
        return _json({"text": f"*statsig-export {self.destination}*\n{shown}", "unfurl_links": False})

    @property
    def document(self) -> bytes:
        """For programs."""
        return _json(
            {
                "id": self.id,
                "destination": self.destination,
                "text": self.text,
                "incidents": [self._object(incident, turn) for incident, turn in self.told],
            }
        )

    def _paragraph(self, incident: Incident, turn: Turn) -> str:
        seen = incident.seen
        if turn is Turn.OVER:
            return f"OVER: {_line(seen.what)}\n  from {_utc(incident.since_ms)} to {_utc(incident.over_ms)}"
        lines = [
            f"{_HEADS[turn]}{seen.level.name}: {_line(seen.what)}",
            f"  whose fault: {seen.fault.value}",
            f"  what to do: {_line(seen.do)}",
        ]
        lines += [f"  concerns: {', '.join(map(_line, seen.partitions))}"] if seen.partitions else []
        lines += [f"  run: {self._link(run)}" for run in seen.runs]
        return "\n".join([*lines, f"  since {_utc(incident.since_ms)}"])

    def _object(self, incident: Incident, turn: Turn) -> dict[str, object]:
        seen = incident.seen
        return {
            "key": seen.key,
            "state": turn.value,
            "level": seen.level.name,
            "what": _line(seen.what),
            "fault": seen.fault.name.lower(),
            "do": _line(seen.do),
            "partitions": [_line(name) for name in seen.partitions],
            "runs": [self._link(run) for run in seen.runs],
            "since": _iso(incident.since_ms),
            "until": _iso(incident.over_ms) if turn is Turn.OVER else None,
        }

    def _link(self, run: str) -> str:
        run = _line(run)
        return run if self.dagster_url is None else f"{self.dagster_url}/runs/{run}"


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _line(text: str) -> str:
    """One line of limited length, without what could steer a terminal."""
    line = escaped(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _iso(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def _utc(ms: int | None) -> str:
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
