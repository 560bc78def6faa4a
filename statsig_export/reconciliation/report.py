"""The latest figures, out of the ledger alone."""

from datetime import UTC, datetime

from statsig_export.config import Config
from statsig_export.ledger.arrival_figures import ArrivalFigures, partition_arrivals
from statsig_export.ledger.arrivals import latest_check
from statsig_export.ledger.conditions import FOREVER_MS
from statsig_export.ledger.records import PartitionStatus, Selection
from statsig_export.ledger.standings import statuses
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.reconciliation.reports import Arrivals, ArrivalsReport, PartitionArrivalsLine
from statsig_export.runs import REAL_TIME
from statsig_export.vocabulary import Category

_ORDER = {category.value: number for number, category in enumerate(Category)}
NOTHING = ArrivalsReport((), None, None, 0, 0)


def report_of(config: Config, selection: Selection | None = None) -> ArrivalsReport:
    """What the latest comparisons found of these partitions, of all by default: of those with forwarded events."""
    selection = selection or Selection(config.webhook.name)
    between = (selection.since_ms or 0, FOREVER_MS if selection.until_ms is None else selection.until_ms)
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return NOTHING
        check = latest_check(ledger.database, config.webhook.name)
        found = partition_arrivals(ledger.database, selection)
        standing = statuses(ledger.database, config.webhook.name, REAL_TIME.now_ms(), between=between)
    lines = [
        PartitionArrivalsLine(one.window, one.category.value, _arrivals(one, found.get((one.category, one.window))))
        for one in standing
        if selection.categories is None or one.category in selection.categories
    ]
    return ArrivalsReport(
        partitions=sorted((line for line in lines if line.arrivals != Arrivals()), key=_place),
        checked=None if check is None else _moment(check.checked_ms),
        since=None if check is None else _moment(check.since_ms),
        landed=0 if check is None else check.landed,
        alien=0 if check is None else check.alien,
    )


def _arrivals(standing: PartitionStatus, found: ArrivalFigures | None) -> Arrivals:
    forwarded = standing.account.forwarded
    if found is None:
        return Arrivals(forwarded=forwarded, unchecked=forwarded)
    return Arrivals(
        forwarded=forwarded,
        arrived=found.arrived,
        missing=found.missing,
        not_yet=found.not_yet,
        unchecked=forwarded - found.checked,
        repeated_replay=found.repeated_replay,
        repeated_unknown=found.repeated_unknown,
        repeated_other=found.repeated_other,
        unconfirmed=found.unconfirmed,
    )


def _place(line: PartitionArrivalsLine) -> tuple[str, int]:
    """As `status` has it: the oldest window first, and its categories in their usual order."""
    return line.window, _ORDER[line.category]


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
