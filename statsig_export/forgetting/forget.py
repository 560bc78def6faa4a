"""Forgets people: writes down who, takes their events out of every partition file and batch, removes the old files.

Who is to be forgotten is on record first: from then on no export plans an event of theirs. Each partition that has some
is then changed in one transaction, under the lock that shippers take; its old files are removed after that. Whatever
kills a run, the next one finishes it, also without being told again who it is for.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from secrets import token_bytes
from typing import Final

from statsig_export.account import total
from statsig_export.arrow.columns import Mask
from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import LedgerError, PartitionFileError
from statsig_export.events.people import NOBODY, Forgotten, digest
from statsig_export.forgetting.people import Person, identities
from statsig_export.forgetting.reports import ForgetReport, ForgottenUnits, SentEvent
from statsig_export.forgetting.rewriting import changed_batches, rows_of, write_without
from statsig_export.forgetting.sent_events import sent_events
from statsig_export.forgetting.unnamed_files import those_of, unnamed_files
from statsig_export.ledger import forgetting, forgotten, retention, standings
from statsig_export.ledger.arrivals import sent_batches
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import Identity
from statsig_export.ledger.lanes import lanes_of
from statsig_export.ledger.listings import event_files
from statsig_export.ledger.locks import PartitionLocks, acquire_all, open_locks
from statsig_export.ledger.records import EventFile, Selection
from statsig_export.ledger.transactions import Ledger, existing_ledger, ledger_of, ledger_to_read
from statsig_export.maintenance.removal import remove_replaced
from statsig_export.receipts.forgotten import refuse_without_forgotten, unwrite_forgotten, write_forgotten
from statsig_export.receipts.receipts import keep_receipts
from statsig_export.runs import REAL_TIME, no_progress
from statsig_export.storage.files import StoredFile
from statsig_export.storage.storage import Storage
from statsig_export.windows import partition_key

_TRIES: Final = 5
"""How often a partition is read again since a replay of it was planned meanwhile."""
Sent = Callable[[Sequence[SentEvent]], None]
"""Gets what was sent of a partition, before the partition is changed: what it keeps then outlasts a kill."""


def forget(
    config: Config,
    people: Iterable[Person] | None = None,
    *,
    dry_run: bool = False,
    on_sent: Sent | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ForgetReport:
    """Forget these people (a unit type and an id each), and those of whom an earlier run left something; without any,
    the latter alone. An id is also found where [privacy] has hashed it with the present key.

    People of whom nothing is found are on record all the same, so that rows that come later are left out. With
    `dry_run` nothing is changed, and no lock is taken. `on_progress` gets the events of each partition. A partition
    that somebody else holds, or of which a file cannot be read, is left as it is and named in the report: forget again,
    without any people, to go on. Raises ConfigError for an empty id; LedgerError; StorageError where the storage is not
    there.
    """
    opening = ledger_to_read if dry_run else existing_ledger if people is None else ledger_of
    with opening(config) as ledger, Storage(config.storage_url()) as storage:
        if ledger is None:
            return ForgetReport(dry_run, sum(1 for _ in identities(config, people or ())))
        run = _Run(config.webhook.name, ledger, storage, on_sent or _to_nobody, dry_run=dry_run)
        wanted = None if people is None else identities(config, people)
        run.take_out(run.remembered(wanted), on_progress or no_progress)
        run.finish()
        return run.report()


def undo(config: Config, people: Iterable[Person]) -> int:
    """Take people off the record of those who are forgotten: from then on their rows are exported as any others are, as
    far as the source has them. What was taken out does not come back by itself. Returns how many were on record.

    Raises ConfigError, LedgerError.
    """
    with existing_ledger(config) as ledger, Storage(config.storage_url()) as storage:
        if ledger is None:
            return 0
        unwrite_forgotten(ledger.database, storage, config.webhook.name)
        count = forgotten.forgotten_no_more(ledger.database, config.webhook.name, identities(config, people))
        write_forgotten(ledger.database, storage, config.webhook.name)
        return count


def forgotten_units(config: Config) -> list[ForgottenUnits]:
    """How many ids of each unit type are forgotten for the destination."""
    with ledger_to_read(config) as ledger:
        found = [] if ledger is None else forgotten.counts(ledger.database, config.webhook.name)
    return [
        ForgottenUnits(unit_type, ids, unfinished, datetime.fromtimestamp(latest_ms / 1000, UTC))
        for unit_type, ids, unfinished, latest_ms in found
    ]


@dataclass(slots=True)
class _Run:
    """One run, under way."""

    destination: str
    ledger: Ledger
    storage: Storage
    on_sent: Sent
    dry_run: bool
    began_ms: int = field(default_factory=REAL_TIME.now_ms)
    people: Forgotten = NOBODY
    count: int = 0
    """Ids that were named."""
    counts: Counter[str] = field(default_factory=Counter)
    """The figures of the report."""
    changed: dict[int, str] = field(default_factory=dict)
    """Id -> key of the partitions of which something was taken out."""
    left: Counter[str] = field(default_factory=Counter)
    """What the last removal of old files has counted."""
    unnamed: list[str] = field(default_factory=list)
    """Files with events of theirs that no partition names."""
    busy: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> LedgerDatabase:
        return self.ledger.database

    def remembered(self, people: Iterable[list[Identity]] | None) -> Forgotten:
        """Everybody to look for, once they are on record."""
        if self.dry_run:
            known = forgotten.forgotten_people(self.database, self.destination, unfinished=True)
            self.people = self._with(known, people or ())
            return self.people
        if people is not None:
            refuse_without_forgotten(self.database, self.storage, self.destination, adoptable_only=True)
            forgotten.remember(self.database, self.destination, self._counted(people), self.began_ms)
            reach(CrashPoint.REMEMBERED)
        self.people = forgotten.forgotten_people(self.database, self.destination, unfinished=True)
        return self.people

    def _counted(self, people: Iterable[list[Identity]]) -> Iterator[Identity]:
        for of_person in people:
            self.count += 1
            yield from of_person

    def _with(self, known: Forgotten, people: Iterable[list[Identity]]) -> Forgotten:
        """The same and these people, of whom there is no record."""
        key = known.key or token_bytes(32)
        digests = defaultdict(set, {unit_type: set(ids) for unit_type, ids in known.digests.items()})
        for unit_type, identity in self._counted(people):
            digests[unit_type].add(digest(key, unit_type, identity))
        return Forgotten(key, digests)

    def take_out(self, people: Forgotten, on_progress: Callable[[int], None]) -> None:
        """Take their events out of every partition."""
        files = event_files(self.database, Selection(self.destination)) if people else []
        if files:
            self.storage.require_root()
            self.storage.require_any([file.path for file in files])
        if people and not self.dry_run:
            write_forgotten(self.database, self.storage, self.destination)
        with closing(open_locks(self.database.engine)) as locks:
            for _, of_partition in groupby(files, key=attrgetter("partition")):
                mine = list(of_partition)
                self._look_at(locks, mine[0], {file.generation: file.stored for file in mine}, people)
                on_progress(sum(file.rows for file in mine))

    def _look_at(
        self, locks: PartitionLocks, of: EventFile, files: Mapping[int, StoredFile], people: Forgotten
    ) -> None:
        """One partition; once more where its files are gone since it was pruned, or changed by another `forget`."""
        try:
            self._take_out(locks, of, files, people)
        except PartitionFileError as error:
            now = forgetting.contents(self.database, of.partition)
            if now is not None and now.files == files:
                self.unreadable |= error.files
            elif now is not None:
                self._look_at(locks, of, now.files, people)

    def _take_out(
        self, locks: PartitionLocks, of: EventFile, files: Mapping[int, StoredFile], people: Forgotten
    ) -> None:
        """Take their events out of one partition, which these files (by generation) are of."""
        key = partition_key(of.category, of.window)
        found = self._found(files, people, {})
        if not any(mask.any() for mask in found.values()):
            return
        if self.dry_run:
            self._tell(of, files, found)
            self.changed[of.partition] = key
            return
        try:
            if not acquire_all(locks, lanes_of(self.database, [of.partition])[of.partition]):
                self.busy.append(key)
                return
            self.ledger.recover([of.partition], REAL_TIME.now_ms())
            known = {files[generation].digest: mask for generation, mask in found.items()}
            if self._rewrite(locks, of, people, known):
                self.changed[of.partition] = key
        finally:
            locks.release()

    def _found(self, files: Mapping[int, StoredFile], people: Forgotten, known: Mapping[str, Mask]) -> dict[int, Mask]:
        """Generation -> the rows of its file that are theirs; those of files `known` by their digests are not read."""
        return {
            generation: known[file.digest] if file.digest in known else rows_of(self.storage, file, people)
            for generation, file in files.items()
        }

    def _rewrite(self, locks: PartitionLocks, of: EventFile, people: Forgotten, known: Mapping[str, Mask]) -> bool:
        """Write the files of a partition again whose lock is held. False where it was pruned, or has nothing of theirs
        any more.
        """
        told = False
        for _ in range(_TRIES):
            before = forgetting.contents(self.database, of.partition)
            found = {} if before is None else self._found(before.files, people, known)
            if before is None or not any(mask.any() for mask in found.values()):
                return False
            if not told:
                self._tell(of, before.files, found)
                told = True
            files = {
                generation: write_without(
                    self.storage, before.files[generation], mask, (of.category, of.window, generation)
                )
                for generation, mask in found.items()
                if mask.any()
            }
            changed = changed_batches(self.storage, self.destination, before, found, files)
            locks.check()
            if forgetting.replace_files(self.database, of.partition, before, files, changed, REAL_TIME.now_ms()):
                self.counts["files"] += len(files)
                keep_receipts(self.database, self.storage, [of.partition])
                self._remove_replaced()
                return True
        raise LedgerError(f"{partition_key(of.category, of.window)} is replayed again and again", hint="forget again")

    def _tell(self, of: EventFile, files: Mapping[int, StoredFile], found: Mapping[int, Mask]) -> None:
        """Count what is taken out of a partition, and tell what of it was sent."""
        batches = sent_batches(self.database, [of.partition])
        sent = list(sent_events(self.storage, (of.category, of.window), files, found, batches))
        self.on_sent(sent)
        delivered = sum(event.delivered for event in sent)
        taken = sum(int(mask.sum()) for mask in found.values())
        self.counts.update(events=taken, delivered=delivered, perhaps_delivered=len(sent) - delivered)

    def finish(self) -> None:
        """Remove what earlier runs have left, and write down that nothing of these people is left in any file."""
        self._remove_replaced()
        self.counts["postponed_files"] = self.left["postponed_files"]
        unnamed = unnamed_files(self.database, self.storage)
        self.counts["unnamed_files"] = len(unnamed)
        self.unnamed = those_of(self.storage, unnamed, self.people)
        if not (self.dry_run or self.busy or self.unreadable or self.unnamed):
            forgotten.finished(self.database, self.destination, self.people, REAL_TIME.now_ms(), self.began_ms)

    def _remove_replaced(self) -> None:
        now = datetime.fromtimestamp(REAL_TIME.now_ms() / 1000, UTC)
        removed, unreadable = remove_replaced(self.database, self.storage, self.destination, now, dry_run=self.dry_run)
        self.counts.update(removed_files=removed["files"], shared_files=removed["shared_files"])
        self.unreadable |= unreadable
        self.left = removed

    def report(self) -> ForgetReport:
        lines = standings.statuses(self.database, self.destination, REAL_TIME.now_ms(), only=list(self.changed))
        others = [name for name in retention.destinations(self.database) if name != self.destination]
        return ForgetReport(
            dry_run=self.dry_run,
            people=self.count,
            remembered=not self.dry_run and self.count > 0,
            partitions=tuple(self.changed.values()),
            account=total(line.account for line in lines),
            busy=tuple(self.busy),
            unreadable=self.unreadable,
            unnamed_of_theirs=tuple(self.unnamed),
            unfinished_files=len([*self.storage.temporary_files(), *self.storage.scratch_files()]),
            other_destinations=tuple(sorted(others)),
            **self.counts,
        )


def _to_nobody(_: Sequence[SentEvent]) -> None:
    """No-op where nobody wants to know what was sent."""
