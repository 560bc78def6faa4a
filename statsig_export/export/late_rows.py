"""Late rows: windows whose source no longer holds as many rows as when they were exported.

A count is cheap, and like is compared with like: an export run records how many rows its statement returned, and the
same statement is counted again now. Once the window is exported again the two agree, so nothing is exported for ever.
A row that came while another one went is not noticed; a window of which a category was pruned is left as it is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from statsig_export.config import Config
from statsig_export.ledger.listings import exported_windows
from statsig_export.ledger.records import ExportedWindow
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.source.source import Source, open_source
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, lookback_windows

WINDOWS_A_STATEMENT = 400
"""More would make the text longer than some databases take."""


@dataclass(frozen=True, slots=True)
class ChangedWindow:
    """A window that has to be exported again."""

    window: Window
    categories: tuple[Category, ...]
    """Those that the run was for."""
    rows_exported: int
    rows_now: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a search for late rows has found."""

    changed: tuple[ChangedWindow, ...]
    """Oldest first."""
    next: Window | None
    """Where to go on: the search was to stop before it had compared them all."""


def changed_windows(config: Config, now: datetime) -> list[ChangedWindow]:
    """The closed, exported windows of the lookback whose number of rows differs from what their latest export read.

    Oldest first. Raises ConfigError, SourceError or LedgerError.
    """
    return list(compared_windows(config, lookback_windows(config.windows, now)).changed)


def compared_windows(
    config: Config, windows: Sequence[Window], stopping: Callable[[], bool] = lambda: False
) -> Comparison:
    """The same of these windows, which ascend, each once. Asks the source for one count per table, grouped by window,
    for as many windows as a statement takes; `stopping` is asked between the statements for different windows.
    """
    changed: list[ChangedWindow] = []
    exported = _exported(config, {window.key: window for window in windows})
    if not exported:
        return Comparison((), None)
    with open_source(config) as source:
        for at in range(0, len(windows), WINDOWS_A_STATEMENT):
            if at and stopping():
                return Comparison(tuple(changed), windows[at])
            part = windows[at : at + WINDOWS_A_STATEMENT]
            changed += _changed(source, part, exported)
    return Comparison(tuple(changed), None)


def _changed(source: Source, windows: Sequence[Window], exported: Sequence[ExportedWindow]) -> Iterator[ChangedWindow]:
    """Runs of the same categories are counted together: they ran the same statement."""
    by_key = {window.key: window for window in windows}
    runs: dict[tuple[Category, ...], list[ExportedWindow]] = defaultdict(list)
    for run in exported:
        if run.window in by_key:
            runs[run.categories].append(run)
    changed = [
        ChangedWindow(by_key[run.window], categories, rows_exported=run.rows_read, rows_now=rows)
        for categories, of_these in runs.items()
        for run, rows in zip(
            of_these, _rows_now(source, [by_key[run.window] for run in of_these], categories), strict=True
        )
        if rows != run.rows_read
    ]
    yield from sorted(changed, key=lambda change: (change.window, change.rows_exported))


def _rows_now(source: Source, windows: Sequence[Window], categories: Sequence[Category]) -> list[int]:
    """The rows of each window, in this order; the same window may be there twice."""
    every = sorted(set(windows))
    bounds = sorted({bound for window in every for bound in (window.start, window.end)})
    rows: Counter[datetime] = Counter()
    for table in source.tables:
        rows.update(dict(zip(bounds, source.count_windows(table, bounds, categories), strict=False)))
    return [rows[window.start] for window in windows]


def _exported(config: Config, windows: Mapping[str, Window]) -> list[ExportedWindow]:
    """The latest export runs of those of the windows that were exported."""
    if not windows:
        return []
    first_ms = round(min(windows.values()).start.timestamp() * 1000)
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return exported_windows(ledger.database, config.webhook.name, first_ms, list(windows))
