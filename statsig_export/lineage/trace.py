"""Tracing an event by its timeUUID: from the row of the source to the last answer of the webhook.

The ledger holds no events, so the id is searched in the files that the ledger names, newest window first, a few files
at once. Only the id column is read, and where the ids ascend (derived ids do) only the row groups that can hold it.
"""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Final, Protocol, TypeVar
from uuid import UUID

from statsig_export.config import Config
from statsig_export.errors import LedgerError
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.history import history, moment, pruned_files
from statsig_export.ledger.listings import event_files, quarantine_files
from statsig_export.ledger.records import EventFile, QuarantineFile, Selection
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.lineage.source_rows import Origin, origin_of
from statsig_export.lineage.spellings import spellings, usual_spelling
from statsig_export.lineage.trace_report import QuarantinedRow, SourceRow, Trace, TracedEvent, TracedFile
from statsig_export.moments import Moment, ms_or_none
from statsig_export.storage.files import KnownFile
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category
from statsig_export.windows import LENGTH, length_of, partition_key

READERS: Final = 8
"""Files that are read at once: on a remote storage the wait for each of them is what takes the time."""
_LONGEST_MS: Final = round(max(LENGTH.values()).total_seconds() * 1000)


def trace(
    config: Config,
    time_uuid: str | UUID,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    everywhere: bool = False,
    with_event: bool = False,
) -> Trace:
    """What became of the event with this timeUUID, and where it came from. A UUID is found in whatever way it is
    written: in capitals, in braces, without dashes, as a URN.

    `start` and `end` narrow the search to windows that overlap [start, end). It ends with the newest window that holds
    the id, unless `everywhere` is set: a source may give one id to rows of several windows. `with_event` adds the JSON
    that is sent. An id that no file holds is looked for in the quarantines; one that is not there either comes back as
    a Trace that is not `found`: what the filter left out has no trace by its id.

    Raises ConfigError for what can be no id, LedgerError where files cannot be read and the others do not hold the id.
    """
    search = partial(_trace, config, time_uuid, start, end, everywhere=everywhere, with_event=with_event)
    try:
        return search()
    except LedgerError:  # a file may be gone since somebody was taken out of it: the ledger names another by now
        return search()


def _trace(
    config: Config,
    time_uuid: str | UUID,
    start: Moment | None,
    end: Moment | None,
    *,
    everywhere: bool,
    with_event: bool,
) -> Trace:
    texts = spellings(time_uuid)
    given = texts[0]
    origin = origin_of(usual_spelling(given) or given, config.source)
    selection = _selection(config.webhook.name, origin, start, end)
    with ledger_to_read(config) as ledger, Storage(config.storage_url()) as storage:
        if ledger is None:
            return Trace(given, origin.derived_from, files_searched=0)
        search = _Search(storage, texts, everywhere=everywhere)
        found = search.find(event_files(ledger.database, selection, newest_first=True))
        events = tuple(
            _event(ledger.database, storage, origin, (file, row), with_event=with_event) for file, row in found
        )
        failed = [] if events else search.find(quarantine_files(ledger.database, selection))
        rows = tuple(_quarantined(storage, origin, file, row) for file, row in failed)
        pruned = pruned_files(ledger.database, selection) if everywhere or not events else ()
        places: list[tuple[KnownFile, int]] = [(file.stored, row) for file, row in found]
        places += [(file.stored, row) for file, row in failed]
        stored = storage.read_row(places[0][0], places[0][1], ["time_uuid"])["time_uuid"] if places else given
        if not events and not rows:
            search.confirm()
    if not events and not rows:
        search.require_all({partition.partition for partition in pruned})
    return Trace(stored, origin.derived_from, search.searched, events, rows, pruned)


