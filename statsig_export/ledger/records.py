"""What the ledger gives and takes: plain records, one per kind of row or answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from statsig_export.account import Account
from statsig_export.events.table_identity import TableIdentity
from statsig_export.ledger.plans import ShardedRun
from statsig_export.moments import Moment, ms_or_none
from statsig_export.storage.files import NamedFile, StoredFile
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window


@dataclass(frozen=True, slots=True)
class Selection:
    """Some partitions of a destination: by when their window starts, and by category."""

    destination: str
    since_ms: int | None = None
    """Windows that start in [since_ms, until_ms); None: no bound on this side."""
    until_ms: int | None = None
    categories: tuple[Category, ...] | None = None
    """None: all."""

    @classmethod
    def between(
        cls,
        destination: str,
        start: Moment | None,
        end: Moment | None,
        categories: Iterable[str] | None = None,
    ) -> Self:
        """The partitions whose window starts in [start, end). Raises ConfigError for what is no time or category."""
        since_ms, until_ms = ms_or_none(start, "start"), ms_or_none(end, "end")
        return cls(destination, since_ms, until_ms, None if categories is None else chosen(categories))


@dataclass(frozen=True, slots=True)
class EventFile:
    """A generation of a partition, and the export run that planned it."""

    partition: int
    category: Category
    window: str
    window_start_ms: int
    generation: int
    path: str
    digest: str
    rows: int
    bytes: int
    export_run: str
    """Our own id of the run."""
    orchestrator_run: str | None
    exported_ms: int
    """When the run finished."""

    @property
    def stored(self) -> StoredFile:
        return StoredFile(path=self.path, digest=self.digest, bytes=self.bytes, rows=self.rows)


@dataclass(frozen=True, slots=True)
class QuarantineFile:
    """The failed rows of a partition, as its latest export saw them."""

    category: Category
    window: str
    window_start_ms: int
    path: str

    @property
    def stored(self) -> NamedFile:
        return NamedFile(self.path)


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """A batch that failed in delivery: consecutive rows of a partition file, [first_row, first_row + rows)."""

    file: StoredFile
    first_row: int
    rows: int
    outcome: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class PartitionFailures:
    """What failed of a partition: rows that could not become events, and events that could not be delivered."""

    category: Category
    window: str
    quarantine: NamedFile | None
    """The file of the failed rows; None where there are none."""
    batches: tuple[FailedBatch, ...]
    """By file and first row."""


class Delivery(NamedTuple):
    """An attempt to deliver a batch. A tuple, since notebooks make frames of millions of them."""

    category: str
    window: str
    batch_id: str
    rows: int
    body_bytes: int
    state: str
    """Of the batch now."""
    attempt: int
    """1 for the batch's first."""
    started_ms: int
    finished_ms: int | None
    """None while it is under way; so are the next three."""
    outcome: str | None
    status: int | None
    """HTTP, where there was an answer."""
    latency_ms: float | None
    ship_run: str
    replay: bool
    """Whether the batch sends again what another one delivered."""


@dataclass(frozen=True, slots=True)
class ExportedWindow:
    """An export run that is the latest one of some partition of a window."""

    window: str
    categories: tuple[Category, ...]
    """Those that the run was for."""
    rows_read: int


class ExportedPartition(NamedTuple):
    """A partition that was exported at some time."""

    category: Category
    window: str
    start: datetime
    run_started: datetime | None
    """When its latest export run began; None if the ledger has forgotten the run."""


@dataclass(frozen=True, slots=True)
class PrivacyRecord:
    """The [privacy] under which a run wrote its files."""

    fingerprint: str
    key_check: str | None
    """Tells two keys apart; None where nothing was hashed."""
    rule: Mapping[str, object]
    """The settings, without the key."""


@dataclass(frozen=True, slots=True)
class ExportRun:
    """One export run, as the lineage keeps it."""

    id: str
    orchestrator_run: str | None
    destination: str
    window: Window
    started_ms: int
    finished_ms: int
    rows_read: int
    queries: Mapping[str, str]
    config_fingerprint: str
    filter_fingerprint: str
    library_version: str
    account: Mapping[str, object]
    identities: Sequence[TableIdentity] = ()
    """What the ids and windows of the tables that it read are made of."""
    privacy: PrivacyRecord | None = None
    """None where nothing was dropped or hashed."""
    latest_forgotten: int = 0
    """The last of the people who are forgotten that it knew (ledger.forgotten)."""
    sharded: ShardedRun | None = None
    """None where the window was read in one go."""


@dataclass(frozen=True, slots=True)
class ShipRun:
    """One ship run, as the lineage keeps it."""

    id: str
    orchestrator_run: str | None
    destination: str
    config_fingerprint: str
    library_version: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch as the shipper sees it."""

    id: int
    batch_id: str
    partition: int
    generation: int
    file: StoredFile
    first_row: int
    rows: int
    body_bytes: int
    attempts: int
    planned_ms: int
    replay_of: int | None
    """The delivered batch that this one sends again."""
    parent: int | None = None
    """The batch that this one was split from."""
    replayed_after: int | None = None
    """The attempt that failed it, where it was taken up again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that is on record and may now be made."""

    batch: PlannedBatch
    attempt: int
    number: int
    """1 for the batch's first attempt."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What earlier exports put into a partition."""

    generation: int
    """The newest; 0 for a partition that has none."""
    stored: tuple[StoredFile, ...]
    """Oldest first."""
    rewritten_ms: int | None = None
    """When one of them was last written again without somebody who is forgotten."""

    @property
    def files(self) -> tuple[str, ...]:
        """Their paths."""
        return tuple(file.path for file in self.stored)


@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """What the ledger remembers of a destination between runs."""

    halted_reason: str | None = None
    halted_setup: str | None = None
    breaker_openings: int = 0
    probe_ms: int | None = None
    halted_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one ship run did for one partition."""

    partition: str
    account: Account
    """The partition's account after the run, over all generations."""
    delivered_events: int
    delivered_batches: int
    delivered_bytes: int
    requests: int
    outcomes: Mapping[str, int]
    """Outcome -> number of requests."""
    statuses: Mapping[int, int]
    """HTTP status -> number of requests."""
    latency_ms_median: float | None
    latency_ms_max: float | None
    export_runs: tuple[str, ...]
    """The orchestrator's run ids (else our own) of the export runs whose batches were in it."""
    files: Mapping[str, str]
    """Partition file, relative to the storage's root -> sha256 of its bytes, oldest generation first."""
    due_in: float | None
    """Seconds until the next pending batch is due; None when nothing is pending."""


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One line of `status`."""

    partition: str
    window: str
    category: Category
    account: Account
    last_error: str | None
    due_in: float | None
    pruned: datetime | None = None
    """When its files, batches and attempts were removed (UTC); the account is the one it had."""
    replay_pending: int = 0
    """Events of replays that are still to be delivered: no part of the account, which counts them as forwarded."""
    pending_since: datetime | None = None
    """When the oldest of what is still to be delivered was planned (UTC)."""

    @property
    def unsent(self) -> int:
        """Events that are still to be sent: pending ones, and those that are to be sent again."""
        return self.account.pending + self.replay_pending


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay would send."""

    events: int
    requests: int
    """At least: a request that is too large is split."""


@dataclass(frozen=True, slots=True)
class DuePartition:
    """What the sensor asks for: a partition with batches that are due now."""

    partition: str
    batches: int
    events: int
    export_runs: tuple[str, ...]
    overdue: float = 0.0
    """Seconds since the oldest of the batches was due."""
    attempts: int = 0
    """Of the least tried of them."""
