"""Which windows a range on the command line means, and what of the range they leave out or add. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from statsig_export.errors import ConfigError
from statsig_export.settings import WindowSettings
from statsig_export.windows import Window, closed_windows, last_closed, window_at, windows_between


@dataclass(frozen=True, slots=True)
class Range:
    """The half-open range that was asked for, aware datetimes in UTC."""

    start: datetime
    end: datetime
    exact: bool = True
    """Whether somebody named both ends. --last does not: its length is counted back from the end of the newest closed
    window, as the lookback is, and what lies at its edges is nobody's surprise.
    """


def closed_in(asked: Range, settings: WindowSettings, now: datetime) -> list[Window]:
    """The closed windows that overlap the range. Raises ConfigError if there is none in an exact one, saying why."""
    if not asked.exact:
        return _newest(asked, settings, now)
    windows = closed_windows(asked.start, asked.end, settings, now)
    if windows:
        return windows
    overlapping = list(windows_between(asked.start, asked.end, settings))
    if not overlapping:
        raise ConfigError(f"the range lies before windows.start ({_minute(settings.start)})")
    closes = overlapping[0].closes_at(settings.settle)
    raise ConfigError(f"window {overlapping[0].key} is not closed yet: rows may arrive until {_minute(closes)}")


def _newest(asked: Range, settings: WindowSettings, now: datetime) -> list[Window]:
    newest = last_closed(settings, now)
    if newest is None:
        return []
    start = max(asked.start, settings.start) - (asked.end - newest.end)
    return list(windows_between(start, newest.end, settings))


def left_out(asked: Range, windows: Sequence[Window], settings: WindowSettings) -> Iterator[str]:
    """One line for each part of an exact range that is in none of its closed windows; else for a window that has ended
    and still settles.
    """
    if not asked.exact:
        yield from _settling(asked, settings)
        return
    if asked.start < settings.start:
        yield f"Windows begin at {_minute(settings.start)} (windows.start): what is before that is left out."
    newest = windows[-1]
    if asked.end > newest.end:
        opened = next(windows_between(newest.end, asked.end, settings))
        closes = _minute(opened.closes_at(settings.settle))
        yield f"Window {opened.key} is open until {closes}: it and what comes after it are left out."


def _settling(asked: Range, settings: WindowSettings) -> Iterator[str]:
    for window in windows_between(asked.end - settings.settle, asked.end, settings):
        if window.end <= asked.end and not window.is_closed(asked.end, settings.settle):
            closes = _minute(window.closes_at(settings.settle))
            yield f"Window {window.key} is left out: it has ended, and rows may still arrive until {closes}."
            return


def first_closes(settings: WindowSettings) -> str:
    """Before any window has closed: when the first one does."""
    first = window_at(settings.start, settings)
    return (
        f"No window is closed yet: the first, {first.key}, is open until {_minute(first.closes_at(settings.settle))}."
    )


def widened(asked: Range, windows: Sequence[Window], settings: WindowSettings) -> str | None:
    """What an exact range gets more than it asked for, since a window is taken as a whole; None if it gets no more."""
    oldest, newest = windows[0], windows[-1]
    if not asked.exact or (asked.start <= oldest.start and asked.end >= newest.end):
        return None
    partly = oldest if asked.start > oldest.start else newest
    return (
        f"windows are whole {settings.every}s: window {partly.key} is taken from {_minute(partly.start)}"
        f" to {_minute(partly.end)}"
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
