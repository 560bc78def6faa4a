"""What a ship run and a replay report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from statsig_export.account import Account, summary_of, total
from statsig_export.errors import PartitionFileError, StatsigExportError
from statsig_export.ledger.records import PartitionStatus, Shipment
from statsig_export.summary import Summarized, Summary

EVERYTHING_REJECTED = "everything is rejected, down to single events"
"""How the reason of such a halt begins."""


@dataclass(frozen=True, slots=True, repr=False)
class ShipReport(Summarized):
    """One ship run."""

    run_id: str
    orchestrator_run_id: str | None
    seconds: float
    paused_until: float | None
    """Until when (epoch seconds) nothing is sent: the next probe of the breaker, or the end of a rate limit."""
    busy: tuple[str, ...]
    """Partitions that another shipper holds; it ships them."""
    shipments: Mapping[str, Shipment] = field(default_factory=dict)
    """Partition -> what was sent of it, for the partitions that this run held."""
    statuses: Mapping[str, PartitionStatus] = field(default_factory=dict)
    """Partition -> its status after the run. Includes partitions that another shipper holds and, for a run of
    everything, those with nothing due yet."""
    rate_limited: bool = False
    """Whether `paused_until` is the end of a rate limit."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Partition file -> what is wrong with it. Its partition was set aside: its events stay pending."""

    @property
    def account(self) -> Account:
        """The sum over `statuses`."""
        return total(status.account for status in self.statuses.values())

    @property
    def sent(self) -> int:
        """Events accepted in this run."""
        return sum(shipment.delivered_events for shipment in self.shipments.values())

    @property
    def requests(self) -> int:
        return sum(shipment.requests for shipment in self.shipments.values())

    def summary(self) -> Summary:
        sentence = f"{self.sent:,} events sent in {self.requests:,} requests"
        return summary_of(sentence, ((key, status.account) for key, status in self.statuses.items()))


def report_of(error: StatsigExportError) -> ShipReport | None:
    """What a ship run delivered before this error ended it. None if it was refused before it began, or for the error
    of anything else.
    """
    return error.report if isinstance(error.report, ShipReport) else None


@dataclass(frozen=True, slots=True, repr=False)
class ReplayReport(Summarized):
    """One replay."""

    replayed: int
    """Events that this call planned to send again. Events whose replay was already under way do not count."""
    pending: int
    """Events of replays that are not delivered yet. Neither they nor `failed` are in the account, which has these
    events as forwarded."""
    failed: int
    """Events that failed in this run, of replays or of anything else that was due."""
    shipped: ShipReport
    unreadable: Sequence[PartitionFileError] = ()
    """Files that are lost, so that what is missing of them was not found, and not sent (`replay --missing` alone)."""
    says: Sequence[str] = ()
    """What is to be said of how it was found out what is missing (likewise)."""
    withheld: int = 0
    """Events that are missing by `grace` alone while Fivetran is not heard on their connection: not sent (likewise)."""

    @property
    def account(self) -> Account:
        return self.shipped.account

    def summary(self) -> Summary:
        sentence = f"{self.replayed:,} events planned again, {self.pending:,} pending, {self.failed:,} failed"
        return self.shipped.summary()._replace(sentence=sentence)

    @property
    def sent(self) -> int:
        """Events accepted in this run."""
        return self.shipped.sent


@dataclass(frozen=True, slots=True)
class DestinationStanding:
    """Whether the destination is halted, or sending pauses."""

    halted: str | None = None
    """Why the destination is halted."""
    paused_until: float | None = None
    """Until when (epoch seconds) nothing is sent; None without a pause."""
    rate_limited: bool = False
    """Whether `paused_until` is the end of a rate limit."""
