"""What a ship run and a replay report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from statsig_export.account import Account, total
from statsig_export.ledger.records import PartitionStatus, Shipment

EVERYTHING_REJECTED = "everything is rejected, down to single events"
"""How the reason of such a halt begins."""


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


@dataclass(frozen=True, slots=True)
class DestinationStanding:
    """Whether anything is sent at present."""

    halted: str | None = None
    """Why the destination is halted."""
    paused_until: float | None = None
    rate_limited: bool = False
    """Whether it is a rate limit that `paused_until` is the end of."""
    """While sending pauses: until when (epoch seconds)."""
