"""What the two verbs report: values for the command line, the notebook and Dagster's metadata. Counts and ids only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from statsig_export.account import Account, summary_of, total
from statsig_export.summary import Summarized, Summary
from statsig_export.vocabulary import Category


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
    """The file of this run's generation, of a window in shards the first; None where the run added nothing."""
    digest: str | None
    """sha256 of that file."""
    file_bytes: int
    """Of all files that the run added."""
    generation: int
    """The newest generation of the partition; 0 where it has none."""
    files: int = 0
    """How many the run added: one, or one for each shard that has new events."""


@dataclass(frozen=True, slots=True, repr=False)
class ExportReport(Summarized):
    """One export run: one window, the categories that were asked for."""

    run_id: str
    orchestrator_run_id: str | None
    window: str
    rows_read: int
    """Rows that the source yielded, of whichever category: late rows are found by it."""
    seconds: float
    queries: Mapping[str, str]
    """Source table -> the statement that read it."""
    filter_fingerprint: str
    """The fingerprint of the filter configuration."""
    privacy_fingerprint: str | None = None
    """The same of [privacy]; None where nothing is dropped or hashed."""
    partitions: Mapping[Category, PartitionExport] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return total(partition.account for partition in self.partitions.values())

    def summary(self) -> Summary:
        planned = sum(partition.planned for partition in self.partitions.values())
        sentence = f"window {self.window}, {self.rows_read:,} rows read, {planned:,} events planned"
        return summary_of(sentence, ((one.category.value, one.account) for one in self.partitions.values()))


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


@dataclass(frozen=True, slots=True, repr=False)
class PlanReport(Summarized):
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
    unmatched_paths: Sequence[str] = ()
    """The paths of [privacy] that matched nothing in the events that would be added."""

    @property
    def account(self) -> Account:
        return total(self.accounts.values())

    def summary(self) -> Summary:
        sentence = f"window {self.window}, {self.to_send:,} events would be sent; nothing was sent or written"
        return summary_of(sentence, ((category.value, account) for category, account in self.accounts.items()))


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Which lost or damaged partition files were written again."""

    repaired: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    """File -> what is wrong with it; the source does not make it again."""
