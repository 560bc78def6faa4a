"""Backs up: the ledger as tables at one moment, then the partition files that it names, then the manifest.

Ship, export, prune and forget go on beside it. Partition files never change, so those that are in the target already
are not copied again. A file that a prune or a forget removed after that moment is no longer needed: another moment is
taken then. Until its manifest is written, last and at once, there is no backup.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from statsig_export.backup.files import copy_all, has, needed_files
from statsig_export.backup.manifest import (
    FOLDER,
    LONGEST,
    TABLES,
    BackupReport,
    Manifest,
    is_foreign,
    is_named_as_ours,
    name_at,
    names_in,
    path_of,
)
from statsig_export.backup.tables import write_table
from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import ConfigError, LedgerError, StorageError
from statsig_export.file_modes import OF_THE_GROUP
from statsig_export.ledger import retention
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.dump import dumped
from statsig_export.ledger.locks import open_locks
from statsig_export.ledger.queries import ledger_id
from statsig_export.ledger.transactions import ledger_place, ledger_to_read
from statsig_export.receipts.folders import FOLDER as RECEIPTS
from statsig_export.runs import no_progress
from statsig_export.storage.file_faults import damaged
from statsig_export.storage.foreign import warn_of_foreign
from statsig_export.storage.place import Place
from statsig_export.storage.storage import Storage
from statsig_export.version import VERSION

_TRIES: Final = 5
"""Moments that are taken where files are removed meanwhile."""
_LOCK: Final = "backup"


def backup(
    config: Config, target: str, *, keep: int | None = None, on_progress: Callable[[int], None] | None = None
) -> BackupReport:
    """Copy ledger and storage, as they are at one moment, to a folder or bucket (a path, or a URL of fsspec).

    With `keep`, older backups there are removed until so many are left, and what no backup needs any more.
    `on_progress` gets the events of each file that is copied. Raises ConfigError for a target that is a storage, inside
    this one or around it; LedgerError where there is no ledger, another backup of it is under way, or the target is
    another ledger's; PartitionFileError where a file that the ledger names is lost; StorageError. Whatever it raises,
    the backups that were there are there still.
    """
    with ledger_to_read(config) as ledger, Storage(config.storage_url()) as storage:
        if ledger is None:
            raise LedgerError(
                f"there is no ledger yet at {ledger_place(config)}, and so nothing to back up",
                hint="check [ledger] url",
            )
        place = Place(target, named="the backup's target", key="TARGET")
        if place.overlaps(storage):  # also by --keep, which removes what no backup needs
            raise ConfigError(
                "the target of a backup is the storage itself, inside it, or around it",
                hint="name a folder or bucket of its own, best on another disk",
            )
        with closing(open_locks(ledger.database.engine)) as locks:
            if not locks.acquire(_LOCK):
                raise LedgerError("another backup of this ledger is under way", hint="wait for it")
            return _backup(ledger.database, storage, place, keep, on_progress or no_progress)


def manifests(place: Place) -> list[Manifest]:
    """The backups of a target, oldest first. Raises LedgerError where one of them cannot be read."""
    return _by_age([read_manifest(place, name) for name in _names(place)])


def read_manifest(place: Place, name: str) -> Manifest:
    """One of the backups of a target. Raises LedgerError."""
    content = place.read(path_of(name))
    if content is None:
        raise LedgerError(f"{place.place} has no backup {name}", hint="name one that is there")
    return Manifest.from_bytes(content, f"{place.place}/{path_of(name)}")


def _names(place: Place) -> list[str]:
    """The names of the backups of a target, oldest first. What is foreign there is passed over, with a warning."""
    sizes = place.sizes(FOLDER)
    names = names_in(list(sizes))
    odd = {path_of(name) for name in names if not is_named_as_ours(name)}
    small = place.read_all([path for path in odd if sizes[path] <= LONGEST])
    foreign = {path for path in odd if path not in small or is_foreign(small[path])}
    warn_of_foreign(sorted(foreign), place, "manifests of backups")
    return [name for name in names if path_of(name) not in foreign]


def _backup(
    database: LedgerDatabase, storage: Storage, target: Place, keep: int | None, on_progress: Callable[[int], None]
) -> BackupReport:
    before, damaged_ones = _readable(target)
    mine = ledger_id(database)
    if any(found.ledger_id != mine for found in before):
        raise LedgerError(
            f"{target.place} holds backups of another ledger", hint="name a folder or bucket of its own for each ledger"
        )
    copied, copied_bytes = 0, 0
    sizes = _files_of_backups(target)
    for _ in range(_TRIES):
        made = datetime.now(UTC)
        with dumped(database) as dump:
            version = dump.version
            tables = [write_table(table, target) for table in dump.tables]
        reach(CrashPoint.SNAPSHOT)
        needed = needed_files(tables, target)
        missing = [file for file in needed.values() if not has(sizes, file)]
        size, lost = copy_all(storage, missing, target, on_progress)
        copied, copied_bytes = copied + len(missing) - len(lost), copied_bytes + size
        sizes |= {file.path: file.bytes or -1 for file in missing if file.path not in lost}
        if not lost:
            break
        still_needed = {path: fault for path, fault in lost.items() if path in retention.needed_files(database)}
        if still_needed:
            raise damaged(still_needed, "; no backup was made, those that were there are as they were")
    else:
        raise LedgerError("files were removed as fast as they could be backed up", hint="back up again")
    manifest = Manifest(
        name=name_at(made, max([*(found.name for found in before), *damaged_ones], default=None)),
        made=made.isoformat(timespec="seconds"),
        library_version=VERSION,
        schema_version=version,
        ledger_id=mine,
        files=len(needed),
        file_bytes=sum(file.bytes or 0 for file in needed.values()),
        tables=tuple(tables),
    )
    reach(CrashPoint.COMPLETE)
    target.write(manifest.path, manifest.to_bytes(), OF_THE_GROUP)
    # What a damaged manifest needs nobody knows: then nothing is removed.
    kept, removed, removed_files = _tidy(target, [*before, manifest], None if damaged_ones else keep)
    return BackupReport(
        name=manifest.name,
        place=target.place,
        made=manifest.made,
        ledger_rows=sum(table.rows for table in tables),
        files=len(needed),
        copied_files=copied,
        copied_bytes=copied_bytes,
        kept=kept,
        removed=removed,
        removed_files=removed_files,
        damaged=damaged_ones,
    )


def _readable(target: Place) -> tuple[list[Manifest], tuple[str, ...]]:
    """The backups of a target, oldest first, and the names of those whose manifest cannot be read."""
    found, damaged_ones = [], []
    for name in _names(target):
        try:
            found.append(read_manifest(target, name))
        except StorageError:
            raise
        except LedgerError:
            damaged_ones.append(name)
    return _by_age(found), tuple(damaged_ones)


def _by_age(found: Iterable[Manifest]) -> list[Manifest]:
    """Oldest first, by the names that they were given: a file may have been renamed."""
    return sorted(found, key=lambda manifest: manifest.name)


def _files_of_backups(target: Place) -> dict[str, int]:
    """The partition files of a target, with their bytes. Raises ConfigError where it is a storage, by mistake: --keep
    would remove all that no backup needs. A backup, also an interrupted one, has put a table of a ledger there first.
    """
    sizes = target.sizes("events") | target.sizes("quarantine")
    if target.sizes(RECEIPTS) or (sizes and not target.sizes(TABLES)):
        raise ConfigError(
            f"{target.place} is a storage: it has partition files that no backup has put there",
            hint="name a folder or bucket of its own",
        )
    return sizes


def _tidy(target: Place, all_of_them: list[Manifest], keep: int | None) -> tuple[int, tuple[str, ...], int]:
    """Remove unfinished files of interrupted backups; with `keep` also older backups, and what no backup needs then. A
    manifest goes first, so no backup is there that is not whole.
    """
    kept = all_of_them if keep is None else all_of_them[-keep:]
    old = all_of_them[: len(all_of_them) - len(kept)]
    for manifest in old:
        target.delete(manifest.path)
    needed = {table.path for manifest in kept for table in manifest.tables}
    left = set(target.sizes(TABLES)) - needed if keep is not None else set()
    files: set[str] = set()
    if keep is not None:
        stored = {path for manifest in kept for path in needed_files(manifest.tables, target)}
        files = (set(target.sizes("events")) | set(target.sizes("quarantine"))) - stored
    for path in (*left, *files, *target.unfinished()):
        target.delete(path)
    return len(kept), tuple(manifest.name for manifest in old), len(files)
