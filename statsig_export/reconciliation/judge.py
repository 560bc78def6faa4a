"""By when an event had to be there: by the syncs of its connection in Fivetran, or by `grace`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from statsig_export.config import Config
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.notes import change_note
from statsig_export.reconciliation.connection import Connection, Untold
from statsig_export.reconciliation.fivetran_api import FivetranApi
from statsig_export.reconciliation.reports import Judged
from statsig_export.reconciliation.syncs import Seen, overdue_ms, seen
from statsig_export.runs import REAL_TIME

CONNECTED = "connected"
INCOMPLETE = "incomplete"
MANUAL = "manual"
_BY_GRACE: Final = (
    "So `grace` says what is missing: of a sync that failed or was late it knows nothing, and `replay --missing` sends "
    "only what a sync had to bring by what Fivetran said before."
)


def judged(config: Config, database: LedgerDatabase, now_ms: int) -> Judged:
    """Ask the connection, where one is named, and remember what it says. Call it before the table is read: what a sync
    has brought by now is there then. Raises ConfigError, LedgerError.
    """
    settings = config.arrivals_settings()
    grace_ms = round(settings.grace.total_seconds() * 1000)
    by_grace_ms = now_ms - grace_ms
    if settings.connection is None:
        return Judged("grace", by_grace_ms, by_grace_ms)
    found = FivetranApi(config, REAL_TIME.now_ms).connection()
    if isinstance(found, Untold):
        unasked = f"Fivetran's API was not heard on the connection {settings.connection}: {found.why}."
        sure_ms = _until_ms(change_seen(config, database, lambda before: before), grace_ms)
        return Judged("grace", max(by_grace_ms, sure_ms or 0), sure_ms, settings.connection, says=(unasked, _BY_GRACE))
    known = look(config, database, found)
    until_ms = _until_ms(known, grace_ms)
    return Judged(
        by="syncs",
        until_ms=until_ms,
        sure_ms=until_ms,
        connection=settings.connection,
        succeeded=None if found.succeeded_ms is None else moment(found.succeeded_ms),
        failed=None if found.failed_ms is None else moment(found.failed_ms),
        began=None if known.began_ms is None else moment(known.began_ms),
        says=(*what_is_wrong(config, found), *_otherwise_named(config, found)),
    )


def _until_ms(known: Seen, grace_ms: int) -> int | None:
    """`overdue_ms`, by our own clock."""
    until = overdue_ms(known, grace_ms)
    return None if until is None else until + (known.ahead_ms or 0)


def look(config: Config, database: LedgerDatabase, found: Connection) -> Seen:
    """Remember what a look at the connection has found. Raises LedgerError."""
    return change_seen(config, database, lambda before: seen(before, found))


def change_seen(config: Config, database: LedgerDatabase, change: Callable[[Seen], Seen]) -> Seen:
    """What is known of the connection, changed in one transaction. Raises LedgerError."""
    names = (config.webhook.name, config.arrivals_settings().connection or "")
    return Seen.of_text(change_note(database, "syncs", names, lambda text: change(Seen.of_text(text)).text))


def what_is_wrong(config: Config, found: Connection) -> Iterator[str]:
    """What keeps a connection from syncing, or its last sync from having brought anything. Whose fault, what to do."""
    settings = config.arrivals_settings()
    name = f"The connection {settings.connection}"
    if found.paused or found.sync_state == "paused":
        yield f"{name} is paused: nothing more arrives until somebody resumes it in Fivetran."
    elif found.setup_state != CONNECTED:
        or_else = "" if found.setup_state == INCOMPLETE else ", or a sync succeeds"
        yield f"{name} is {found.setup_state}: nothing more arrives until somebody mends it in Fivetran{or_else}."
    elif found.rescheduled_ms is not None and found.sync_state == "rescheduled":
        yield f"{name} was rescheduled by Fivetran to {_utc(found.rescheduled_ms)}: nothing more arrives before."
    elif found.sync_state == "rescheduled":
        yield f"{name} was rescheduled by Fivetran: nothing more arrives before its sync goes on."
    elif found.schedule_type == MANUAL and not settings.sync_after_shipment:
        yield f"{name} syncs only when it is asked to: its own schedule is off (schedule_type manual)."
    if found.succeeded_ms is None:
        yield f"{name} has never had a sync that succeeded: nothing can have arrived."
    if found.failed_ms is not None and found.failed_ms > (found.succeeded_ms or 0):
        yield f"{name}: its last sync failed at {_utc(found.failed_ms)}; the connection's log in Fivetran says why."


def _otherwise_named(config: Config, found: Connection) -> Iterator[str]:
    """A connection of another table says nothing of this one; but a view may be called otherwise."""
    settings = config.arrivals_settings()
    wanted = {part.lower() for part in (*(settings.schema_ or "").split("."), settings.table) if part}
    if found.name and not wanted & {part.lower() for part in found.name.split(".")}:
        yield (
            f"The connection {settings.connection} writes to {found.name}, and [arrivals] names {settings.table}: "
            "if that is no view of it, the connection is another one's."
        )


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _utc(ms: int) -> str:
    return f"{moment(ms):%Y-%m-%d %H:%M:%S} UTC"
