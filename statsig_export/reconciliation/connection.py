"""How a connection in Fivetran stands, out of an answer of its REST API. Pure.

Fivetran says when a sync succeeded or failed last, and not when it began.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

_IDLE: Final = "scheduled"
"""The state in which no sync runs. One that is `rescheduled` has begun, and goes on later; a connection that
is `paused` may have been paused in the middle of one, and nothing says that it was stopped.
"""
_SERVICE: Final = "webhooks"
_WORD: Final = re.compile(r"[a-z_]{1,30}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.$-]{1,255}")
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2200
_MEANWHILE_MS: Final = 300_000
"""So long after it was asked a sync may have ended, by far: an answer takes seconds, and may come without its date."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Why the API did not say what it was asked: in our own words, without anything of its answer."""

    why: str


@dataclass(frozen=True, slots=True)
class Connection:
    """How a connection stands. Times are ms since the epoch by Fivetran's clock; None: never."""

    asked_ms: int
    """When it was asked: what is said here held then or later."""
    ahead_ms: int
    """How much our own clock is ahead of Fivetran's, to the second."""
    name: str
    paused: bool
    setup_state: str
    """connected, incomplete or broken."""
    sync_state: str
    """scheduled, syncing, paused or rescheduled."""
    succeeded_ms: int | None
    """When a sync last ended well."""
    failed_ms: int | None
    """When one last ended otherwise."""
    rescheduled_ms: int | None = None
    """When the sync that Fivetran has put off goes on."""
    schedule_type: str = "auto"
    """auto, or manual: then nothing syncs by itself."""

    @property
    def idle(self) -> bool:
        return self.sync_state == _IDLE


def connection_of(document: Mapping[str, Any], asked_ms: int, ahead_ms: int) -> Connection | Untold:
    """What an answer says that was asked for at `asked_ms` by our own clock, `ahead_ms` ahead of Fivetran's."""
    if document.get("service") != _SERVICE:
        return Untold("this connection is none of Webhooks: look at arrivals.connection")
    try:
        status: Mapping[str, Any] = document["status"]
        return Connection(
            asked_ms=asked_ms - ahead_ms,
            ahead_ms=ahead_ms,
            name=_name(document.get("schema")),
            paused=_flag(document.get("paused")),
            setup_state=_word(status["setup_state"]),
            sync_state=_word(status["sync_state"]),
            succeeded_ms=_past(document.get("succeeded_at"), asked_ms - ahead_ms),
            failed_ms=_past(document.get("failed_at"), asked_ms - ahead_ms),
            rescheduled_ms=_moment(status.get("rescheduled_for")),
            schedule_type=_word(document.get("schedule_type") or "auto"),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return Untold("its answer is not as Fivetran describes it: it says nothing of the syncs")


def _word(text: object) -> str:
    """A state, which reports say: one word, as Fivetran's are. Raises ValueError, TypeError for anything else."""
    if not isinstance(text, str):
        raise TypeError("no word")
    if _WORD.fullmatch(text) is None:
        raise ValueError("no word of Fivetran's")
    return text


def _name(text: object) -> str:
    """A schema, or schema and table; nothing of what may be a sentence."""
    return text if isinstance(text, str) and _NAME.fullmatch(text) else ""


def _flag(value: object) -> bool:
    """Raises TypeError for what is none: a text `"false"` is no truth."""
    if value is not None and not isinstance(value, bool):
        raise TypeError("no flag")
    return bool(value)


def _past(text: object, asked_ms: int) -> int | None:
    """When a sync has ended. Raises ValueError too for one that would end later: it would be believed until then."""
    ended_ms = _moment(text)
    if ended_ms is not None and ended_ms > asked_ms + _MEANWHILE_MS:
        raise ValueError("no sync has ended in the future")
    return ended_ms


def _moment(text: object) -> int | None:
    """A time of the API. Raises ValueError, TypeError for what is none."""
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise TypeError("no time")
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError("no time at which anything was synced")
    return round(moment.timestamp() * 1000)


def document_in(body: bytes) -> Mapping[str, Any] | None:
    """The object that an answer of the API is about; None where it is no such answer."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    inner = found.get("data") if isinstance(found, dict) else None
    return inner if isinstance(inner, dict) else None
