"""Incidents: what was found, for how long, and who has been told. Pure: time is an argument, in ms since the epoch.

    seen -> (held for `after`) open -> (not seen for `over_after`) over -> (everybody told) forgotten

Nothing is an event that could be lost. What a receiver should know follows from the incident, what it has been told is
remembered per receiver, and the difference is what it is owed: however long a receiver, the ledger or this process was
away, the next tick owes the same. A clock that goes back restarts a wait, and never makes one that has no end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from statsig_export.monitoring.rules import Fault, Finding, Level

KEPT_MS: Final = 7 * 86_400_000
"""For so long the end of an incident is tried to be told to somebody who cannot be reached."""
OVER: Final = 0
"""In `told`: that it is over. Any other number is the level that was told."""
_MOST_NAMES: Final = 10


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that is wrong now."""

    key: str
    """What makes it the same incident as the one seen before."""
    level: Level
    what: str
    fault: Fault
    do: str
    partitions: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    """Ids of Dagster's runs, the newest first."""

    @classmethod
    def of(cls, finding: Finding) -> "Observation":
        names = finding.partitions[:_MOST_NAMES]
        return cls(finding.kind.value, finding.level, finding.what, finding.fault, finding.do, names)


class Turn(StrEnum):
    """What a receiver is told of an incident."""

    BEGAN = "began"
    WORSE = "worse"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that is wrong, or was."""

    seen: Observation
    """As it was when it was last worth telling: once somebody was told, it changes only when it gets worse."""
    since_ms: int
    open_ms: int | None = None
    """When it had held for long enough; None before."""
    gone_ms: int | None = None
    """Since when it is not seen; None while it is."""
    over_ms: int | None = None
    """Since when it is over; None before that is certain."""
    again_ms: int | None = None
    """Since when it is seen again, after it was over."""
    told: Mapping[str, int] = field(default_factory=dict)
    """Receiver -> the level that it was told, or OVER."""

    def owed(self, receiver: str) -> Turn | None:
        """What the receiver is still to be told."""
        told = self.told.get(receiver)
        if self.over_ms is not None:
            return None if told == OVER else Turn.OVER
        if self.open_ms is None:
            return None
        if told is None:
            return Turn.BEGAN
        return Turn.WORSE if told == Level.WARNING and self.seen.level is Level.CRITICAL else None

    def having_told(self, receiver: str, turn: Turn) -> "Incident":
        level = OVER if turn is Turn.OVER else int(self.seen.level)
        return replace(self, told={**self.told, receiver: level})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something has to be so before it is told."""

    after_ms: int
    over_after_ms: int

    @classmethod
    def of(cls, after: timedelta, over_after: timedelta) -> "Patience":
        a_ms = timedelta(milliseconds=1)
        return cls(after // a_ms, over_after // a_ms)


def followed(
    known: Iterable[Incident],
    seen: Sequence[Observation],
    receivers: Sequence[str],
    patience: Patience,
    now_ms: int,
) -> list[Incident]:
    """The incidents after one more look."""
    now = {one.key: one for one in seen}
    before = {incident.seen.key: incident for incident in known}
    after: list[Incident] = []
    for key, incident in before.items():
        turned = _not_ahead(incident, now_ms)
        next_one = _seen(turned, now[key], patience, now_ms) if key in now else _unseen(turned, patience, now_ms)
        if next_one is not None and not _is_settled(next_one, receivers, now_ms):
            after.append(next_one)
    new = [Incident(one, now_ms) for key, one in now.items() if key not in before]
    return after + [_opened(incident, patience, now_ms) for incident in new]


def _seen(incident: Incident, now: Observation, patience: Patience, now_ms: int) -> Incident:
    if incident.over_ms is not None:
        again = incident.again_ms if incident.again_ms is not None else now_ms
        if now_ms - again < patience.after_ms:
            return replace(incident, again_ms=again)
        told = {receiver: level for receiver, level in incident.told.items() if level != OVER}
        return Incident(now, again, open_ms=now_ms, told=told)
    worse = now.level is Level.CRITICAL and incident.seen.level is Level.WARNING
    shown = now if worse or not incident.told else incident.seen
    return _opened(replace(incident, seen=shown, gone_ms=None), patience, now_ms)


def _opened(incident: Incident, patience: Patience, now_ms: int) -> Incident:
    if incident.open_ms is None and now_ms - incident.since_ms >= patience.after_ms:
        return replace(incident, open_ms=now_ms)
    return incident


def _unseen(incident: Incident, patience: Patience, now_ms: int) -> Incident | None:
    """None: it never held for long enough, so nobody hears of it."""
    if incident.over_ms is not None:
        return replace(incident, again_ms=None)
    if incident.open_ms is None:
        return None
    gone = incident.gone_ms if incident.gone_ms is not None else now_ms
    over = gone if now_ms - gone >= patience.over_after_ms else None
    return replace(incident, gone_ms=gone, over_ms=over)


def _is_settled(incident: Incident, receivers: Sequence[str], now_ms: int) -> bool:
    """Whether it is over and everybody knows, or was tried for long enough."""
    if incident.over_ms is None or incident.again_ms is not None:
        return False
    everybody = all(incident.told.get(receiver) == OVER for receiver in receivers)
    return everybody or now_ms - incident.over_ms > KEPT_MS


def _not_ahead(incident: Incident, now_ms: int) -> Incident:
    """With no moment in the future: the clock was put back, and what began then began now."""

    def capped(moment: int | None) -> int | None:
        return None if moment is None else min(moment, now_ms)

    return replace(
        incident,
        since_ms=min(incident.since_ms, now_ms),
        open_ms=capped(incident.open_ms),
        gone_ms=capped(incident.gone_ms),
        over_ms=capped(incident.over_ms),
        again_ms=capped(incident.again_ms),
    )
