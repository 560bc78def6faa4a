"""Late rows: windows whose source no longer holds as many rows as when they were exported.

A count is cheap, and like is compared with like: an export run records how many rows its statement returned, and the
same statement is counted again now. Once the window is exported again the two agree, so nothing is exported for ever.
A row that came while another one went is not noticed; a window of which a category was pruned is left as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from statsig_export.config import Config
from statsig_export.ledger.listings import exported_windows
from statsig_export.ledger.records import ExportedWindow
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


def changed_windows(config: Config, now: datetime) -> list[ChangedWindow]:
    """The closed, exported windows of the lookback whose number of rows differs from what their latest export read.

    Oldest first. Asks the source for one count per window and table. Raises ConfigError, SourceError or LedgerError.
    """
    closed = closed_windows(now - config.windows.lookback, now, config.windows, now)
    windows = {window.key: window for window in closed}
    exported = _exported(config, windows)
    if not exported:
        return []
    with open_source(config) as source:
        return list(_changed(source, windows, exported))


def _changed(
    source: Source, windows: Mapping[str, Window], exported: Sequence[ExportedWindow]
) -> Iterator[ChangedWindow]:
    for run in exported:
        window = windows[run.window]
        rows = sum(source.count_rows(table, window.start, window.end, run.categories) for table in source.tables)
        if rows != run.rows_read:
            yield ChangedWindow(window, run.categories, rows_exported=run.rows_read, rows_now=rows)


def _exported(config: Config, windows: Mapping[str, Window]) -> list[ExportedWindow]:
    """The latest export runs of those of the windows that were exported."""
    if not windows:
        return []
    first_ms = round(min(windows.values()).start.timestamp() * 1000)
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return exported_windows(ledger.database, config.webhook.name, first_ms, list(windows))
