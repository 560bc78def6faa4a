"""What `trace` reports of an event, from its source row to the last answer: for the command line and notebooks.

Of the event itself the records hold ids, name and time; its JSON only on request. Times are in UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from statsig_export.delivery.rules import PENDING, State
from statsig_export.ledger.history import PrunedFiles, TracedAttempt, TracedBatch, TracedExport, TracedShipRun
from statsig_export.summary import Summarized, Summary
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Where in the source the row of an event is, or where to look for it."""

    table: str
    window_column: str
    start: datetime | None
    """The window column lies in [start, end); None where the window is not known."""
    end: datetime | None
    key_column: str | None
    """The primary key; None for a table that has none, whose rows are known by their content."""
    key: int | None
    """The row's primary key, read from the id, which was derived from it; None where the id does not hold it."""
    id_column: str | None
    """The column that may hold a timeUUID of the source's own; None where the layout has none."""


@dataclass(frozen=True, slots=True)
class TracedFile:
    """The partition file that holds an event."""

    uri: str
    digest: str
    """sha256 of the file, 64 hex digits."""
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """A planned event, and everything that happened to it since."""

    category: Category
    window: str
    generation: int
    row: int
    """Its position in the file, from 0."""
    event_name: str
    timestamp: datetime
    source: SourceRow | None
    """None where the configuration no longer has a table of this category."""
    file: TracedFile
    export: TracedExport
    batches: tuple[TracedBatch, ...]
    """In the order they were planned."""
    attempts: tuple[TracedAttempt, ...]
    """In the order they were made."""
    ship_runs: tuple[TracedShipRun, ...]
    event: str | None = None
    """Its JSON as it is sent, where that was asked for."""

    @property
    def partition(self) -> str:
        return partition_key(self.category, self.window)

    @property
    def counted_as(self) -> str | None:
        """The word of the account that counts it: forwarded, pending or failed; None if no batch holds it."""
        for batch in self.batches:
            if batch.replay_of is None and batch.state is not State.SPLIT:
                return "pending" if batch.state in PENDING else _COUNTED_AS[batch.state]
        return None


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that could not become an event: where it is and why, without its content."""

    category: Category
    window: str
    row_key: str | None
    reason: str
    detail: str | None
    source: SourceRow | None
    quarantine: str
    """The file that holds the failed row."""


@dataclass(frozen=True, slots=True, repr=False)
class Trace(Summarized):
    """What is known of a timeUUID. Neither `events` nor `failed_rows`: it is not known to this ledger."""

    time_uuid: str
    derived_from: SourceRow | None
    """The row that the id was derived from, where it holds its key and that table is configured."""
    files_searched: int
    events: tuple[TracedEvent, ...] = field(default=())
    """One; more where the source gave one id to rows of several categories, or in `everywhere` of several windows."""
    failed_rows: tuple[QuarantinedRow, ...] = field(default=())
    """Where no file holds it: the rows of quarantines that would have had this id."""
    pruned: tuple[PrunedFiles, ...] = field(default=())
    """Where no file holds it, and in `everywhere`: what could not be searched any more."""

    @property
    def found(self) -> bool:
        return bool(self.events or self.failed_rows)

    @property
    def all_forwarded(self) -> bool:
        """Whether it was found, and nothing of it failed or is pending."""
        return self.found and not self.failed_rows and all(event.counted_as == "forwarded" for event in self.events)

    def summary(self) -> Summary:
        counted = [f"{event.counted_as or 'in no batch'} ({event.partition})" for event in self.events]
        counted += [f"failed: {row.reason} ({row.category.value}|{row.window})" for row in self.failed_rows]
        words = "; ".join(counted) or f"not known, {self.files_searched:,} files searched"
        steps = [step for event in self.events for step in _steps(event)]
        return Summary(f"{self.time_uuid} is {words}", ("when (UTC)", "what", "which"), steps)


def _steps(event: TracedEvent) -> Iterator[tuple[str, str, str]]:
    """(when, what, which) of everything that happened to the event, in order."""
    source, export = event.source, event.export
    key = "" if source is None or source.key is None else f", {source.key_column} = {source.key}"
    yield _moment(event.timestamp), "happened", event.event_name
    yield "", "source row", f"{source.table if source else 'a table that is configured no more'}{key}"
    yield _moment(export.started), "export run", export.orchestrator_run_id or export.run_id
    yield _moment(export.finished), "written", f"row {event.row:,} of {event.file.uri}"
    for batch in event.batches:
        yield _moment(batch.planned), "batch", f"{batch.batch_id}, {batch.rows:,} events, {batch.state.value}"
    for attempt in event.attempts:
        answer = attempt.answer or ("" if attempt.status is None else f"HTTP {attempt.status}")
        yield (
            _moment(attempt.started),
            f"attempt {attempt.number}",
            f"{attempt.outcome or 'under way'} {answer}".strip(),
        )


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


_COUNTED_AS = {State.DELIVERED: "forwarded", State.FAILED: "failed"}
