"""Brings an older ledger up to the storage: what was sent, pruned or taken out since, and who is forgotten.

Nobody else may be at work. What the receipts of a partition say takes the place of what the ledger says of it, in one
transaction for all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from statsig_export.config import Config
from statsig_export.errors import LedgerError
from statsig_export.ledger.load import put_all_back, refuse_while_held
from statsig_export.ledger.partition_rows import Rows
from statsig_export.ledger.queries import ledger_id
from statsig_export.ledger.transactions import existing_ledger, ledger_of, ledger_place
from statsig_export.receipts import forgotten
from statsig_export.receipts.lost_ledgers import become, require_receipts
from statsig_export.receipts.receipts import all_ahead, folder_of, path_of
from statsig_export.runs import REAL_TIME
from statsig_export.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What the storage knew and the ledger did not."""

    partitions: tuple[str, ...] = ()
    """`category|window`; of several destinations, one after another."""
    forgotten: int = 0
    """Ids that are on record again as forgotten: `forget` has to look for their events."""
    unknown_forgotten: int = 0
    """Ids that are forgotten, and of which this ledger cannot be told: name all of them to `forget --file` again."""
    accepted: bool = False
    """Whether all this was given up instead: it is sent, or exported, again."""


def take_over(config: Config, lost: str) -> CaughtUp:
    """Begin the ledger that is lost anew, by its id, and take from the storage what it knew. Raises ConfigError where
    the configured one holds something, or the storage knows nothing of the other; and as `catch_up`.
    """
    with Storage(config.storage_url()) as storage:
        require_receipts(storage, lost)  # first: to ask for the ledger makes one
    with ledger_of(config) as ledger:
        become(ledger.database, lost)
    return catch_up(config)


def catch_up(config: Config, *, accept_loss: bool = False) -> CaughtUp:
    """Take from the storage what the ledger does not know; or, with `accept_loss`, remove it there, so that it is sent
    and exported again. Raises LedgerError, also where there is no ledger, or a run is at work with it; StorageError.
    """
    with existing_ledger(config) as ledger, Storage(config.storage_url()) as storage:
        if ledger is None:
            raise LedgerError(
                f"there is no ledger to bring up to date at {ledger_place(config)}",
                hint="restore one from a backup: restore SOURCE; without one: restore --lost ID, of the folders in"
                " receipts/ of the storage",
            )
        database = ledger.database
        refuse_while_held(database)
        database.bring_up_to_date()
        names = list(forgotten.destinations(database, storage))
        if accept_loss:
            keys = []
            for receipt in list(all_ahead(database, storage)):
                folder = folder_of(ledger_id(database), receipt.destination)
                storage.delete(path_of(folder, receipt.category, receipt.window))
                keys.append(receipt.name)
            for name in names:
                forgotten.write_forgotten(database, storage, name, give_up_others=True)
            return CaughtUp(tuple(keys), accepted=True)
        keys = []

        def taken() -> Iterator[Rows]:
            for receipt in all_ahead(database, storage):
                keys.append(receipt.name)
                yield receipt.rows

        put_all_back(database, taken())
        adopted = unknown = 0
        for name in names:
            found, lost = forgotten.adopt_forgotten(database, storage, name, REAL_TIME.now_ms())
            adopted, unknown = adopted + found, unknown + lost
            if found:
                forgotten.write_forgotten(database, storage, name)
        return CaughtUp(tuple(keys), adopted, unknown)
