"""Recomputes every state from the attempts and every batch from the files, and reports what differs.

Reads only. What can be computed is not read from the record under test: a batch's state comes from its attempts, its
id and bytes from the rows of its file, a partition's rows from the files and again from the batches.
Memory holds one partition's batches and attempts, one row group, and 16 bytes an event of one partition.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter

from statsig_export.account import Account, total
from statsig_export.config import Config
from statsig_export.delivery.batches import batch_id, body
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import DEFAULT_POLICY, RetryPolicy, State, cut, fold
from statsig_export.errors import PartitionFileError
from statsig_export.events.seen_ids import SeenIds
from statsig_export.ledger import queries, standings
from statsig_export.ledger.audit import PartitionRecord, RecordedBatch, RecordedGeneration, partition_record
from statsig_export.ledger.records import PartitionStatus
from statsig_export.ledger.retention import needed_files
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.runs import REAL_TIME
from statsig_export.storage.storage import Storage
from statsig_export.windows import split_partition_key


class Check(StrEnum):
    """What `verify` compares."""

    STATE = "state"
    """A batch against its attempts."""
    FILE = "file"
    """A partition file against the digest and the number of rows in the ledger."""
    ROWS = "rows"
    """The batches of a file against its rows: each in exactly one."""
    BODY = "body"
    """A batch's id and bytes against the body that its rows make."""
    IDS = "ids"
    """The timeUUIDs of a partition: each once."""
    ACCOUNT = "account"
    """The account of a partition: it balances."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something the ledger says that does not hold. Ids and counts only."""

    partition: str
    check: Check
    detail: str

    def __str__(self) -> str:
        return f"{self.partition}: {self.detail}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was verified, and what differs."""

    account: Account = field(default_factory=Account)
    partitions: int = 0
    files: int = 0
    batches: int = 0
    pruned: int = 0
    """Pruned partitions, which have neither files nor batches: only their account was verified."""
    differences: tuple[Difference, ...] = ()


Found = Iterator[tuple[Check, str]]
"""What differs in a partition: which check, and what it says."""


def verify(
    config: Config, *, on_progress: Callable[[int], None] | None = None, policy: RetryPolicy = DEFAULT_POLICY
) -> VerifyReport:
    """Compare the ledger with itself and with the files. `on_progress` gets the events of each partition.

    `policy` is the one that batches were shipped under. A file that cannot be read is a difference; raises LedgerError
    where the ledger itself cannot be read, StorageError where the storage is not there or has none of the files.
    """
    name, differences, counts = config.webhook.name, list[Difference](), Counter[str]()
    with ledger_to_read(config) as ledger, Storage(config.storage_url()) as storage:
        if ledger is None:
            return VerifyReport()
        _require_storage(storage, needed_files(ledger.database))
        statuses = standings.statuses(ledger.database, name, REAL_TIME.now_ms())
        keys = [split_partition_key(status.partition) for status in statuses]
        ids = queries.partition_ids(ledger.database, name, keys)
        for status in statuses:
            record = partition_record(ledger.database, ids[status.partition])
            found = [*_states(record.batches, policy), *_files(record, name, storage)]
            if found and not record.pruned:
                again = partition_record(ledger.database, ids[status.partition])
                if again.pruned:
                    found = []  # its files were pruned while they were read
                elif again.generations != record.generations:  # somebody was forgotten meanwhile
                    record = again
                    found = [*_states(record.batches, policy), *_files(record, name, storage)]
            found += [*_account(status), *_left_over(record)]
            differences += [Difference(status.partition, check, detail) for check, detail in found]
            counts.update(partitions=1, pruned=record.pruned)
            counts.update(files=len(record.generations), batches=len(record.batches))
            if on_progress:
                on_progress(sum(generation.rows for generation in record.generations))
    account = total(status.account for status in statuses)
    return VerifyReport(account, differences=tuple(differences), **counts)


def _require_storage(storage: Storage, named: set[str]) -> None:
    """A disk that is not mounted is one error, not one difference per file."""
    if named:
        storage.require_root()
        storage.require_any(named)


def _account(status: PartitionStatus) -> Found:
    account = status.account
    if not account.balances:
        parts = f"forwarded {account.forwarded}, filtered {account.filtered}, failed {account.failed}"
        parts += f", pending {account.pending}, forgotten {account.forgotten}"
        yield Check.ACCOUNT, f"the account has {account.events} events, but {parts}"


def _left_over(record: PartitionRecord) -> Found:
    if record.pruned and record.batches:
        yield Check.STATE, f"it was pruned, but {len(record.batches)} of its batches are there"


def _states(found: Sequence[RecordedBatch], policy: RetryPolicy) -> Found:
    """Each batch against its attempts, its halves and what it is a replay of."""
    by_id = {batch.id: batch for batch in found}
    halves: dict[int, list[RecordedBatch]] = defaultdict(list)
    for batch in sorted(found, key=attrgetter("id")):  # as they were made: one without a row left begins anywhere
        if batch.parent is not None:
            halves[batch.parent].append(batch)
    for batch in found:
        differing = [
            _against_attempts(batch, policy),
            _against_halves(batch, halves[batch.id]),
            _against_origin(batch, by_id),
        ]
        yield from ((Check.STATE, f"batch {batch.id} {words}") for words in differing if words)


