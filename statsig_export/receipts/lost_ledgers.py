"""A ledger that is lost, without a backup: its receipts lie in the storage under its own id.

A new ledger that takes this id is an older ledger, which is brought up to its receipts.
"""

import logging
from contextlib import suppress

from statsig_export.errors import ConfigError, StorageError
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.load import NOT_EMPTY, holds_anything, take_id
from statsig_export.ledger.queries import ledger_id
from statsig_export.receipts.folders import FOLDER, ids_among, named
from statsig_export.storage.place import Place

log = logging.getLogger(__name__)


def say_what_is_lost(database: LedgerDatabase, place: Place, destination: str) -> None:
    """Say in the log of a ledger that holds nothing that another one has sent events of this destination. A storage
    that cannot be listed, which no export needs, says nothing.
    """
    others: list[str] = []
    with suppress(StorageError):
        if not holds_anything(database):
            others = ledgers_of(place, destination, but=ledger_id(database))
    if others:
        log.warning(
            "the ledger is new, and another one has sent events to %s from this storage (%s): what that one sent is"
            " sent again, under the same ids. If it is lost, end this run, remove this ledger, and `statsig-export"
            " restore --lost ID` takes over what the storage knows of it",
            destination,
            named(others),
        )


def ledgers_of(place: Place, destination: str, but: str = "") -> list[str]:
    """The ids of the ledgers that have left receipts of a destination, `but` for one."""
    return [name for name in _all(place) if name != but and destination in place.folders(f"{FOLDER}/{name}")]


def require_receipts(place: Place, lost: str) -> None:
    """Raises ConfigError where the storage has no receipt of that ledger."""
    known = _all(place)
    if lost not in known:
        has = f"those of {', '.join(known)}" if known else "none"
        raise ConfigError(f"the storage {place.place} has no receipts of the ledger {lost!r}: it has {has}")


def _all(place: Place) -> list[str]:
    """The ids of the ledgers that have left something."""
    return ids_among(place.folders(FOLDER))


def become(database: LedgerDatabase, lost: str) -> None:
    """Make a ledger that holds nothing the one that is lost, as it was when it was made.

    Raises ConfigError, and changes nothing, where it holds something.
    """
    if holds_anything(database):
        raise ConfigError(
            NOT_EMPTY,
            hint="--lost is for a new one: name one in [ledger] url that is not there yet; after a kill, restore"
            " without --lost goes on",
        )
    take_id(database, lost)
