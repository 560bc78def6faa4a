"""What a shipment gets of its caller."""

from dataclasses import dataclass

from statsig_export.delivery.rules import DEFAULT_POLICY, RetryPolicy
from statsig_export.runs import RunContext


@dataclass(frozen=True, slots=True)
class ShipContext(RunContext):
    """What any run gets, and how its failures are retried."""

    policy: RetryPolicy = DEFAULT_POLICY
    now: bool = False
    """Whether everything that waits counts as due, and neither the breaker's pause nor a rate limit's hold counts."""
