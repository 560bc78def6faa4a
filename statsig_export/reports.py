"""What the two verbs report: values for the command line, the notebook and Dagster's metadata. Counts and ids only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from statsig_export.account import Account, total
from statsig_export.events import Category


@dataclass(frozen=True, slots=True)
class PartitionExport:
    """What one export run did to one partition (`category|window`)."""

    partition: str
    category: Category
    account: Account
    """This run's own account: `pending` are the events it planned, `forwarded` those planned before."""
    planned: int
    """Events added by this run."""
    already_planned: int
    """Events of the window that earlier generations hold."""
    batches: int
    file: str | None
    """The partition file of this run's generation; None where the run added nothing."""
    digest: str | None
    """sha256 of that file."""
    file_bytes: int
    generation: int
    """The newest generation of the partition; 0 where it has none."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """One export run: one window, the categories that were asked for."""

    run_id: str
    orchestrator_run_id: str | None
    window: str
    rows_read: int
    """Rows that the source yielded, of whichever category: what late rows are told by."""
    seconds: float
    queries: Mapping[str, str]
    """Source table -> the statement that read it."""
    source_filter: str
    """The fingerprint of the filter configuration."""
    partitions: Mapping[Category, PartitionExport] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return total(partition.account for partition in self.partitions.values())


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row that cannot become an event: where it is and why, nothing of what it holds."""

    category: Category
    window: str
    row_key: str | None
    """Its primary key; None for an event that was planned and failed in delivery."""
    time_uuid: str | None
    reason: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A dry run of one window: nothing was written and nothing sent."""

    window: str
    accounts: Mapping[Category, Account]
    """What the account would be with everything shipped: `forwarded` counts what earlier runs planned as well."""
    to_send: int
    """Events that an export would add."""
    examples: Mapping[Category, str]
    """One event a category, as the JSON text that would be sent."""
    failed_rows: Sequence[FailedRow] = ()
    """As many as were asked for."""

    @property
    def account(self) -> Account:
        return total(self.accounts.values())


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
class ShipReport:
    """One ship run."""

    run_id: str
    orchestrator_run_id: str | None
    seconds: float
    paused_until: float | None
    """Until when (epoch seconds) nothing more is sent: the next probe of the breaker, or the end of a rate limit."""
    busy: tuple[str, ...]
    """Partitions that another shipper holds; it ships them."""
    shipments: Mapping[str, Shipment] = field(default_factory=dict)
    """Of the partitions that this run held."""
    statuses: "Mapping[str, PartitionStatus]" = field(default_factory=dict)
    """How every partition that was asked for stands after the run: also those that another shipper holds, and, where
    everything was asked for, those of which nothing is due yet."""
    rate_limited: bool = False
    """Whether it is a rate limit that `paused_until` is the end of."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Partition file -> what is wrong with it. Its partition was set aside: its events stay pending."""

    @property
    def account(self) -> Account:
        """Of all that was asked for."""
        return total(status.account for status in self.statuses.values())

    @property
    def sent(self) -> int:
        """Events accepted in this run."""
        return sum(shipment.delivered_events for shipment in self.shipments.values())

    @property
    def requests(self) -> int:
        return sum(shipment.requests for shipment in self.shipments.values())


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What was sent again."""

    replayed: int
    """Events that this call put up to be sent again; those whose replay was under way already are not among them."""
    pending: int
    """Events of replays that are still to be delivered. With `failed`, no part of the account: it says forwarded."""
    failed: int
    """Events that failed in this run: of replays, and of whatever else was due there."""
    shipped: ShipReport

    @property
    def account(self) -> Account:
        return self.shipped.account

    @property
    def sent(self) -> int:
        """Events accepted in this run."""
        return self.shipped.sent


class Check(StrEnum):
    """What `verify` holds against each other."""

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
    """Of the partitions those that have neither files nor batches any more, so that only their account was verified."""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Which lost or damaged partition files were written again."""

    repaired: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    """File -> what is wrong with it; the source does not make it again."""


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
class DestinationStanding:
    """Whether anything is sent at present."""

    halted: str | None = None
    """Why the destination is halted."""
    paused_until: float | None = None
    rate_limited: bool = False
    """Whether it is a rate limit that `paused_until` is the end of."""
    """While sending pauses: until when (epoch seconds)."""


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
    """Files of pruned partitions, also of those that an earlier prune did not finish."""
    temporary_files: int = 0
    """What exports that were killed have left unfinished."""
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
