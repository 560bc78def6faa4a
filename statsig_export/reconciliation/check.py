"""Compares the ledger with the table that Fivetran wrote, and records what is found."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from statsig_export.config import Config
from statsig_export.errors import PartitionFileError
from statsig_export.ledger import arrivals as ledger_arrivals
from statsig_export.ledger.arrivals import ArrivalCheck, BatchArrivals, SentBatch
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import Selection
from statsig_export.ledger.transactions import ledger_of
from statsig_export.reconciliation.buckets import BUCKETS, Buckets, Records, temporary_folder
from statsig_export.reconciliation.comparison import LANDED, SENT, Comparison
from statsig_export.reconciliation.judge import judged, moment
from statsig_export.reconciliation.landed import IdsUnreadError, LandedTable
from statsig_export.reconciliation.report import report_of
from statsig_export.reconciliation.reports import ArrivalsReport, Judged
from statsig_export.reconciliation.segments import Segment, segments
from statsig_export.reconciliation.sent import File, add_sent
from statsig_export.runs import REAL_TIME, no_progress
from statsig_export.storage.files import StoredFile
from statsig_export.storage.storage import Storage

ASKED_AGAIN: Final = timedelta(days=30)
"""What is not there is looked for on each comparison without a range, until its last attempt is so long ago."""
CLOCKS_DIFFER: Final = timedelta(hours=1)
"""A row may have been written so long before its attempt began, by the table's clock."""
CLOCK_WAS_WRONG: Final = timedelta(days=1)
"""Likewise, before anything is sent again: rows cost less to read than to write twice."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Compared:
    """What one comparison has found."""

    comparison: Comparison
    sure: Comparison
    """The same, but for what is missing: that is what a sync had to bring for sure."""
    check: ArrivalCheck
    batches: frozenset[SentBatch]
    """What the ledger had of every batch."""
    files: Mapping[File, StoredFile]
    """The files of what was sent."""
    unreadable: Mapping[File, PartitionFileError]
    """Files that are lost: what they hold was not compared, and counts as alien where it is there."""
    judged: Judged


def check_arrivals(
    config: Config,
    selection: Selection | None = None,
    *,
    now_ms: int | None = None,
    on_progress: Callable[[int], None] = no_progress,
) -> tuple[ArrivalsReport, Sequence[PartitionFileError]]:
    """Compare these partitions, or what is not settled yet, and record it. `on_progress` gets the rows of the table.

    Settled is what was found whole once `grace` had passed after its last attempt; what was last sent ASKED_AGAIN ago
    is compared with a selection only. Returns the figures of the selection, by default of all partitions, and the
    files that could not be read. Raises ConfigError, SourceError for the table, LedgerError, StorageError; then nothing
    is recorded.
    """
    now_ms = REAL_TIME.now_ms() if now_ms is None else now_ms
    with ledger_of(config) as ledger:
        compared = compare(config, ledger.database, selection, now_ms, on_progress=on_progress)
        found = compared.comparison.by_batch()
        ledger_arrivals.record(ledger.database, config.webhook.name, found, compared.check)
    report = replace(report_of(config, selection), judged=compared.judged)
    return report, tuple(compared.unreadable.values())


def compare(
    config: Config,
    database: LedgerDatabase,
    selection: Selection | None,
    now_ms: int,
    *,
    keep_missing: bool = False,
    on_progress: Callable[[int], None] = no_progress,
) -> Compared:
    """The same without a record of it. The connection is asked before the table is read: what its syncs have brought is
    there then. The table is read before the ledger: what is sent meanwhile is ours too.
    """
    grace_ms = _ms(config.arrivals_settings().grace)
    database.bring_up_to_date()  # what is asked of it below is in no ledger of an older version
    judgement = judged(config, database, now_ms)
    if selection is None:
        first_ms = _unsettled_since(database, config.webhook.name, now_ms - _ms(ASKED_AGAIN), grace_ms)
    else:
        first_ms = ledger_arrivals.sent_since(database, selection)
    since_ms = now_ms if first_ms is None else first_ms - _ms(CLOCK_WAS_WRONG if keep_missing else CLOCKS_DIFFER)
    with temporary_folder() as folder, Storage(config.storage_url()) as storage:
        landed, sent = Buckets(folder, "landed", LANDED), Buckets(folder, "sent", SENT)
        read_ms = since_ms
        if first_ms is not None:
            with LandedTable(config) as table:
                landed = _landed(table, folder, datetime.fromtimestamp(since_ms / 1000, UTC), on_progress)
            if table.reads_from is not None:
                read_ms = _ms(table.reads_from - _EPOCH)
        # What was sent before may have been written since, and is ours too: up to `grace` later, or as was seen.
        ids = ledger_arrivals.partitions_sent(database, config.webhook.name, read_ms - grace_ms, read_ms)
        batches, files = ledger_arrivals.sent_of(database, ids)
        known = list(segments(batches))
        compared = [one for one in known if first_ms is not None and one.sent_ms >= first_ms]
        numbers = {segment: number for number, segment in enumerate(compared)}
        lost = add_sent(storage, files, known, numbers, sent)
        comparison = Comparison(compared, judgement.until_ms or 0, frozenset(lost), keep_missing=keep_missing)
        sure = comparison
        if keep_missing and judgement.sure_ms != judgement.until_ms:
            sure = Comparison(compared, judgement.sure_ms or 0, frozenset(lost), keep_missing=True)
        for number in range(BUCKETS):
            both = sent.read(number), landed.read(number)
            comparison.add(*both)
            if sure is not comparison:
                sure.add(*both)
    check = ArrivalCheck(now_ms, since_ms, landed.records, comparison.alien)
    doubts = (*_unlike(config, comparison.by_batch(), landed.records), *_to_come(compared, now_ms))
    judgement = replace(judgement, says=(*judgement.says, *doubts))
    return Compared(comparison, sure, check, frozenset(batches), files, lost, judgement)


def _unlike(config: Config, found: Sequence[BatchArrivals], rows: int) -> Iterator[str]:
    """Where all is missing, table or column may be the wrong ones, or spell ids otherwise: a replay mends nothing."""
    missing = sum(one.missing for one in found)
    if missing and not any(one.arrived or one.unconfirmed for one in found):
        table = config.arrivals_settings().table
        yield (
            f"{missing:,} events are missing, and not one was found among the {rows:,} rows of {table} that were read: "
            "before you replay, see that [arrivals] names the right table, mode and columns (docs/how-to/arrivals.md)."
        )


def _to_come(compared: Sequence[Segment], now_ms: int) -> Iterator[str]:
    """Where something was sent in the future, which would be not yet there for as long, and nobody would know why."""
    last_ms = max((segment.ended_ms for segment in compared), default=0)
    if last_ms > now_ms + _ms(CLOCKS_DIFFER):
        yield (
            f"Some of this was sent at {moment(last_ms):%Y-%m-%d %H:%M} UTC by the clock here, which is still to come: "
            "the clock was wrong then, or is now. Before that none of it is missing, and older rows are not read."
        )


def _landed(table: LandedTable, folder: Path, since: datetime, on_progress: Callable[[int], None]) -> Buckets:
    """The rows of the table. One row that the database cannot look into ends no comparison: it is read once more."""

    def filled(name: str, read: Iterable[Records]) -> Buckets:
        landed = Buckets(folder, name, LANDED)
        for records in read:
            landed.add(records)
            on_progress(len(records))
        return landed

    try:
        return filled("landed", table.read(since))
    except IdsUnreadError:
        return filled("documents", table.read(since, whole=True))


def _unsettled_since(database: LedgerDatabase, destination: str, horizon_ms: int, grace_ms: int) -> int | None:
    """When the first attempt began of what is not settled, those before it was split included, however long ago that
    is: what was sent again since `horizon_ms` may have arrived the first time. None where all is settled.
    """
    wanted = ledger_arrivals.unsettled(database, destination, horizon_ms, grace_ms)
    batches = ledger_arrivals.sent_batches(database, sorted(set(wanted.values())))
    return min((one.sent_ms for one in segments(batches) if one.batch in wanted), default=None)


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
