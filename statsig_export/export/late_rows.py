"""Late rows: windows whose source no longer holds as many rows as when they were exported.

A count is cheap, and it is compared with the very same count: an export run keeps how many rows its statement yielded,
and the statement is asked again how many there are now. After the window was exported again they agree, so nothing is
exported for ever. A row that came while another one went is not seen; a window of which a category was pruned is left
as it is.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import not_, select

from statsig_export.config import Config
from statsig_export.ledger.pruned import NOT_PRUNED
from statsig_export.ledger.tables import export_runs, partitions
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.source.source import Source, open_source
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, closed_windows


@dataclass(frozen=True, slots=True)
class ChangedWindow:
    """A window that has to be exported again."""

    window: Window
    categories: tuple[Category, ...]
    """Those that the run was for."""
    rows_exported: int
    rows_now: int


@dataclass(frozen=True, slots=True)
class _Exported:
    """An export run that is the latest one of some partition."""

    window: Window
    categories: tuple[Category, ...]
    rows: int


def changed_windows(config: Config, now: datetime) -> list[ChangedWindow]:
    """The closed, exported windows of the lookback whose rows are not as many as their latest export has read.

    Oldest first. Asks the source one count for each of them and table. Raises ConfigError, SourceError or LedgerError.
    """
    closed = closed_windows(now - config.windows.lookback, now, config.windows, now)
    exported = _exported(config, {window.key: window for window in closed})
    if not exported:
        return []
    with open_source(config) as source:
        return list(_changed(source, exported))


def _changed(source: Source, exported: Sequence[_Exported]) -> Iterator[ChangedWindow]:
    for run in exported:
        rows = sum(
            source.count_rows(table, run.window.start, run.window.end, run.categories) for table in source.tables
        )
        if rows != run.rows:
            yield ChangedWindow(run.window, run.categories, run.rows, rows)


def _exported(config: Config, windows: dict[str, Window]) -> list[_Exported]:
    if not windows:
        return []
    mine = partitions.c.destination == config.webhook.name
    pruned = select(partitions.c.window).where(mine, not_(NOT_PRUNED))
    wanted = (
        select(partitions.c.window, export_runs.c.rows_read, export_runs.c.account)
        .join(export_runs, export_runs.c.id == partitions.c.export_run)
        .where(mine, partitions.c.window.not_in(pruned))
        .where(partitions.c.window_start_ms >= round(min(windows.values()).start.timestamp() * 1000))
        .distinct()
        .order_by(partitions.c.window, export_runs.c.rows_read)
    )
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        with ledger.database.read() as connection:
            runs = connection.execute(wanted).all()
    return [
        _Exported(windows[window], tuple(Category(name) for name in json.loads(account)), rows)
        for window, rows, account in runs
        if window in windows
    ]
