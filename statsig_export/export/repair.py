"""Rewrites lost partition files from the source, only where that makes the same bytes.

A window's events come in the same order as before; those in readable files are left out. So the first of the rest are
the rows of the oldest lost file, then those of the next. Late rows between them, changed rows, another filter or
another [privacy] make other bytes: then nothing is written. Where something else is in a file's place, or it cannot be
written, that file alone stays lost. Of a window in shards this holds for each of them by itself.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import get_args

import pyarrow as pa

from statsig_export.config import Config
from statsig_export.errors import PartitionFileError, StorageError
from statsig_export.events.buckets import rows_in
from statsig_export.events.people import Forgotten
from statsig_export.events.seen_ids import SeenIds
from statsig_export.events.shards import Shard
from statsig_export.events.table_identity import TableIdentity
from statsig_export.export.judge import Judge, Judged
from statsig_export.export.reports import RepairReport
from statsig_export.export.window import identities_for, judge_window
from statsig_export.layouts.model import Role
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import forgotten_people
from statsig_export.ledger.listings import event_files
from statsig_export.ledger.records import Planned, Selection
from statsig_export.ledger.shards import shards_of_files
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.settings import TimestampForm
from statsig_export.source.source import Source, open_source
from statsig_export.storage.errors import cause_of, concerns_this_place
from statsig_export.storage.file_faults import damaged
from statsig_export.storage.files import StoredFile
from statsig_export.storage.new_file import NewFile
from statsig_export.storage.schemas import EVENTS
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, window_from_key

HINT = (
    "restore them from a backup; until then what is pending there stays pending, and these partitions take no late rows"
)
CHANGED = "and the source gives other rows now, or [filter] or [privacy] makes other events of them"


def repair(config: Config) -> RepairReport:
    """Write every lost or damaged file of the destination again, where the source still makes the same bytes of it.

    Reads every file, and of the source the windows that have lost one. Raises SourceError, LedgerError.
    """
    repaired: list[str] = []
    left: dict[str, str] = {}
    with ledger_to_read(config) as ledger, Storage(config.storage_url()) as storage, ExitStack() as until:
        if ledger is None:
            return RepairReport()
        storage.require_root()
        source: Source | None = None
        forgotten = forgotten_people(ledger.database, config.webhook.name)
        for window, planned in _stored_windows(ledger.database, config.webhook.name).items():
            lost = {category: damaged_files(storage, files) for category, files in planned.items()}
            lost = {category: found for category, found in lost.items() if found}
            if lost:
                source = source or until.enter_context(open_source(config))
                made = HowMade(
                    identities_for(ledger.database, config, source, list(lost)),
                    forgotten,
                    partial(shards_of_files, ledger.database, config.webhook.name, window),
                )
                when = window_from_key(window, config.windows)
                still = _read_again(config, (storage, source), when, planned, lost, made)
                left |= still
                repaired += [file.path for found in lost.values() for file in found if file.path not in still]
    return RepairReport(tuple(repaired), left)


@dataclass(frozen=True, slots=True)
class HowMade:
    """How the files of a window were made, beside its rows and the configuration."""

    identities: Mapping[Role, TableIdentity]
    forgotten: Forgotten
    shards: Callable[[], Mapping[str, Shard]]
    """File -> the shard whose rows it holds; of the others it is the whole window."""


def earlier_ids(
    config: Config, opened: tuple[Storage, Source], window: Window, planned: Mapping[Category, Planned], made: HowMade
) -> tuple[dict[Category, SeenIds], dict[str, str]]:
    """The ids that earlier exports planned, and the files that neither can be read nor are made again by the source:
    file -> what is wrong. Without them nothing can be told of their category, which has no ids then.
    """
    read = {category: read_ids(opened[0], found.stored) for category, found in planned.items()}
    lost = {category: lost for category, (_, lost) in read.items() if lost}
    ids = {category: found for category, (found, _) in read.items()}
    if not lost:
        return ids, {}
    stored = {category: planned[category].stored for category in lost}
    left = _read_again(config, opened, window, stored, lost, made)
    for category, files in lost.items():
        if any(file.path in left for file in files):
            del ids[category]
        else:
            ids[category] = ids_of(opened[0], planned[category].stored)
    return ids, left


def _read_again(
    config: Config,
    opened: tuple[Storage, Source],
    window: Window,
    stored: Mapping[Category, Sequence[StoredFile]],
    lost: Mapping[Category, Mapping[StoredFile, str]],
    made: HowMade,
) -> dict[str, str]:
    """Read the window, or those of its shards that have lost a file, once more for the `lost` files alone; those that
    did not come out as they were -> what is wrong. `stored` are all files of their categories.
    """
    left: dict[str, str] = {}
    for shard, files in _by_shard(lost, made.shards()).items():
        ids = {category: read_ids(opened[0], stored[category])[0] for category in files}
        left |= _read_part_again(config, opened, window, ids, files, (made, shard))
    return left


def _by_shard(
    lost: Mapping[Category, Mapping[StoredFile, str]], shards: Mapping[str, Shard]
) -> dict[Shard | None, dict[Category, dict[StoredFile, str]]]:
    """The lost files by shard, the oldest first: a later one leaves out what is in an earlier one."""
    found: dict[Shard | None, dict[Category, dict[StoredFile, str]]] = {}
    oldest_first = [(at, category, file) for category, files in lost.items() for at, file in enumerate(files)]
    for _, category, file in sorted(oldest_first, key=itemgetter(0)):
        found.setdefault(shards.get(file.path), {}).setdefault(category, {})[file] = lost[category][file]
    return found


def _read_part_again(
    config: Config,
    opened: tuple[Storage, Source],
    window: Window,
    ids: Mapping[Category, SeenIds],
    lost: Mapping[Category, Mapping[StoredFile, str]],
    made_of: tuple[HowMade, Shard | None],
) -> dict[str, str]:
    """The same of one shard, None: of the whole window. Where some files did not come out as they were, a second time:
    they may be of before `webhook.timestamps` was changed.
    """
    (storage, source), (made, shard), rule = opened, made_of, config.privacy_rule()
    different: dict[StoredFile, str] = {}
    for attempt, timestamps in enumerate(sorted(get_args(TimestampForm), key=config.webhook.timestamps.__ne__)):
        webhook = config.webhook.model_copy(update={"timestamps": timestamps})
        judge = Judge(config.source, config.filter, webhook, ids, rule=rule, forgotten=made.forgotten, shard=shard)
        with closing(judge_window(source, window, judge, made.identities)) as chunks:
            still = write_again(
                storage,
                (judged for judged, _ in chunks),
                {category: list(files) for category, files in lost.items()},
            )
        different = {
            file: different.get(file, why) if why == CHANGED else why
            for file, why in still.items()
            if not attempt or file in different
        }
        if not different:
            break
    faults = {file: fault for files in lost.values() for file, fault in files.items()}
    return {file.path: f"{faults[file]}, {why}" for file, why in different.items()}


def ids_of(storage: Storage, files: Sequence[StoredFile], lost: Collection[StoredFile] = ()) -> SeenIds:
    """The ids of the events in the files, but for those that are lost. Raises PartitionFileError for any other."""
    ids, more = read_ids(storage, [file for file in files if file not in lost])
    if more:
        raise damaged({file.path: fault for file, fault in more.items()})
    return ids


def read_ids(
    storage: Storage, files: Sequence[StoredFile], shard: Shard | None = None
) -> tuple[SeenIds, dict[StoredFile, str]]:
    """The ids of the events in those files that can be read, and what is wrong with the others. With a `shard`, those
    that are in it.
    """
    lost: dict[StoredFile, str] = {}
    while True:
        ids, readable = SeenIds(), [file for file in files if file not in lost]
        for file in readable:
            try:
                for column in storage.read_column(file, "time_uuid"):
                    ids.add_new(column if shard is None else column.filter(pa.array(rows_in(shard, column))))
            except PartitionFileError as error:
                lost[file] = error.files[file.path]
        if not lost.keys() & set(readable):  # else some of a damaged file's ids are among them
            return ids, lost


def damaged_files(storage: Storage, files: Iterable[StoredFile]) -> dict[StoredFile, str]:
    """Those of the files that are not, byte for byte, what was written, and what is wrong with them."""
    found: dict[StoredFile, str] = {}
    for file in files:
        try:
            storage.require_unchanged(file)
        except PartitionFileError as error:
            found[file] = error.files[file.path]
    return found


def write_again(
    storage: Storage, judged: Iterable[Judged], lost: Mapping[Category, Sequence[StoredFile]]
) -> dict[StoredFile, str]:
    """Write the lost files (oldest first) from the events of their window. Returns those still lost, and why."""
    writers = {category: _Files(storage, files) for category, files in lost.items()}
    try:
        for chunk in judged:
            for category, events in chunk.events.items():
                writers[category].add(events)
        return {file: why for writer in writers.values() for file, why in writer.close().items()}
    finally:
        for writer in writers.values():
            writer.discard()


class _Files:
    """The lost files of one partition, one after another."""

    def __init__(self, storage: Storage, files: Sequence[StoredFile]) -> None:
        self._storage = storage
        self._left = list(files)
        self._still: dict[StoredFile, str] = {}
        self._file: NewFile | None = None

    def add(self, events: pa.Table) -> None:
        """Take the next events; those beyond the last lost file are new ones, which the export is for."""
        while events.num_rows and self._left:
            self._file = self._file or self._storage.new_file(EVENTS)
            part = events.slice(0, self._left[0].rows - self._file.rows)
            self._file.add(part)
            events = events.slice(part.num_rows)
            if self._file.rows == self._left[0].rows:
                self._end(self._file, self._left.pop(0))

    def close(self) -> dict[StoredFile, str]:
        """The files that could not be written again, and why; of the last ones there were too few rows."""
        while self._left and not self._left[0].rows:  # nothing is left of what it held
            self._end(self._storage.new_file(EVENTS), self._left.pop(0))
        return self._still | dict.fromkeys(self._left, CHANGED)

    def discard(self) -> None:
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _end(self, file: NewFile, wanted: StoredFile) -> None:
        digest, _ = file.finish()
        if digest != wanted.digest:
            self._still[wanted] = CHANGED
            file.discard()
        else:
            try:
                file.install(wanted.path)
            except StorageError as error:
                in_the_way = error.__cause__
                if in_the_way is None or not concerns_this_place(in_the_way):
                    raise
                self._still[wanted] = f"and cannot be written again there ({cause_of(in_the_way).words})"
        self.discard()


def _stored_windows(database: LedgerDatabase, destination: str) -> dict[str, dict[Category, list[StoredFile]]]:
    """Window -> category -> the files of its generations, oldest first; of partitions that were not pruned."""
    found: dict[str, dict[Category, list[StoredFile]]] = defaultdict(lambda: defaultdict(list))
    for file in event_files(database, Selection(destination)):
        found[file.window][file.category].append(file.stored)
    return found
