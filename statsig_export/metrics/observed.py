"""What one scrape sees: read from the ledger, and from the storage which ledgers have left receipts there; neither from
the source nor from a warehouse.
"""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from statsig_export.account import total
from statsig_export.config import Config
from statsig_export.errors import LedgerError
from statsig_export.export.gaps import skipped_among, windows_behind
from statsig_export.ledger import queries
from statsig_export.ledger.arrivals import ArrivalCheck, latest_check
from statsig_export.ledger.conditions import FOREVER_MS
from statsig_export.ledger.figures import Figures, figures, newest_windows_since
from statsig_export.ledger.listings import exported_partitions
from statsig_export.ledger.standings import statuses
from statsig_export.ledger.transactions import Ledger, ledger_place, ledger_to_read
from statsig_export.metrics.halts import HaltReason, halt_reason
from statsig_export.receipts.other_ledgers import other_ledgers
from statsig_export.shipping.reports import DestinationStanding
from statsig_export.shipping.status import standing_of
from statsig_export.windows import windows_of_lookback

WAIT_MS: Final = 3_000
"""For the ledger to answer: Prometheus gives up after ten seconds by default."""
RECENT_MS: Final = 3_600_000
"""How far back the requests go whose status and latency are told."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Made without arguments, it is what an empty ledger comes to."""

    figures: Figures = field(default_factory=Figures)
    now_ms: int = 0
    standing: DestinationStanding = field(default_factory=DestinationStanding)
    halt: HaltReason | None = None
    breaker_openings: int = 0
    failed_share: float = 0
    """Of the newest windows, as `check` takes them."""
    skipped: int = 0
    """Closed windows that were never exported, since the exports began."""
    behind: int = 0
    """Closed windows after the newest exported one; all of them where nothing was exported."""
    check: ArrivalCheck | None = None
    compares: bool = False
    """Whether there is a table to compare with."""
    schema_version: int = 0
    overdue_after: float = 0
    """Seconds, as is configured."""
    max_failed_share: float = 0
    other_ledgers: int | None = 0
    """How many other ledgers have left receipts of this destination in the storage; None where that is not known."""


def observe(config: Config) -> Observed:
    """Raises LedgerError, also where there is no ledger yet, and ConfigError."""
    with ledger_to_read(config, WAIT_MS) as ledger:
        if ledger is None:
            raise LedgerError(
                f"there is no ledger yet at {ledger_place(config)}",
                hint="export a window, or check [ledger] url if there should be one",
            )
        own, seen = queries.ledger_id(ledger.database), _observed(config, ledger)
    others = other_ledgers(config, own)
    return replace(seen, other_ledgers=None if others is None else len(others))


def _observed(config: Config, ledger: Ledger) -> Observed:
    database, name = ledger.database, config.webhook.name
    now = time.time()
    now_ms, moment = round(now * 1000), datetime.fromtimestamp(now, UTC)
    remembered = queries.destination(database, name)
    standing = standing_of(remembered, config)
    found = figures(database, name, now_ms, now_ms - RECENT_MS)
    check = latest_check(database, name)
    return Observed(
        figures=found,
        now_ms=now_ms,
        standing=standing,
        halt=halt_reason(remembered.halted_reason or "") if standing.halted else None,
        breaker_openings=remembered.breaker_openings,
        failed_share=_failed_share(config, ledger, now_ms),
        skipped=len(skipped_among(exported_partitions(database, name), config, moment)),
        behind=windows_behind(_moment(found.newest_window_ms), config.windows, moment),
        check=check,
        compares=check is not None or config.arrivals is not None,
        schema_version=database.version,
        overdue_after=config.checks.overdue_after.total_seconds(),
        max_failed_share=config.checks.max_failed_share,
    )


def _failed_share(config: Config, ledger: Ledger, now_ms: int) -> float:
    name = config.webhook.name
    since_ms = newest_windows_since(ledger.database, name, windows_of_lookback(config.windows))
    if since_ms is None:
        return 0
    newest = statuses(ledger.database, name, now_ms, between=(since_ms, FOREVER_MS))
    return total(line.account for line in newest).failed_share


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
