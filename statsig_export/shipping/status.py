"""How the destination and its partitions stand, and lifting a halt."""

import time
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from statsig_export.config import Config
from statsig_export.delivery.rate_limit import ROUNDING
from statsig_export.delivery.rules import DEFAULT_POLICY, RetryPolicy
from statsig_export.errors import ConfigError
from statsig_export.ledger import queries, standings
from statsig_export.ledger.conditions import FOREVER_MS
from statsig_export.ledger.evidence import doubted_statuses
from statsig_export.ledger.records import Destination, DuePartition, PartitionStatus, Shipment
from statsig_export.ledger.shipments import requests_of, shipments
from statsig_export.ledger.transactions import ledger_of, ledger_to_read
from statsig_export.runs import REAL_TIME
from statsig_export.shipping.destination import destination_of
from statsig_export.shipping.reports import EVERYTHING_REJECTED, DestinationStanding
from statsig_export.windows import split_partition_key

_MOST_STATUSES = 4


def unsent_partitions(config: Config) -> list[DuePartition]:
    """Partitions with batches that are due, oldest window first; `overdue` says since when.

    `due_partitions` names none while the destination is halted or pauses after failures; these count all the same.
    Raises LedgerError.
    """
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return queries.due(ledger.database, config.webhook.name, round(time.time() * 1000))


def due_partitions(config: Config) -> list[DuePartition]:
    """What a ship run started now would send: nothing while the destination is halted, the breaker is open or a rate
    limit holds. When the breaker's probe is due, only the partitions with the least tried batches: of several runs
    it is theirs that should send it, since others may hold nothing but what always fails.

    A halt counts for as long as the set-up that was refused is the configured one.
    """
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        now_ms = REAL_TIME.now_ms()
        remembered = queries.destination(ledger.database, config.webhook.name)
        if _still_halted(remembered, config) or _paused_until(remembered, DEFAULT_POLICY, now_ms):
            return []
        due = queries.due(ledger.database, config.webhook.name, now_ms)
    if not remembered.breaker_openings:
        return due
    least = min((partition.attempts for partition in due), default=0)
    return [partition for partition in due if partition.attempts == least]


def shipments_of(config: Config, orchestrator_run_id: str) -> list[Shipment]:
    """What a run of the orchestrator sent: for one that ended before it could tell. Their accounts are those of now."""
    name, found = config.webhook.name, list[Shipment]()
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        for ship_run, requests in groupby(requests_of(ledger.database, orchestrator_run_id), key=itemgetter(0)):
            ids = [partition for _, partition in requests]
            statuses = standings.statuses(ledger.database, name, REAL_TIME.now_ms(), only=ids)
            keys = [split_partition_key(status.partition) for status in statuses]
            known = queries.partition_ids(ledger.database, name, keys)
            found += shipments(ledger.database, ship_run, known, statuses).values()
    return found


def halted_reason(config: Config) -> str | None:
    """Why the destination is halted, or None when it is not.

    Where a variable of the set-up is not set here, nobody can tell whether the set-up changed since: then it counts as
    halted, and the text says so.
    """
    return how_it_stands(config).halted


def how_it_stands(config: Config) -> DestinationStanding:
    """Whether the destination is halted, or sending pauses. Needs neither the source's nor the webhook's variables."""
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return DestinationStanding()
        remembered = queries.destination(ledger.database, config.webhook.name)
    until_ms = _paused_until(remembered, DEFAULT_POLICY, REAL_TIME.now_ms())
    paused_until = until_ms / 1000 if until_ms else None
    limited = paused_until is not None and not remembered.breaker_openings
    if not _still_halted(remembered, config):
        return DestinationStanding(paused_until=paused_until, rate_limited=limited)
    _, unknown = _setup_here(config)
    cannot = f" ({unknown}, so whether the set-up has changed since cannot be told here)" if unknown else ""
    return DestinationStanding(f"{remembered.halted_reason}{cannot}", paused_until, rate_limited=limited)


def resume(config: Config) -> frozenset[int]:
    """Lift a halt, a pause and a hold: somebody has mended the set-up.

    Where the destination was halted for rejecting everything, the statuses are returned that from now on are taken as
    real, for `policy.believed_for` or until something is accepted: who resumes without mending anything says that it is
    the events that are wrong.
    """
    with ledger_of(config) as ledger:
        name = config.webhook.name
        reason = queries.destination(ledger.database, name).halted_reason or ""
        rejecting = reason.startswith(EVERYTHING_REJECTED)
        statuses = doubted_statuses(ledger.database, name) if rejecting else frozenset()
        told = [str(status) for status in sorted(statuses)][:_MOST_STATUSES]
        ledger.resume(name, ",".join(told) or None, REAL_TIME.now_ms() if told else None)
    return frozenset(map(int, told))


def status(config: Config, start: datetime | None = None, end: datetime | None = None) -> list[PartitionStatus]:
    """The account of every partition whose window starts in [start, end); of all by default."""
    between = None
    if start is not None or end is not None:
        between = (_ms(start) if start else 0, _ms(end) if end else FOREVER_MS)
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return standings.statuses(ledger.database, config.webhook.name, REAL_TIME.now_ms(), between=between)


def _paused_until(remembered: Destination, policy: RetryPolicy, now_ms: int) -> int | None:
    """Until when nothing is sent. A pause longer than the policy's longest was written by a wrong clock: it is none."""
    longest = (max(policy.breaker_pauses) if remembered.breaker_openings else policy.longest_wait) + ROUNDING
    until = remembered.probe_ms
    return until if until is not None and now_ms < until <= now_ms + round(longest * 1000) else None


def _still_halted(remembered: Destination, config: Config) -> bool:
    """A changed URL or secret lifts a halt by itself. Looking at a destination needs neither: what cannot be compared
    has not changed.
    """
    if remembered.halted_reason is None:
        return False
    return _setup_here(config)[0] in {remembered.halted_setup, None}


def _setup_here(config: Config) -> tuple[str | None, str]:
    """The fingerprint of the configured set-up; None, and why, where a variable that it names is not set here."""
    try:
        return destination_of(config).setup, ""
    except ConfigError as error:
        return None, error.message


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