def _against_attempts(batch: RecordedBatch, policy: RetryPolicy) -> str | None:
    outcomes = [outcome for _, outcome in batch.made]
    if [number for number, _ in batch.made] != list(range(1, batch.attempts + 1)):
        return f"counts {batch.attempts} attempts, {len(batch.made)} are on record"
    possible = fold(outcomes, batch.rows, batch.replayed_after, policy, batch.forgotten)
    possible |= cut(possible, batch.rows + batch.forgotten) if batch.state == State.SPLIT else frozenset()
    if batch.state not in possible:
        return (
            f"is {batch.state}, its attempts say {' or '.join(sorted(possible, reverse=True)) or 'nothing that can be'}"
        )
    known = [outcome for outcome in outcomes if outcome is not None]
    if batch.outcome != (known[-1] if known else None):
        return f"says {batch.outcome}, its last attempt says {known[-1] if known else 'nothing'}"
    if batch.throttled != (Outcome.THROTTLED in known):
        return "and its attempts differ on whether it met a rate limit"
    return None


def _against_halves(batch: RecordedBatch, halves: Sequence[RecordedBatch]) -> str | None:
    if batch.state != State.SPLIT:
        return "has halves, but was not split" if halves else None
    cuts = [batch.first_row, *(half.end for half in halves)]
    fit = len(halves) == 2 and [half.first_row for half in halves] == cuts[:2] and cuts[-1] == batch.end  # noqa: PLR2004
    if not fit:
        return "was split into other rows than its own"
    if any((half.generation, half.replay_of) != (batch.generation, batch.replay_of) for half in halves):
        return "was split into halves of another kind"
    return None


def _against_origin(batch: RecordedBatch, by_id: dict[int, RecordedBatch]) -> str | None:
    """A replay repeats a delivered batch, or some of its rows; `_against_halves` checks its halves."""
    if batch.parent is not None and batch.parent not in by_id:
        return f"is a half of batch {batch.parent}, which is not there"
    if batch.replay_of is None or batch.parent is not None or not batch.rows:
        return None
    origin = by_id.get(batch.replay_of)
    if origin is None or origin.state != State.DELIVERED or origin.replay_of is not None:
        return f"is a replay of batch {batch.replay_of}, which was not delivered"
    within = batch.generation == origin.generation and origin.first_row <= batch.first_row and batch.end <= origin.end
    if not within or (batch.range == origin.range and batch.batch_id != origin.batch_id):
        return f"is a replay of batch {origin.id}, but not of its rows"
    return None


def _files(record: PartitionRecord, destination: str, storage: Storage) -> Found:
    """Each generation's file against the ledger, and its batches against the file."""
    seen = SeenIds()
    by_generation: dict[int, list[RecordedBatch]] = defaultdict(list)
    for batch in record.batches:
        by_generation[batch.generation].append(batch)
    for generation in record.generations:
        mine = by_generation[generation.number]
        yield from _rows(generation, mine)
        try:
            storage.require_unchanged(generation.file)  # of another file nothing is unpacked
            columns = [
                (len(ids), int(seen.add_new(ids).sum())) for ids in storage.read_column(generation.file, "time_uuid")
            ]
            rows = sum(length for length, _ in columns)
            if rows != generation.rows:
                yield Check.FILE, f"generation {generation.number} holds {rows} rows, the ledger says {generation.rows}"
            if repeated := rows - sum(new for _, new in columns):
                yield Check.IDS, f"generation {generation.number} repeats {repeated} timeUUIDs"
            yield from _bodies(generation, [batch for batch in mine if batch.end <= rows], destination, storage)
        except PartitionFileError as error:
            yield Check.FILE, f"generation {generation.number}: {error.message}"


def _rows(generation: RecordedGeneration, mine: Iterable[RecordedBatch]) -> Found:
    """The rows of a file are cut into the batches that stand for them: neither a gap nor an overlap."""
    standing = [batch for batch in mine if batch.replay_of is None and batch.state != State.SPLIT and batch.rows]
    name, end = f"generation {generation.number}", 0
    for begin, next_end in [*((batch.first_row, batch.end) for batch in standing), (generation.rows, generation.rows)]:
        if end < begin:
            yield Check.ROWS, f"{name}: rows {end} to {begin} are in no batch"
        if end > begin:
            yield (
                Check.ROWS,
                f"{name}: rows {begin} to {end} are in two batches, or not in the file",
            )
        end = next_end


def _bodies(generation: RecordedGeneration, mine: Iterable[RecordedBatch], destination: str, storage: Storage) -> Found:
    for batch in mine:
        if not batch.rows:
            continue
        request_body = body(storage.read_events(generation.file, batch.first_row, batch.rows))
        if batch_id(destination, request_body) != batch.batch_id:
            yield Check.BODY, f"batch {batch.id} is not named after the body its rows make"
        elif len(request_body) != batch.body_bytes:
            yield Check.BODY, f"batch {batch.id} has {batch.body_bytes} bytes, its body {len(request_body)}"
