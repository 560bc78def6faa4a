"""Windows that were never exported: what the ledger does not hold of the time since the exports began.

An export that fails leaves no trace in the ledger, so what is missing is told by what is there: everything since the
first export, and since the windows that were in the lookback when it ran, should be.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from statsig_export.config import Config
from statsig_export.ledger.listings import exported_partitions
from statsig_export.ledger.records import ExportedPartition
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.settings import WindowSettings
from statsig_export.vocabulary import Category
from statsig_export.windows import (
    KEY_FORMAT,
    LENGTH,
    Window,
    closed_windows,
    last_closed,
    lookback_windows,
    partition_key,
)

Missing = dict[Window, tuple[Category, ...]]
"""Windows, oldest first -> their categories that were not exported."""


def missing_windows(config: Config, now: datetime) -> Missing:
    """The closed windows that should be exported and are not, for this destination: those that were skipped, those of
    the lookback, and the last closed one. Of windows from before the exports began, none. Raises LedgerError.
    """
    settings = config.windows
    last = last_closed(settings, now)
    recent = {*lookback_windows(settings, now), *([last] if last else [])}
    return _not_exported(_exported(config), config, now, recent)


def skipped_windows(config: Config, now: datetime) -> Missing:
    """The windows that were closed at `now` and skipped: none of a category that was never exported. Raises
    LedgerError.
    """
    return skipped_among(_exported(config), config, now)


def skipped_among(exported: Iterable[ExportedPartition], config: Config, now: datetime) -> Missing:
    """The same of partitions that were read before. Pure."""
    return _not_exported(exported, config, now, ())


def windows_behind(newest: datetime | None, settings: WindowSettings, now: datetime) -> int:
    """How many windows are closed that start after `newest`, the start of the newest exported one; all of them where
    nothing was exported. Pure.
    """
    last = last_closed(settings, now)
    if last is None:
        return 0
    length = LENGTH[settings.every]
    exported = settings.start - length if newest is None else newest
    return max(0, (last.start - exported) // length)


def latest_exports(config: Config) -> dict[str, datetime | None]:
    """Partition (`category|window`) -> when its latest export began; None where the ledger has forgotten. Raises
    LedgerError.
    """
    return {partition_key(one.category, one.window): one.run_started for one in _exported(config)}


def _exported(config: Config) -> list[ExportedPartition]:
    with ledger_to_read(config) as ledger:
        return [] if ledger is None else exported_partitions(ledger.database, config.webhook.name)


def _not_exported(
    exported: Iterable[ExportedPartition], config: Config, now: datetime, recent: Collection[Window]
) -> Missing:
    """Pure. `recent` are windows that should be there in any case."""
    settings = config.windows
    key_length = len(settings.start.strftime(KEY_FORMAT[settings.every]))
    by_category: dict[Category, list[ExportedPartition]] = defaultdict(list)
    days_cut_otherwise: set[str] = set()
    for partition in exported:
        by_category[partition.category].append(partition)
        if len(partition.window) != key_length:
            days_cut_otherwise.add(partition.window[: len("2026-11-20")])
    closed = [
        window
        for window in closed_windows(settings.start, now, settings, now)
        if window.key[: len("2026-11-20")] not in days_cut_otherwise  # an export refuses windows that overlap
    ]
    missing: dict[Window, list[Category]] = {window: [] for window in closed}
    for category in config.filter.enabled_categories():
        known = {partition.window for partition in by_category[category]}
        since = _since(by_category[category], settings)
        for window in closed:
            due = window in recent or (since is not None and window.start >= since)
            if due and window.key not in known:
                missing[window].append(category)
    return {window: tuple(categories) for window, categories in missing.items() if categories}


def _since(exported: Collection[ExportedPartition], settings: WindowSettings) -> datetime | None:
    """From where on a category should be exported: its first window, or the lookback of the run that exported that one,
    of which earlier windows may have failed.
    """
    if not exported:
        return None
    first = min(exported, key=lambda partition: partition.start)
    if first.run_started is None:
        return first.start
    return min([first.start, *(window.start for window in lookback_windows(settings, first.run_started)[:1])])
