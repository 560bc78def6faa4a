"""The destination's rate limit: one answer holds back everything that goes there, not only the batch that met it."""

from dataclasses import dataclass

from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Decision, RetryPolicy

ROUNDING = 1.0
"""Seconds. The longest hold is still valid after it was recorded, rounded, and read again."""


@dataclass(slots=True)
class RateLimit:
    """How long the destination is held back. Times are seconds of the run's clock."""

    policy: RetryPolicy
    until: float = 0
    """Nothing is sent before."""
    holds: int = 0
    """How often it was held in this run: the number that a request is begun under."""
    in_a_row: int = 0
    """How often with nothing accepted in between. While it is above zero, one request at a time is sent."""

    def record(self, decision: Decision, began_under: int, now: float, roll: float) -> None:
        """Record the answer to a request that began after that number of holds; answers in the order they came.

        Of the requests that were under way when the limit was met, the first holds; the others may hold for longer.
        """
        if decision.outcome is Outcome.ACCEPTED and began_under == self.holds:
            self.in_a_row = 0
        if decision.outcome is not Outcome.THROTTLED:
            return
        if began_under == self.holds:
            self.holds += 1
            self.in_a_row += 1
        self.until = max(self.until, now + self.policy.hold(self.in_a_row, decision.retry_after, roll))

    def wait(self, now: float) -> float:
        """Seconds until the next request may go. More than any limit is held for is a wrong clock's, and none."""
        seconds = self.until - now
        return seconds if 0 < seconds <= self.policy.longest_wait + ROUNDING else 0
