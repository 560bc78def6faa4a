"""The table of Statsig's Event Filtering dialog: Tracking, Event, Volume, of what the source holds.

Volumes are counted by final name, after reshape has separated experiments from dynamic configs, and before the filter:
who fills `[filter.custom_events]` wants to see what it leaves out.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from statsig_export.arrow.columns import TEXT, Column, column, pc
from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.events.bounded_reshape import bounded_reshape, without_giants
from statsig_export.events.filters import rule_for
from statsig_export.moments import Moment, utc_or_none
from statsig_export.source.source import open_source
from statsig_export.vocabulary import EVENT_NAMES, Category, categorize
from statsig_export.windows import window_at

LAST_DAY: Final = timedelta(hours=24)
"""What the dialog's Volume is of."""
MOST_NAMES: Final = 100_000
"""Distinct event names counted; bounds memory."""


@dataclass(frozen=True, slots=True)
class EventVolume:
    """One line of the dialog."""

    event_name: str
    category: Category
    volume: int
    """Events of this name in the range."""
    rule: str | None
    """The rule of the filter that leaves it out; None where it is forwarded."""

    @property
    def tracking(self) -> bool:
        return self.rule is None


@dataclass(frozen=True, slots=True)
class EventVolumes:
    """What the source holds in [start, end) of its window columns."""

    start: datetime
    end: datetime
    exposures_and_changes: tuple[EventVolume, ...]
    """The four exposures and the configuration changes, whether there are any or not."""
    custom_events: tuple[EventVolume, ...]
    """Most frequent first; those that the filter names are there even without any volume."""
    unnamed: int = 0
    """Custom events beyond MOST_NAMES different names."""
    failed_rows: int = 0
    """Rows without a usable name, time or metadata: `plan --failed` says which."""


def event_volumes(
    config: Config,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> EventVolumes:
    """The volume of every event in the source, by its final name.

    The range is by the window columns, in whole seconds; without one it is the last day of closed windows.
    `on_progress` is called with the number of rows of each chunk. Memory is that of a chunk and of the names. Raises
    ConfigError for an empty range, SourceError.
    """
    start, end = _range(utc_or_none(start, "start"), utc_or_none(end, "end"), _last_close(config, datetime.now(UTC)))
    counts: Counter[str] = Counter()
    unnamed = failed = 0
    with open_source(config) as source:
        for table in source.tables:
            for chunk in source.read_window(table, start, end):
                # Which ids the events will have changes no volume.
                bound = config.webhook.max_bytes
                for reshaped in bounded_reshape(without_giants(chunk, bound), table, config.source, bound):
                    unnamed += _count(counts, column(reshaped.events, "event_name", TEXT))
                    failed += len(reshaped.failed)
                if on_progress is not None:
                    on_progress(len(chunk))
    names = counts.keys() | config.filter.custom_events.events.keys()
    custom = _volumes((name for name in names if categorize(name) is Category.CUSTOM_EVENT), counts, config)
    return EventVolumes(
        start=start,
        end=end,
        exposures_and_changes=tuple(_volumes(EVENT_NAMES.values(), counts, config)),
        custom_events=tuple(sorted(custom, key=lambda line: (-line.volume, line.event_name))),
        unnamed=unnamed,
        failed_rows=failed,
    )


def _volumes(names: Iterable[str], counts: Counter[str], config: Config) -> list[EventVolume]:
    return [EventVolume(name, categorize(name), counts[name], rule_for(name, config.filter)) for name in names]


def _last_close(config: Config, now: datetime) -> datetime:
    """Where the last window that is closed by now ends: the one that is open or settling begins there."""
    return window_at(now - config.windows.settle, config.windows).start


def _range(start: datetime | None, end: datetime | None, closed: datetime) -> tuple[datetime, datetime]:
    end = (end or closed).replace(microsecond=0)
    start = (start or end - LAST_DAY).replace(microsecond=0)
    if end <= start:
        raise ConfigError("--to is not after --from")
    return start, end


def _count(counts: Counter[str], names: Column) -> int:
    """Add names to the counts; how many were left out for being one name too many."""
    left_out = 0
    found: list[dict[str, object]] = pc.value_counts(names).to_pylist()
    for pair in found:
        name, count = str(pair["values"]), int(str(pair["counts"]))
        if name in counts or len(counts) < MOST_NAMES:
            counts[name] += count
        else:
            left_out += count
    return left_out
