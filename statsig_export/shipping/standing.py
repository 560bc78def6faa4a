"""What one ship run leaves to the next about the destination: a halt, the breaker, a rate limit."""

from statsig_export.config import Config
from statsig_export.delivery.evidence import Evidence
from statsig_export.delivery.rate_limit import ROUNDING, RateLimit
from statsig_export.delivery.rules import Breaker, RetryPolicy
from statsig_export.errors import ConfigError, DestinationError
from statsig_export.ledger import queries
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.evidence import forget_believed
from statsig_export.ledger.records import DestinationRecord
from statsig_export.ledger.transactions import Ledger
from statsig_export.shipping.context import ShipContext
from statsig_export.shipping.destination import destination_of


def paused_until(remembered: DestinationRecord, policy: RetryPolicy, now_ms: int) -> int | None:
    """Until when nothing is sent. A pause longer than the policy's longest was written by a wrong clock: it is none."""
    longest = (max(policy.breaker_pauses) if remembered.breaker_openings else policy.longest_wait) + ROUNDING
    until = remembered.probe_ms
    return until if until is not None and now_ms < until <= now_ms + round(longest * 1000) else None


def still_halted(remembered: DestinationRecord, config: Config) -> bool:
    """A changed URL or secret lifts a halt by itself. Looking at a destination needs neither: what cannot be compared
    has not changed.
    """
    if remembered.halted_reason is None:
        return False
    return setup_here(config)[0] in {remembered.halted_setup, None}


def setup_here(config: Config) -> tuple[str | None, str]:
    """The fingerprint of the configured set-up; None, and why, where a variable that it names is not set here."""
    try:
        return destination_of(config).setup, ""
    except ConfigError as error:
        return None, error.message


def refuse_while_halted(database: LedgerDatabase, config: Config) -> None:
    """Raise DestinationError while the destination is halted for the configured set-up."""
    remembered = queries.destination(database, config.webhook.name)
    if still_halted(remembered, config):
        raise refusal(remembered.halted_reason or "")


def refusal(reason: str, *, halts: bool = False) -> DestinationError:
    """The error of a run that the destination refuses."""
    return DestinationError(
        f"the webhook refuses the set-up ({reason}); nothing failed, everything undelivered stays pending",
        hint="mend the URL or the secret, or say `statsig-export resume` when the other side is mended "
        "(or, where everything is rejected, when it is the events that are wrong: then they fail)",
        halts=halts,
    )


def restored(remembered: DestinationRecord, context: ShipContext) -> tuple[Breaker, Evidence, RateLimit]:
    """What the last run left: the breaker, open until its next probe is due, the statuses that a `resume` told to take
    as real, and the rate limit.
    """
    policy, now_ms, openings = context.policy, context.timing.now_ms(), remembered.breaker_openings
    until_ms = None if context.now else paused_until(remembered, policy, now_ms)
    return (
        Breaker(policy, openings=openings, open=bool(openings and until_ms)),
        Evidence(policy, _believed(remembered, policy, now_ms)),
        RateLimit(policy, until=0 if openings else (until_ms or 0) / 1000),
    )


def _believed(remembered: DestinationRecord, policy: RetryPolicy, now_ms: int) -> frozenset[int]:
    statuses, since = remembered.halted_setup, remembered.halted_ms
    if remembered.halted_reason is not None or statuses is None or since is None:
        return frozenset()
    fresh = since <= now_ms <= since + round(policy.believed_for * 1000)
    return frozenset(map(int, statuses.split(","))) if fresh else frozenset()


def lift_halt(ledger: Ledger, name: str, setup: str, *, accepted_any: bool) -> None:
    """Record that the destination does not refuse this set-up, after a run that it did not halt."""
    remembered = queries.destination(ledger.database, name)
    if remembered.halted_reason is None:
        if remembered.halted_setup is not None and accepted_any:
            forget_believed(ledger.database, name)
    elif remembered.halted_setup != setup:  # this run's own: another run was refused while this was under way
        ledger.resume(name)


def record_pause(ledger: Ledger, name: str, breaker: Breaker, rate_limit: RateLimit, now_ms: int) -> float | None:
    """Record the breaker and the rate limit for the next run. Returns until when (epoch seconds) nothing is sent."""
    remembered = queries.destination(ledger.database, name)
    held_ms = round(rate_limit.until * 1000) if rate_limit.wait(now_ms / 1000) else 0
    paused_ms = now_ms + round(breaker.policy.pause(breaker.openings) * 1000) if breaker.opened else 0
    if held_ms > paused_ms:
        ledger.set_breaker(name, 0, held_ms)
    elif paused_ms:
        ledger.set_breaker(name, breaker.openings, paused_ms)
    elif breaker.opened is False and remembered.breaker_openings:
        ledger.set_breaker(name, 0, None)
    until_ms = max(held_ms, paused_ms) or (breaker.open and paused_until(remembered, breaker.policy, now_ms))
    return until_ms / 1000 if until_ms else None
