"""Removes the files, batches and attempts of old windows; their account and their runs are kept.

A partition can be pruned when its window ended before a given time and nothing of it is pending. The ledger is changed
first, in one transaction per partition, under the lock that shippers take; the files are removed after that. The files
that a killed prune left are removed by the next one.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from statsig_export.account import Account, total
from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import ConfigError, PartitionFileError
from statsig_export.ledger import retention, standings
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.lanes import lanes_of
from statsig_export.ledger.locks import acquire_all, groups_to_lock, open_locks
from statsig_export.ledger.pruned import PrunedPartition
from statsig_export.ledger.retention import Candidate, PrunedFile
from statsig_export.ledger.shards import remove_all_outdated, staged_files
from statsig_export.ledger.transactions import existing_ledger, ledger_to_read
from statsig_export.maintenance.removal import is_left_behind, remove_replaced, was_written_again
from statsig_export.moments import Moment, utc
from statsig_export.receipts.receipts import keep_receipts
from statsig_export.runs import no_progress
from statsig_export.storage.file_faults import GONE
from statsig_export.storage.files import FileFacts
from statsig_export.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was removed, or would be."""

    before: datetime
    dry_run: bool = False
    account: Account = field(default_factory=Account)
    """Of the partitions pruned by this call: the same before and after."""
    pruned: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    """Partitions that were left as they are, since something of them is still to be sent."""
    busy: tuple[str, ...] = ()
    """Likewise, since a shipper or another prune holds their lock."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """File -> what is wrong with it: it was not removed, or its partition was left as it is."""
    batches: int = 0
    attempts: int = 0
    files: int = 0
    """Files of pruned partitions, including those that an earlier prune left."""
    temporary_files: int = 0
    """Unfinished files of killed exports."""
    orphans: int = 0
    """Partition files that no partition names."""
    bytes: int = 0
    """Of all these files."""
    shared_files: int = 0
    """Files that were not removed, since another destination of the ledger has them too."""
    postponed_files: int = 0
    """Files that somebody wrote again within the last day, perhaps for another destination: for the next prune."""

    @property
    def complete(self) -> bool:
        """Whether nothing that was asked for is left."""
        return not (self.pending or self.busy or self.postponed_files or self.unreadable)


def prune(  # noqa: PLR0913  one a choice of the caller's
    config: Config,
    before: Moment,
    now: Moment,
    *,
    orphans: bool = False,
    missing: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> PruneReport:
    """Remove what is no longer needed of the windows that ended by `before`; with `dry_run` only say what would be.

    A partition of which something is pending, or that a shipper holds, is left as it is. Temporary files that killed
    exports left are removed as well; `orphans` adds partition files that no partition of the ledger names, which is
    right only where no other ledger has the same storage. `on_progress` gets the events of each pruned partition.
    A partition of which a file is gone, or cannot be read, is left as it is too, unless `missing` says that such files
    are lost for good. Raises ConfigError for a `before` that is inside the lookback or in an open window, LedgerError;
    StorageError, and nothing is changed, where none of the files is there: the storage may be another one than it was.
    """
    before, now = utc(before, "before"), utc(now, "now")
    _refuse_recent(config, before, now)
    with (
        ledger_to_read(config) if dry_run else existing_ledger(config) as ledger,
        Storage(config.storage_url()) as storage,
    ):
        if ledger is None:
            return PruneReport(before, dry_run=dry_run)
        run = _Run(config.webhook.name, ledger.database, storage, now, dry_run=dry_run)
        candidates = retention.candidates(ledger.database, run.destination, before)
        if not missing:
            candidates = run.with_files(candidates)
        for group in run.groups(candidates):
            (run.look if dry_run else run.prune)(group, on_progress or no_progress)
        run.remove_files()
        run.remove_temporary_files()
        if not dry_run:
            remove_all_outdated(ledger.database, run.destination, run.now_ms)
        if orphans:
            run.remove_orphans()
        return run.report(before)


def _refuse_recent(config: Config, before: datetime, now: datetime) -> None:
    windows = config.windows
    latest = now - max(windows.lookback, windows.settle)
    if before > latest:
        raise ConfigError(
            f"windows after {latest:%Y-%m-%d %H:%M} UTC cannot be pruned: they are open, or late rows are still looked"
            " for in them (windows.lookback, windows.settle)",
            hint="choose an earlier time",
        )


@dataclass(slots=True)
class _Run:
    """One prune, under way."""

    destination: str
    database: LedgerDatabase
    storage: Storage
    now: datetime
    dry_run: bool
    pruned: list[Candidate] = field(default_factory=list)
    pending: list[Candidate] = field(default_factory=list)
    busy: list[Candidate] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """File -> what is wrong with it."""
    counts: Counter[str] = field(default_factory=Counter)
    """The figures of the report."""

    @property
    def now_ms(self) -> int:
        return round(self.now.timestamp() * 1000)

    def with_files(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those of which every file is there. Raises StorageError where the storage has none at all."""
        named = {candidate: self._files_of(candidate) for candidate in candidates}
        unfinished = retention.unfinished(self.database, self.destination)
        if candidates or unfinished:
            self.storage.require_root()
        needed = {path for paths in named.values() for path in paths} or retention.needed_files(self.database)
        if needed:
            self.storage.require_any([*needed, *(path for of in unfinished for path in self._files_of(of))])
        return [candidate for candidate, paths in named.items() if not self._lost(paths)]

    def _files_of(self, partition: Candidate) -> list[str]:
        return [file.path for file in retention.files_of(self.database, partition, [])]

    def _lost(self, paths: Sequence[str]) -> bool:
        """Whether one of these files is missing or unreadable; if so, it is reported."""
        lost: dict[str, str] = {}
        for path in paths:
            try:
                if self.storage.facts(path) is None:
                    lost[path] = GONE
            except PartitionFileError as error:
                lost |= error.files
        self.unreadable |= lost
        return bool(lost)

    def groups(self, candidates: Sequence[Candidate]) -> Iterator[Sequence[Candidate]]:
        """The candidates in groups whose locks may be held at once; one of several lanes is a group by itself."""
        lanes = lanes_of(self.database, [candidate.id for candidate in candidates])
        yield from groups_to_lock(self.database.engine, [one for one in candidates if len(lanes[one.id]) == 1])
        yield from ([one] for one in candidates if len(lanes[one.id]) > 1)

    def prune(self, candidates: Sequence[Candidate], on_progress: Callable[[int], None]) -> None:
        """Prune them in the ledger, those that are settled and whose lock is free."""
        lanes = lanes_of(self.database, [candidate.id for candidate in candidates])
        with closing(open_locks(self.database.engine)) as locks:
            for candidate in candidates:
                if acquire_all(locks, lanes[candidate.id]):
                    left = retention.prune_partition(self.database, candidate.id, self.now_ms)
                    if left is not None:
                        keep_receipts(self.database, self.storage, [candidate.id])
                    self._take_note(candidate, left, on_progress)
                else:
                    self.busy.append(candidate)

    def look(self, candidates: Sequence[Candidate], on_progress: Callable[[int], None]) -> None:
        """What `prune` would do with them, were all locks free."""
        for candidate in candidates:
            self._take_note(candidate, retention.look(self.database, candidate.id, self.now_ms), on_progress)

    def _take_note(
        self, candidate: Candidate, left: PrunedPartition | None, on_progress: Callable[[int], None]
    ) -> None:
        if left is None:
            self.pending.append(candidate)
            return
        self.pruned.append(candidate)
        self.counts.update(batches=left.batches, attempts=left.attempts)
        on_progress(left.forwarded)

    def remove_files(self) -> None:
        """Remove the files of every partition that was pruned, now or by a prune that did not come so far."""
        replaced, unreadable = remove_replaced(
            self.database, self.storage, self.destination, self.now, dry_run=self.dry_run
        )
        self.counts.update(replaced)
        self.unreadable |= unreadable
        known = retention.destinations(self.database)
        unfinished = retention.unfinished(self.database, self.destination)
        for partition in unfinished + (self.pruned if self.dry_run else []):
            files = retention.files_of(self.database, partition, known)
            gone = [self._remove_file(file) for file in files]
            if all(gone) and not self.dry_run:
                retention.removed(self.database, partition.id, self.now_ms)

    def _remove_file(self, file: PrunedFile) -> bool:
        """Whether the file is no longer the pruned partition's. One that cannot be removed does not keep the others."""
        try:
            return self._removed(file)
        except PartitionFileError as error:
            self.unreadable |= error.files
            return False

    def _removed(self, file: PrunedFile) -> bool:
        facts = self.storage.facts(file.path)
        if facts is None:
            return True
        if file.shared:
            self.counts["shared_files"] += 1
            return True
        if was_written_again(facts, file.written_ms, self.now):
            self.counts["postponed_files"] += 1
            return False
        self._remove(file.path, facts, "files")
        reach(CrashPoint.FILE_REMOVED)
        return True

    def remove_temporary_files(self) -> None:
        """Remove the unfinished files of killed exports."""
        for path in self.storage.temporary_files():
            self._remove_left_behind(path, "temporary_files")
        for scratch, facts in self.storage.scratch_files():
            if is_left_behind(facts, self.now):
                self.counts.update(temporary_files=1, bytes=facts.bytes)
                if not self.dry_run:
                    scratch.unlink(missing_ok=True)

    def remove_orphans(self) -> None:
        """Remove the partition files that no partition names, nor an export in shards that is under way."""
        needed = retention.needed_files(self.database) | staged_files(self.database)
        if self.dry_run:
            needed |= self._due_files()
        for path in self.storage.partition_files():
            if path not in needed:
                self._remove_left_behind(path, "orphans")

    def _due_files(self) -> set[str]:
        """The files of partitions that an earlier prune did not finish: counted already, when nothing is removed."""
        unfinished = retention.unfinished(self.database, self.destination)
        return {path for partition in unfinished for path in self._files_of(partition)}

    def _remove_left_behind(self, path: str, kind: str) -> None:
        try:
            facts = self.storage.facts(path)
            if facts is not None and is_left_behind(facts, self.now):
                self._remove(path, facts, kind)
        except PartitionFileError as error:
            self.unreadable |= error.files

    def _remove(self, path: str, facts: FileFacts, kind: str) -> None:
        self.counts.update({kind: 1, "bytes": facts.bytes})
        if not self.dry_run:
            self.storage.remove(path)

    def report(self, before: datetime) -> PruneReport:
        ids = [partition.id for partition in self.pruned]
        statuses = standings.statuses(self.database, self.destination, self.now_ms, only=ids)
        return PruneReport(
            before=before,
            dry_run=self.dry_run,
            account=total(status.account for status in statuses),
            pruned=tuple(partition.key for partition in self.pruned),
            pending=tuple(partition.key for partition in self.pending),
            busy=tuple(partition.key for partition in self.busy),
            unreadable=self.unreadable,
            **self.counts,
        )
