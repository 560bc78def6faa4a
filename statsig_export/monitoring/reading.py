"""Reads the figures that the rules judge: from the ledger, and from the storage which ledgers have left receipts there;
neither from the source nor from a warehouse.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from statsig_export.account import total
from statsig_export.config import Config
from statsig_export.export.gaps import skipped_among, windows_behind
from statsig_export.ledger import queries
from statsig_export.ledger.arrival_figures import destination_arrivals
from statsig_export.ledger.late_events import events_laid_down
from statsig_export.ledger.listings import exported_partitions
from statsig_export.ledger.records import PartitionStatus
from statsig_export.ledger.standings import statuses
from statsig_export.ledger.transactions import Ledger, ledger_place, ledger_to_read
from statsig_export.monitoring.rules import Figures, Limits
from statsig_export.receipts.folders import named
from statsig_export.receipts.other_ledgers import other_ledgers
from statsig_export.settings import WindowSettings
from statsig_export.shipping.status import standing_of
from statsig_export.windows import windows_of_lookback

_A_DAY: Final = timedelta(days=1)
_MOST_PARTITIONS: Final = 20
"""Named in a finding: the others are in `status`."""


def read_figures(config: Config, limits: Limits, now: datetime, wait_ms: int | None = None) -> Figures:
    """Raises LedgerError and ConfigError, nothing because of the storage. `wait_ms` as in `ledger_to_read`. No variable
    of source or webhook is needed; without the webhook's a halted destination counts as halted.
    """
    with ledger_to_read(config, wait_ms) as ledger:
        if ledger is None:
            own, figures = "", Figures(config.webhook.name, empty=True, no_ledger_at=ledger_place(config))
        else:
            own, figures = queries.ledger_id(ledger.database), _figures_of(config, ledger, limits, now)
    others = other_ledgers(config, own)
    return replace(figures, other_ledgers=None if others is None else named(others))


def _figures_of(config: Config, ledger: Ledger, limits: Limits, now: datetime) -> Figures:
    database, name = ledger.database, config.webhook.name
    now_ms = round(now.timestamp() * 1000)
    lines = statuses(database, name, now_ms)
    unsent = [line for line in lines if line.unsent]
    since = min((line.pending_since for line in unsent if line.pending_since), default=now)
    exported = exported_partitions(database, name)
    closed_by = now - limits.export
    newest = max((partition.start for partition in exported), default=None)
    late, planned = events_laid_down(database, name, round((now - _A_DAY).timestamp() * 1000))
    return Figures(
        destination=name,
        standing=standing_of(queries.destination(database, name), config),
        account=total(line.account for line in newest_windows(lines, config.windows)),
        unsent=sum(line.unsent for line in unsent),
        oldest=max(now - since, timedelta()),
        unsent_partitions=[line.partition for line in unsent[:_MOST_PARTITIONS]],
        skipped=[window.key for window in skipped_among(exported, config, closed_by)],
        behind=windows_behind(newest, config.windows, closed_by) if exported else 0,
        late=late,
        planned=planned,
        missing=destination_arrivals(database, name).missing if config.arrivals is not None else 0,
        empty=not lines,
    )


def newest_windows(lines: Sequence[PartitionStatus], settings: WindowSettings) -> list[PartitionStatus]:
    """The partitions of the newest windows, as many as the lookback has: older failures are known."""
    newest = set(sorted({line.window for line in lines})[-windows_of_lookback(settings) :])
    return [line for line in lines if line.window in newest]
