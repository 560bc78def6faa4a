"""The status of the destination and its partitions, and `resume`, which lifts a halt."""

import time
from datetime import UTC, datetime

from statsig_export.config import Config
from statsig_export.delivery.rules import DEFAULT_POLICY
from statsig_export.ledger import queries, standings
from statsig_export.ledger.conditions import FOREVER_MS
from statsig_export.ledger.evidence import doubted_statuses
from statsig_export.ledger.exported import ExportedPartition, Totals, exported_partitions
from statsig_export.ledger.exported import runs_since as ledger_runs_since
from statsig_export.ledger.exported import totals as ledger_totals
from statsig_export.ledger.records import DestinationRecord, DuePartition, PartitionStatus, Selection
from statsig_export.ledger.transactions import ledger_of, ledger_to_read
from statsig_export.moments import Moment, ms_or_none
from statsig_export.runs import REAL_TIME
from statsig_export.shipping.reports import EVERYTHING_REJECTED, DestinationStanding
from statsig_export.shipping.standing import paused_until, setup_here, still_halted

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
    """The partitions of which a ship run started now would send something: none while the destination is halted, the
    breaker is open or a rate limit holds. When the breaker's probe is due, only the partitions with the least tried
    batches: others may hold only batches that always fail, which are no good probe.

    A halt lasts while the refused set-up is the configured one.
    """
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        now_ms = REAL_TIME.now_ms()
        remembered = queries.destination(ledger.database, config.webhook.name)
        if still_halted(remembered, config) or paused_until(remembered, DEFAULT_POLICY, now_ms):
            return []
        due = queries.due(ledger.database, config.webhook.name, now_ms)
    if not remembered.breaker_openings:
        return due
    least = min((partition.attempts for partition in due), default=0)
    return [partition for partition in due if partition.attempts == least]


def ledger_id(config: Config) -> str:
    """The ledger's own id, by whatever URL it is reached; empty where there is no ledger yet."""
    with ledger_to_read(config) as ledger:
        return "" if ledger is None else queries.ledger_id(ledger.database)


def halted_reason(config: Config) -> str | None:
    """Why the destination is halted, or None when it is not.

    If a variable of the set-up is not set here, the set-up cannot be compared: the destination counts as halted, and
    the text says so.
    """
    return how_it_stands(config).halted


def how_it_stands(config: Config) -> DestinationStanding:
    """Whether the destination is halted, or sending pauses. Needs neither the source's nor the webhook's variables."""
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return DestinationStanding()
        remembered = queries.destination(ledger.database, config.webhook.name)
    return standing_of(remembered, config)


def standing_of(remembered: DestinationRecord, config: Config) -> DestinationStanding:
    """The same of what was read before."""
    until_ms = paused_until(remembered, DEFAULT_POLICY, REAL_TIME.now_ms())
    until = until_ms / 1000 if until_ms else None
    limited = until is not None and not remembered.breaker_openings
    if not still_halted(remembered, config):
        return DestinationStanding(paused_until=until, rate_limited=limited)
    _, unknown = setup_here(config)
    cannot = f" ({unknown}, so whether the set-up has changed since cannot be told here)" if unknown else ""
    return DestinationStanding(f"{remembered.halted_reason}{cannot}", until, rate_limited=limited)


def resume(config: Config) -> frozenset[int]:
    """Lift a halt, the breaker's pause and a rate limit's hold, since the set-up was mended.

    If the destination was halted for rejecting everything, returns the HTTP statuses that are believed from now on, for
    `policy.believed_for` or until something is accepted: resuming without a change says that the events are at fault.
    """
    with ledger_of(config) as ledger:
        name = config.webhook.name
        reason = queries.destination(ledger.database, name).halted_reason or ""
        rejecting = reason.startswith(EVERYTHING_REJECTED)
        statuses = doubted_statuses(ledger.database, name) if rejecting else frozenset()
        told = [str(status) for status in sorted(statuses)][:_MOST_STATUSES]
        ledger.resume(name, ",".join(told) or None, REAL_TIME.now_ms() if told else None)
    return frozenset(map(int, told))


def status(config: Config, start: Moment | None = None, end: Moment | None = None) -> list[PartitionStatus]:
    """The account of every partition whose window starts in [start, end); of all by default."""
    since_ms, until_ms = ms_or_none(start, "start"), ms_or_none(end, "end")
    between = None
    if since_ms is not None or until_ms is not None:
        between = (since_ms or 0, FOREVER_MS if until_ms is None else until_ms)
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return standings.statuses(ledger.database, config.webhook.name, REAL_TIME.now_ms(), between=between)


def exported(config: Config, start: Moment | None = None, end: Moment | None = None) -> list[ExportedPartition]:
    """The exported partitions whose window starts in [start, end), of all by default; oldest window first."""
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return exported_partitions(ledger.database, Selection.between(config.webhook.name, start, end))


def totals(config: Config) -> Totals:
    """How many events were ever planned for the destination, and delivered to it."""
    with ledger_to_read(config) as ledger:
        return Totals(0, 0) if ledger is None else ledger_totals(ledger.database, config.webhook.name)


def runs_since(config: Config, since: datetime) -> dict[str, datetime]:
    """The export and ship runs that finished after `since`: the orchestrator's id of each, else our own -> when."""
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return {}
        runs = ledger_runs_since(ledger.database, config.webhook.name, round(since.timestamp() * 1000))
    return {run: datetime.fromtimestamp(ms / 1000, UTC) for run, ms in runs.items()}
