"""Restores: checks the whole backup first, then puts the files back, then fills the ledger in one transaction.

The ledger comes last: until it is there, files that were put back count for nothing. Killed before, the same restore is
run again, and goes on with the files that are not there yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from statsig_export.backup.backup import manifests, read_manifest
from statsig_export.backup.catching_up import CaughtUp, catch_up
from statsig_export.backup.files import copy_all, faults_of, has, needed_files
from statsig_export.backup.manifest import Manifest
from statsig_export.backup.tables import broken, check_table, read_table
from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.ledger.load import NEWEST, NOT_EMPTY, holds_anything, load, refuse_while_held
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.runs import no_progress
from statsig_export.storage.files import KnownFile
from statsig_export.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored, or would be."""

    name: str
    place: str
    """The backup's, without what its URL may hold of secrets."""
    made: str
    """When the backup was taken, ISO 8601, UTC."""
    dry_run: bool
    ledger_rows: int
    files: int
    """That the ledger names."""
    copied_files: int
    """Of those, what the storage did not have, or not whole."""
    copied_bytes: int
    caught_up: CaughtUp = field(default_factory=CaughtUp)
    """What the storage knew that the backup did not: a storage that outlived its ledger."""


def restore(
    config: Config,
    source: str,
    *,
    name: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> RestoreReport:
    """Make ledger and storage what they were when a backup was taken: the newest in `source`, or that of this name.

    The ledger may live in a database of another kind than it did. Files of the storage that the backup does not know
    stay. With `dry_run` the backup is checked, byte for byte, and nothing is changed.
    What the storage knows that the backup does not (receipts) is taken from there after that.
    Raises ConfigError, and changes nothing, where the ledger holds something, unless `force` says to replace it;
    LedgerError, and changes nothing, where the backup is not whole, not ours, or of a newer version; StorageError.
    """
    advance = on_progress or no_progress
    with Storage(source, named="the backup", key="SOURCE") as copy, Storage(config.storage_url()) as storage:
        if copy.is_same(storage):
            raise ConfigError("the backup is the storage itself", hint="name where `statsig-export backup` put it")
        manifest = _chosen(copy, name)
        if not dry_run:
            _refuse_what_is_there(config, force=force)
        needed = _checked(copy, manifest)
        missing = _missing(storage, needed, advance)
        faults = faults_of(copy, needed.values() if dry_run else missing, advance)
        if faults:
            raise broken(faults)
        reach(CrashPoint.CHECKED)
        copied = 0
        if not dry_run:
            copied, lost = copy_all(copy, missing, storage, advance)
            if lost:
                raise broken(lost)
            reach(CrashPoint.FILES_BACK)
            tables = (read_table(table, copy) for table in manifest.tables)
            load(config.ledger_url(), manifest.schema_version, tables, force=force)
    caught_up = CaughtUp() if dry_run else catch_up(config)
    return RestoreReport(
        name=manifest.name,
        place=copy.place,
        made=manifest.made,
        dry_run=dry_run,
        ledger_rows=sum(table.rows for table in manifest.tables),
        files=len(needed),
        copied_files=len(missing),
        copied_bytes=copied,
        caught_up=caught_up,
    )


def _chosen(copy: Storage, name: str | None) -> Manifest:
    if name is not None:
        return _readable(read_manifest(copy, name))
    found = manifests(copy)
    if not found:
        raise LedgerError(
            f"there is no backup in {copy.place}",
            hint="name the folder or bucket that `statsig-export backup` was given: one that was interrupted is none",
        )
    return _readable(found[-1])


def _readable(manifest: Manifest) -> Manifest:
    if manifest.schema_version > NEWEST:
        raise LedgerError(
            f"the backup's ledger has schema version {manifest.schema_version}, this statsig-export knows version "
            f"{NEWEST} and older",
            hint="restore it with the version that made it, or a newer one",
        )
    return manifest


def _refuse_what_is_there(config: Config, *, force: bool) -> None:
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return
        if not force and holds_anything(ledger.database):
            raise ConfigError(NOT_EMPTY, hint="--force replaces what it holds")
        refuse_while_held(ledger.database)


def _checked(copy: Storage, manifest: Manifest) -> dict[str, KnownFile]:
    """The files that the backup has by its own account, all of them there. Raises LedgerError."""
    sizes = copy.sizes("ledger") | copy.sizes("events") | copy.sizes("quarantine")
    gone = {table.path: "is not there" for table in manifest.tables if sizes.get(table.path) is None}
    if gone:
        raise broken(gone)
    for table in manifest.tables:
        check_table(table, copy)
    needed = needed_files(manifest.tables, copy)
    if absent := {path: "is not there whole" for path, file in needed.items() if not has(sizes, file)}:
        raise broken(absent)
    return needed


def _missing(storage: Storage, needed: Mapping[str, KnownFile], advance: Callable[[int], None]) -> list[KnownFile]:
    """Those that the storage does not have, or not as they were written."""
    sizes = storage.sizes("events") | storage.sizes("quarantine")
    there = [file for file in needed.values() if has(sizes, file)]
    damaged = faults_of(storage, there, advance)
    return [file for path, file in needed.items() if path in damaged or not has(sizes, file)]