class _ListedFile(Protocol):
    @property
    def category(self) -> Category: ...
    @property
    def window(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def stored(self) -> KnownFile: ...
    @property
    def window_start_ms(self) -> int: ...


File = TypeVar("File", bound=_ListedFile)


class _Search:
    """The search for one id, file by file."""

    def __init__(self, storage: Storage, texts: Sequence[str], *, everywhere: bool) -> None:
        self._storage = storage
        self._texts = texts
        self._everywhere = everywhere
        self._unread: list[_ListedFile] = []
        self._without_it: list[_ListedFile] = []
        self.searched = 0
        """Files that were searched."""

    def find(self, files: Sequence[File]) -> list[tuple[File, int]]:
        """The files that hold the id, each with the row: those of the newest window that has any, or everywhere."""
        found: list[tuple[File, int]] = []
        with ThreadPoolExecutor(READERS) as pool:
            for several in _in_whole_windows(files):
                for file, row in zip(several, pool.map(self._row_in, several), strict=True):
                    self._take_note(file, row, found)
                if found and not self._everywhere:
                    newest = found[0][0].window_start_ms
                    return [(file, row) for file, row in found if file.window_start_ms == newest]
        return found

    def confirm(self) -> None:
        """Compare what was searched in vain with what was written: of a file of which only the statistics were read,
        nothing is known yet.
        """
        with ThreadPoolExecutor(READERS) as pool:
            faulty = [
                file
                for file, whole in zip(self._without_it, pool.map(self._is_whole, self._without_it), strict=True)
                if not whole
            ]
        self._unread += faulty
        self.searched -= len(faulty)

    def require_all(self, pruned: Collection[str]) -> None:
        """Raises LedgerError if a file could not be read: the id may be in it. Those of `pruned` partitions are gone
        for good, perhaps since the search began.
        """
        unread = [file for file in self._unread if partition_key(file.category, file.window) not in pruned]
        if unread:
            raise LedgerError(
                f"{self.searched} files do not hold this timeUUID, and {len(unread)} cannot be read,"
                f" such as {unread[0].path}",
                hint="check [storage] url and the disk, or leave their windows out with --from and --to",
            )

    def _row_in(self, file: _ListedFile) -> int | LedgerError | None:
        try:
            return self._storage.find(file.stored, "time_uuid", self._texts)
        except LedgerError as error:
            return error

    def _is_whole(self, file: _ListedFile) -> bool:
        try:
            self._storage.require_unchanged(file.stored)
        except LedgerError:
            return False
        return True

    def _take_note(self, file: File, row: int | LedgerError | None, found: list[tuple[File, int]]) -> None:
        if isinstance(row, LedgerError):
            self._unread.append(file)
            return
        self.searched += 1
        if row is None:
            self._without_it.append(file)
        else:
            found.append((file, row))


def _in_whole_windows(files: Sequence[File]) -> Iterator[list[File]]:
    """The files in their order, enough at a time to keep the readers busy; no window is divided."""
    several: list[File] = []
    for _, of_window in groupby(files, key=lambda file: file.window_start_ms):
        several += of_window
        if len(several) >= READERS:
            yield several
            several = []
    if several:
        yield several


def _event(
    database: LedgerDatabase, storage: Storage, origin: Origin, place: tuple[EventFile, int], *, with_event: bool
) -> TracedEvent:
    file, row = place
    told = storage.read_row(file.stored, row, ["event_name", "timestamp"])
    past = history(database, file, row)
    return TracedEvent(
        category=file.category,
        window=file.window,
        generation=file.generation,
        row=row,
        event_name=told["event_name"],
        timestamp=moment(told["timestamp"]),
        source=_source_row(origin, file),
        file=TracedFile(storage.uri(file.path), file.digest, file.rows, file.bytes),
        export=past.export,
        batches=past.batches,
        attempts=past.attempts,
        ship_runs=past.ship_runs,
        event=storage.read_events(file.stored, row, 1)[0].as_py() if with_event else None,
    )


def _quarantined(storage: Storage, origin: Origin, file: QuarantineFile, row: int) -> QuarantinedRow:
    told = storage.read_row(file.stored, row, ["row_key", "reason", "detail"])
    return QuarantinedRow(
        category=file.category,
        window=file.window,
        row_key=told["row_key"],
        reason=told["reason"],
        detail=told["detail"],
        source=_source_row(origin, file),
        quarantine=storage.uri(file.path),
    )


def _source_row(origin: Origin, file: EventFile | QuarantineFile) -> SourceRow | None:
    start = moment(file.window_start_ms)
    return origin.row(file.category, start, start + length_of(file.window))


def _selection(destination: str, origin: Origin, start: Moment | None, end: Moment | None) -> Selection:
    """The partitions that can hold the event: their windows overlap [start, end), or end a day before it at most."""
    start_ms, end_ms = ms_or_none(start, "start"), ms_or_none(end, "end")
    since_ms = 0 if start_ms is None else start_ms - _LONGEST_MS + 1
    return Selection(destination, since_ms, end_ms, origin.categories)
