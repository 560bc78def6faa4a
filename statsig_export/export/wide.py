"""Exports a window in shards, so that each needs a part of the memory, and several processes can work on one window.

Whoever works on the window (a process on this machine, a run on another one) takes the shards that are not staged and
whose lock is free, one after another. Who finds all of them staged plans the window. A shard that was staged by a run
that died is not read again; what one had begun is.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Final, Self

from statsig_export.errors import ConfigError, OtherHashError, PartitionFileError
from statsig_export.events.shard_rows import OtherShardsError
from statsig_export.events.shards import Shard
from statsig_export.events.table_identity import NOTHING_SEEN, Seen
from statsig_export.export.judge import Tally
from statsig_export.export.opening import Known, Opened, Run
from statsig_export.export.reading import Read, earlier_ids_of, read_rows
from statsig_export.export.window import made_of_tables, tables_of, tables_told_apart
from statsig_export.forgetting.unnamed_files import remove_published
from statsig_export.layouts.model import Role
from statsig_export.ledger import retention, shards
from statsig_export.ledger.identities import refuse_respelled_keys
from statsig_export.ledger.locks import PartitionLocks, open_locks
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan, ShardedRun
from statsig_export.ledger.shards import CategoryPart, Part, Place, paths_of
from statsig_export.storage.file_faults import damaged
from statsig_export.storage.files import NamedFile, StoredFile
from statsig_export.storage.schemas import QUARANTINE
from statsig_export.version import VERSION
from statsig_export.vocabulary import Category

LOOKS_EVERY: Final = 0.5
"""Seconds between two looks whether others have staged what they read."""
_MERGED_AT_ONCE: Final = 10_000
"""Failed rows in memory."""


@dataclass(frozen=True, slots=True)
class WideWindow:
    """One window under way, on one basis."""

    run: Run
    opened: Opened
    known: Known
    place: Place
    before: frozenset[str]
    """The runs that had planned the window out of shards of this basis when this one began."""

    @classmethod
    def of(cls, run: Run, opened: Opened, known: Known) -> Self:
        place = Place(run.config.webhook.name, run.window.key, _basis(run, opened, known))
        return cls(run, opened, known, place, frozenset(shards.runs_on(opened.ledger.database, place)))

    def since(self, before: frozenset[str]) -> Self:
        """The same for a run that began when there were no other runs than these."""
        return replace(self, before=before)

    @property
    def count(self) -> int:
        return self.run.config.windows.shards

    @property
    def sharded(self) -> ShardedRun:
        return ShardedRun(self.place.basis, self.count)

    def planned_by_another(self) -> str | None:
        """The run that has planned the window out of these shards since this one began."""
        runs = shards.runs_on(self.opened.ledger.database, self.place)
        return next((run for run in runs if run not in self.before), None)

    def missing(self) -> list[int]:
        """The numbers of the shards that are still to be staged."""
        if self.planned_by_another() is not None:
            return []
        done = shards.staged(self.opened.ledger.database, self.place, self.run.started_ms)
        return [number for number in range(self.count) if number not in done]

    def rows(self) -> int:
        """How many rows the source has of the window."""
        source, window, names = self.opened.source, self.run.window, self.run.categories
        return sum(
            source.count_rows(table, window.start, window.end, names) for table in tables_of(source, list(names))
        )

    def work(self, locks: PartitionLocks, first: int = 0) -> bool:
        """Read and stage, from the number `first` on, the shards that nobody else reads. Returns whether nothing is
        missing then; False: others are at work.
        """
        while left := self.missing():
            in_turn = sorted(left, key=lambda number: (number - first) % self.count)
            mine = next((number for number in in_turn if locks.acquire(self._lock_name(number))), None)
            if mine is None:
                return False
            try:
                if mine in self.missing():  # else another has staged it since the look
                    self.stage(Shard(mine, self.count))
            finally:
                locks.release()
        return True

    def stage(self, shard: Shard) -> None:
        """Read one shard, and record it."""
        began_ms = self.run.context.timing.now_ms()
        earlier, lost = earlier_ids_of(self.run, self.opened, self.known, shard)
        if lost:
            raise damaged(dict.fromkeys(lost, "cannot be read"), hint="export the window again")
        try:
            read = read_rows(self.run, self.opened, self.known, earlier, shard)
        except OtherShardsError:
            raise OtherHashError(
                f"the source hashes ids of {self.run.window.key} otherwise than they are hashed here",
                hint="its rows are told apart once they are read: export it again",
            ) from None
        shards.stage(self.opened.ledger.database, self.place, shard, _part_of(read, began_ms))

    def clear_outdated(self) -> None:
        """Remove what was staged for nothing and has events of somebody who was forgotten since."""
        opened = self.opened
        files = [file for part in shards.outdated_parts(opened.ledger.database, self.place) for file in files_of(part)]
        remove_published(opened.ledger.database, opened.storage, self.place.destination, files)

    def drop_lost(self) -> None:
        """Take shards off the record whose files are not in the storage any more: they are read again."""
        parts, storage = self.parts(), self.opened.storage
        lost = {n: part for n, part in parts.items() if any(storage.facts(path) is None for path in paths_of(part))}
        if lost:
            shards.unstage(self.opened.ledger.database, self.place, lost)

    def discard(self) -> None:
        """Take off the record what was staged."""
        shards.unstage(self.opened.ledger.database, self.place)

    def parts(self) -> dict[int, Part]:
        """What was staged, by number."""
        return shards.staged_parts(self.opened.ledger.database, self.place, self.run.started_ms)

    def merged(self, parts: Mapping[int, Part]) -> Read:
        """What all the shards come to."""
        tallies = {category: _tally(part.categories[category] for part in parts.values()) for category in self._names}
        plans = [self._plan(category, parts, tallies[category]) for category in self._names]
        seen: dict[Role, Seen] = {}
        statements: dict[str, str] = {}
        for part in parts.values():
            statements |= part.statements
            for role, kinds in part.seen.items():
                seen[role] = seen.get(role, NOTHING_SEEN) | kinds
        return Read(plans, tallies, sum(part.rows_read for part in parts.values()), statements, seen)

    def refuse_respelled(self, read: Read) -> None:
        """Raise ConfigError as the read of a whole window does: where a row's key is spelled otherwise now, its old id
        is missed in one shard and its new id is in another.
        """
        for table in tables_of(self.opened.source, self._names):
            mine = [category for category in table.categories if category in read.tallies]
            planned = {one: sum(file.rows for file in self.known.planned[one].stored) for one in mine}
            missing = any(planned[one] > read.tallies[one].already_planned for one in mine)
            if missing and any(read.tallies[one].new for one in mine):
                seen = read.seen.get(table.role, NOTHING_SEEN)
                refuse_respelled_keys(self.known.identities[table.role], seen, self.run.window.key)

    def remove_merged(self, parts: Mapping[int, Part], read: Read) -> None:
        """Remove the quarantines of the shards, which that of the window has taken the place of.

        Where there are several destinations, another one may have the same file: then `prune --orphans` does it.
        """
        storage, named = self.opened.storage, {plan.quarantine for plan in read.plans}
        if len(retention.destinations(self.opened.ledger.database)) > 1:
            return
        for part in parts.values():
            for one in part.categories.values():
                if one.quarantine is not None and one.quarantine not in named:
                    with suppress(PartitionFileError):
                        storage.remove(one.quarantine)

    @property
    def _names(self) -> tuple[Category, ...]:
        return self.run.categories

    def _plan(self, category: Category, parts: Mapping[int, Part], tally: Tally) -> PartitionPlan:
        after = self.known.planned[category]
        mine = {number: part.categories[category] for number, part in sorted(parts.items())}
        return PartitionPlan(
            category=category,
            after_generation=after.generation,
            generations=[
                GenerationPlan(after.generation + 1 + number, part.file, part.batches, Shard(number, self.count))
                for number, part in mine.items()
                if part.file is not None
            ],
            filtered_by=tally.filtered_by,
            failed_by=tally.failed_by,
            quarantine=self._quarantine(category, [part.quarantine for part in mine.values() if part.quarantine]),
            forgotten=tally.forgotten,
            after_rewritten_ms=after.rewritten_ms,
        )

    def _quarantine(self, category: Category, paths: list[str]) -> str | None:
        """One file of the failed rows of all shards."""
        if len(paths) < 2:  # noqa: PLR2004  none or one
            return paths[0] if paths else None
        storage = self.opened.storage
        merged = storage.new_file(QUARANTINE)
        try:
            for path in paths:
                for chunk in storage.read_chunks(NamedFile(path), QUARANTINE.names, _MERGED_AT_ONCE):
                    merged.add(chunk)
            return merged.publish("quarantine", category, self.run.window.key).path
        finally:
            merged.discard()

    def _lock_name(self, number: int) -> str:
        return f"export {self.place.destination} {self.place.window} {self.place.basis} {number}"


def files_of(part: Part) -> Iterator[StoredFile]:
    return (one.file for one in part.categories.values() if one.file is not None)


def work_to_the_end(wide: WideWindow) -> None:
    """Stage what is missing, and wait for the shards that others read; whose process dies, its shard is taken over."""
    with closing(open_locks(wide.opened.ledger.database.engine)) as locks:
        while not wide.work(locks):
            wide.run.context.timing.sleep(LOOKS_EVERY)


def _part_of(read: Read, began_ms: int) -> Part:
    categories = {}
    for plan in read.plans:
        tally, generation = read.tallies[plan.category], next(iter(plan.generations), None)
        categories[plan.category] = CategoryPart(
            file=None if generation is None else generation.file,
            batches=[] if generation is None else generation.batches,
            quarantine=plan.quarantine,
            rows=tally.rows,
            new=tally.new,
            already_planned=tally.already_planned,
            filtered_by=tally.filtered_by,
            failed_by=tally.failed_by,
            forgotten=tally.forgotten,
        )
    return Part(began_ms, read.rows_read, read.statements, read.seen, categories)


def _tally(parts: Iterator[CategoryPart]) -> Tally:
    total = Tally(filtered_by=Counter(), failed_by=Counter())
    for part in parts:
        total.rows += part.rows
        total.new += part.new
        total.already_planned += part.already_planned
        total.forgotten += part.forgotten
        total.filtered_by.update(part.filtered_by)
        total.failed_by.update(part.failed_by)
    return total


def _basis(run: Run, opened: Opened, known: Known) -> str:
    """Names what decides about the events of the window, beside its rows."""
    config, rule = run.config, run.config.privacy_rule()
    decides = {
        "shards": config.windows.shards,
        "categories": sorted(run.categories),
        "config": config.fingerprint(),
        "database": _database(run),
        "hash key": None if rule is None else rule.key_check,
        "library": [VERSION, opened.source.reader],
        "told apart by the database": tables_told_apart(opened.source, tables_of(opened.source, run.categories)),
        "forgotten": known.forgotten.latest,
        "planned": {category: [found.generation, found.rewritten_ms] for category, found in known.planned.items()},
        "made of": sorted(made.to_json() for made in made_of_tables(config, opened.source, run.categories).values()),
        "identities": sorted(f"{one.derivation} {one.made.to_json()}" for one in known.identities.values()),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def _database(run: Run) -> str:
    """Names the source; only its digest is kept anywhere."""
    if files := run.config.source_files():
        return json.dumps(files, sort_keys=True)
    with suppress(ConfigError):
        return run.config.source_url().render_as_string(hide_password=True)
    return ""
