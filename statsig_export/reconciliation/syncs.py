"""What a connection's syncs say of events that are not there: by when one had to bring them. Pure.

Fivetran tells when a sync ended, not when it began. A connection runs one sync at a time; so a sync that succeeded
began after every moment before its end at which another had ended, or none was running. Those moments are remembered
from one look to the next. Where none is known, the sync has lasted `grace` at most.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Final, Self

from statsig_export.reconciliation.connection import Connection

QUEUED_MS: Final = 60_000
"""So long before a sync began an attempt must have ended for the sync to have found its events: Fivetran does not say
how soon a sync sees what was answered 2xx."""
LAG_MS: Final = 10_000
"""So long after a connection looks idle the end of its last sync may still be told; no sync is shorter."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What earlier looks at a connection have left. Times are ms since the epoch by Fivetran's clock: the same one
    compared over and over, since ours is only known to differ to the second.
    """

    succeeded_ms: int | None = None
    """When the latest sync that succeeded ended."""
    began_ms: int | None = None
    """That sync began then or later."""
    idle_ms: int | None = None
    """When the connection was last seen without a running sync."""
    asked_ms: int | None = None
    """When we last asked for a sync; by our own clock."""
    ahead_ms: int | None = None
    """How much our own clock was ahead of Fivetran's at the last look."""

    @classmethod
    def of_text(cls, text: str | None) -> Self:
        """What `text` made. Of a later version that it does not know nothing is kept."""
        found = json.loads(text) if text else {}
        return cls(**{one.name: found.get(one.name) for one in fields(cls)})

    @property
    def covered_ms(self) -> int:
        """What was accepted by then, by our own clock, a sync that succeeded has brought; 0 where none is known to."""
        return 0 if self.began_ms is None else self.began_ms + (self.ahead_ms or 0)

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def seen(before: Seen, now: Connection) -> Seen:
    """What is known after another look. Of two looks at once either may come first."""
    idle_ms = _latest(before.idle_ms, now.asked_ms if now.idle else None)
    after = replace(before, idle_ms=idle_ms, ahead_ms=now.ahead_ms)
    ended_ms = now.succeeded_ms
    if ended_ms is None or (before.succeeded_ms is not None and ended_ms < before.succeeded_ms):
        return after
    failed_ms = now.failed_ms if now.failed_ms is not None and now.failed_ms < ended_ms else None
    if ended_ms == before.succeeded_ms:
        return replace(after, began_ms=_latest(before.began_ms, failed_ms))
    idle_before = before.idle_ms if before.idle_ms is not None and before.idle_ms < ended_ms - LAG_MS else None
    began_ms = _latest(before.succeeded_ms, failed_ms, idle_before)
    return replace(after, succeeded_ms=ended_ms, began_ms=began_ms)


def overdue_ms(known: Seen, grace_ms: int) -> int | None:
    """What was last attempted by then, by Fivetran's clock, the latest good sync had to bring; None: nothing."""
    if known.succeeded_ms is None:
        return None
    begun = None if known.began_ms is None else known.began_ms - QUEUED_MS
    return _latest(begun, known.succeeded_ms - grace_ms)


def _latest(*moments: int | None) -> int | None:
    return max((moment for moment in moments if moment is not None), default=None)
