"""Files with events that no partition names: what a killed export has left, what one under way is about to name, or
another ledger's on the same storage.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from statsig_export.errors import PartitionFileError
from statsig_export.events.people import Forgotten
from statsig_export.forgetting.rewriting import rows_of
from statsig_export.ledger import forgetting, retention
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import forgotten_people
from statsig_export.storage.files import StoredFile, UnnamedFile
from statsig_export.storage.storage import Storage


def unnamed_files(database: LedgerDatabase, storage: Storage) -> list[str]:
    """In the order of their paths. Old files of a `forget` that are still to be removed are no such files."""
    known = retention.destinations(database)
    needed = retention.needed_files(database)
    needed |= {file.path for name in known for file in forgetting.replaced(database, name, known)}
    return sorted(path for path in storage.partition_files() if path.startswith("events/") and path not in needed)


def those_of(storage: Storage, paths: Sequence[str], people: Forgotten) -> list[str]:
    """Those with events of these people, and those that cannot be read, of which nobody knows. Raises StorageError."""
    return [path for path in paths if people and _may_hold(storage, path, people)]


def remove_published(database: LedgerDatabase, storage: Storage, destination: str, files: Iterable[StoredFile]) -> None:
    """An export has made these files durable, and may not name them since somebody was forgotten meanwhile: remove
    those that have events of somebody who is, and that nobody names.

    With several destinations another one's export may be about to name the same file: then it stays, and `forget`
    names it.
    """
    if len(set(retention.destinations(database)) | {destination}) > 1:
        return
    people, named = forgotten_people(database, destination), retention.needed_files(database)
    for file in files:
        if people and file.path not in named:
            with suppress(PartitionFileError):
                if rows_of(storage, file, people).any():
                    storage.remove(file.path)


def _may_hold(storage: Storage, path: str, people: Forgotten) -> bool:
    try:
        return bool(rows_of(storage, UnnamedFile(path), people).any())
    except PartitionFileError:
        return storage.facts(path) is not None
