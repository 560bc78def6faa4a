"""Asks Fivetran for a sync of the connection, once something was shipped that none has brought.

It keeps nothing but when it last asked: each call holds the ledger against the connection, so a call that is lost, a
sync that fails or a process that dies heals at the next one. What is wrong is said, and fails nothing.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from statsig_export.config import Config
from statsig_export.ledger import arrivals as ledger_arrivals
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.transactions import ledger_of
from statsig_export.reconciliation.connection import Connection, Untold
from statsig_export.reconciliation.fivetran_api import FivetranApi
from statsig_export.reconciliation.judge import INCOMPLETE, MANUAL, change_seen, look, moment, what_is_wrong
from statsig_export.reconciliation.syncs import QUEUED_MS, Seen
from statsig_export.runs import REAL_TIME

AGAIN: Final = timedelta(minutes=15)
"""So long after it was asked for a sync, Fivetran is not asked again for the same events."""
_AGAIN_MS: Final = AGAIN // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What came of it."""

    says: str
    """For people."""
    asked: bool = False
    """Fivetran was asked for a sync, and took it."""
    due: bool = True
    """Something was shipped that no sync has brought."""
    wrong: bool = False
    """Something keeps a sync from being asked for."""


_BROUGHT: Final = SyncRequest("A sync has brought what was shipped.", due=False)


def request_sync(config: Config, *, settled: bool = False, now_ms: int | None = None) -> SyncRequest:
    """Ask for a sync if the webhook has accepted something that none has brought, and none is running.

    `settled`: what was accepted within the last minute is left to the next call, since a sync may not see it yet.
    Raises ConfigError, LedgerError; nothing for what Fivetran does.
    """
    now_ms = REAL_TIME.now_ms() if now_ms is None else now_ms
    with ledger_of(config) as ledger:
        newest = ledger_arrivals.accepted_until(
            ledger.database, config.webhook.name, now_ms - QUEUED_MS if settled else now_ms
        )
        if newest is None:
            return SyncRequest("Nothing was shipped that a sync could bring.", due=False)
        if change_seen(config, ledger.database, lambda before: before).covered_ms >= newest:
            return _BROUGHT
        return _hold_against(config, ledger.database, FivetranApi(config, REAL_TIME.now_ms), newest, now_ms)


def _hold_against(config: Config, database: LedgerDatabase, api: FivetranApi, newest: int, now_ms: int) -> SyncRequest:
    name = config.arrivals_settings().connection
    found = api.connection()
    if isinstance(found, Untold):
        return SyncRequest(f"No sync of {name} was asked for. Fivetran's API: {found.why}.", wrong=True)
    if look(config, database, found).covered_ms >= newest:
        return _BROUGHT
    if found.sync_state == "syncing":
        return SyncRequest(f"The connection {name} is syncing: what was shipped since that began waits for the next.")
    if not _can_sync(found):
        wrong = " ".join(what_is_wrong(config, found)) or f"The connection {name} is {found.sync_state}."
        return SyncRequest(wrong, wrong=True)
    return _asked(config, database, api, found, _Claim(newest, now_ms))


@dataclass(slots=True)
class _Claim:
    """The one of several processes at once that asks."""

    newest: int
    now_ms: int
    before: Seen | None = None
    """What the one that holds it has found; None for the others."""

    def take(self, known: Seen) -> Seen:
        asked = known.asked_ms
        if asked is not None and self.newest <= asked and abs(self.now_ms - asked) < _AGAIN_MS:
            return known
        self.before = known
        return replace(known, asked_ms=self.now_ms)

    def give_back(self, known: Seen) -> Seen:
        mine = self.before is not None and known.asked_ms == self.now_ms
        return replace(known, asked_ms=self.before.asked_ms) if self.before is not None and mine else known


def _asked(config: Config, database: LedgerDatabase, api: FivetranApi, found: Connection, claim: _Claim) -> SyncRequest:
    settings = config.arrivals_settings()
    known = change_seen(config, database, claim.take)
    if claim.before is None:
        since = f"{moment(known.asked_ms or 0):%H:%M:%S} UTC"
        failed = " ".join(what_is_wrong(config, found))
        return SyncRequest(f"A sync was asked for at {since}, and none has succeeded since. {failed}".strip())
    refused = api.sync()
    if refused is not None:
        change_seen(config, database, claim.give_back)
        return SyncRequest(f"No sync of {settings.connection} was started. Fivetran's API: {refused.why}.", wrong=True)
    says = f"Fivetran was asked for a sync of {settings.connection}."
    if settings.keep_schedule or found.schedule_type == MANUAL:
        return SyncRequest(says, asked=True)
    kept = api.turn_schedule_off()
    if kept is None:
        return SyncRequest(f"{says} Its own schedule is off from now on (keep_schedule = false).", asked=True)
    return SyncRequest(f"{says} Its own schedule stays on. Fivetran's API: {kept.why}.", asked=True, wrong=True)


def _can_sync(found: Connection) -> bool:
    """A sync that was put off goes on by itself, unless the schedule is off. A connection may be broken because
    its last sync failed for a passing reason: it is whole again once one succeeds.
    """
    if found.paused or found.setup_state == INCOMPLETE:
        return False
    if found.sync_state != "rescheduled":
        return found.idle
    waits = found.rescheduled_ms is not None and found.rescheduled_ms > found.asked_ms
    return found.schedule_type == MANUAL and not waits
