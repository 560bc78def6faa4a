"""Windows and partition keys: how the time axis is cut, and how a cut is named.

A window is half-open, [start, end), in UTC. Its key is the one Dagster gives the same day or hour, so that a partition
has one name in the UI, in the ledger and in the storage path. A partition is `category|window`, the dimensions in
alphabetical order as Dagster joins them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from statsig_export.errors import ConfigError
from statsig_export.moments import Moment, utc
from statsig_export.settings import WindowSettings
from statsig_export.vocabulary import Category

KEY_FORMAT = {"day": "%Y-%m-%d", "hour": "%Y-%m-%d-%H:%M"}
LENGTH = {"day": timedelta(days=1), "hour": timedelta(hours=1)}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of time, in UTC; made of naive datetimes, these are UTC."""

    start: datetime
    end: datetime
    key: str

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, utc(getattr(self, name), f"the window's {name}"))

    def closes_at(self, settle: timedelta) -> datetime:
        """From this moment on the window is taken to be complete."""
        return self.end + settle

    def is_closed(self, now: datetime, settle: timedelta) -> bool:
        return now >= self.closes_at(settle)


def window_at(moment: datetime, settings: WindowSettings) -> Window:
    """The window that holds `moment`."""
    length = LENGTH[settings.every]
    start = settings.start + (moment - settings.start) // length * length
    return Window(start, start + length, start.strftime(KEY_FORMAT[settings.every]))


def window_from_key(key: str, settings: WindowSettings) -> Window:
    """The window a key names. Raises ConfigError for a key that names none."""
    try:
        start = datetime.strptime(key, KEY_FORMAT[settings.every]).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        example = settings.start.strftime(KEY_FORMAT[settings.every])
        raise ConfigError(
            f"{key!r} is not the key of a window", hint=f'a {settings.every} is written "{example}"'
        ) from None
    try:
        window = window_at(start, settings)
    except OverflowError:
        raise ConfigError(f"{key!r} is past the last {settings.every} that there can be") from None
    if window.start != start:
        raise ConfigError(f"{key!r} is not the beginning of a {settings.every}")
    return window


def length_of(window_key: str) -> timedelta:
    """The length of a key's window, which may differ from the configured one. Raises ConfigError."""
    for every, form in KEY_FORMAT.items():
        try:
            datetime.strptime(window_key, form)  # noqa: DTZ007  only whether it fits
        except ValueError:
            continue
        return LENGTH[every]
    raise ConfigError(f"{window_key!r} is not the key of a window")


def require_window(window: Window) -> Window:
    """The window itself. Raises ConfigError for what is none: a notebook may give the key of one, or a day."""
    if not isinstance(window, Window):
        raise ConfigError(
            f"a window is asked for, not a {type(window).__name__}",
            hint='make it by window_from_key("2026-11-20", config.windows)',
        )
    return window


def windows_between(start: Moment, end: Moment, settings: WindowSettings) -> Iterator[Window]:
    """Every window that overlaps [start, end) and is not before `windows.start`, in order."""
    moment, until = max(utc(start, "start"), settings.start), utc(end, "end")
    while moment < until:
        window = window_at(moment, settings)
        yield window
        moment = window.end


def closed_windows(start: Moment, end: Moment, settings: WindowSettings, now: Moment) -> list[Window]:
    """Those of `windows_between` that are closed."""
    moment = utc(now, "now")
    return [w for w in windows_between(start, end, settings) if w.is_closed(moment, settings.settle)]


def lookback_windows(settings: WindowSettings, now: datetime) -> list[Window]:
    """The windows of the lookback, which is counted back from the end of the last closed one; none where it is 0."""
    last = last_closed(settings, now)
    return [] if last is None else list(windows_between(last.end - settings.lookback, last.end, settings))


def windows_of_lookback(settings: WindowSettings) -> int:
    """How many windows the lookback has, one at least: as many of the newest are judged by what failed of them."""
    return max(1, -(-settings.lookback // LENGTH[settings.every]))


def last_closed(settings: WindowSettings, now: datetime) -> Window | None:
    """The newest closed window; None before the first has closed."""
    window = window_at(now - settings.settle - LENGTH[settings.every], settings)
    return window if window.start >= settings.start else None


def partition_key(category: Category, window_key: str) -> str:
    return f"{category.value}|{window_key}"


def split_partition_key(key: str) -> tuple[Category, str]:
    """The category and the window's key. Raises ConfigError for anything else."""
    category, bar, window_key = key.partition("|") if isinstance(key, str) else ("", "", "")
    if not bar or category not in list(Category):
        raise ConfigError(f"{key!r} is not a partition", hint='a partition is written "category|window"')
    return Category(category), window_key


def partition_keys(keys: Sequence[str]) -> Sequence[str]:
    """The keys of partitions that a caller names; a single text is one key."""
    return [keys] if isinstance(keys, str) else keys
