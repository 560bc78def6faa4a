"""Progress on standard error while a verb runs: a bar on a terminal; in a log a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from statsig_export.cli import output
from statsig_export.errors import StatsigExportError

LOG_EVERY: Final = 30.0
"""Seconds between two lines in a log. A verb that takes no longer says nothing."""


@contextmanager
def row_count(title: str) -> Iterator[Callable[[int], None]]:
    """A running count of rows whose number nobody knows before."""
    with event_count(title) as advance:
        yield advance


@contextmanager
def event_count(title: str, total: Callable[[], int] | None = None) -> Iterator[Callable[[int], None]]:
    """A running count of events with its rate. On a terminal `total` is asked once, for the bar and the time left.

    If `total` raises an error of ours there is no bar: the work that follows meets the same error, and reports it.
    """
    console = Console(stderr=True)
    if not _draws(console):
        yield LogLines(title, time.monotonic, output.note).advance
        return
    left = (BarColumn(), TimeRemainingColumn()) if total is not None else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), _Counted(), *left, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        if total is not None:
            with suppress(StatsigExportError):
                bar.update(task, total=total())
        yield lambda count: bar.advance(task, count)


@contextmanager
def step_bar(title: str, count: int) -> Iterator[Callable[[int], None]]:
    """A bar over a known number of steps."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not _draws(console)) as bar:
        task = bar.add_task(title, total=count)
        yield lambda done: bar.advance(task, done)


def _draws(console: Console) -> bool:
    """Whether it can draw a bar over itself: a terminal that is not a dumb one, as editors and some CI systems have."""
    return console.is_terminal and not console.is_dumb_terminal


class LogLines:
    """A line after each LOG_EVERY seconds in which something happened. `clock` is in seconds."""

    def __init__(self, title: str, clock: Callable[[], float], print_line: Callable[[str], None]) -> None:
        self._title, self._clock, self._print = title, clock, print_line
        self._began = self._last = clock()
        self._count = 0

    def advance(self, count: int) -> None:
        self._count += count
        now = self._clock()
        if now - self._last >= LOG_EVERY:
            self._last = now
            rate = self._count / (now - self._began)
            self._print(f"{self._title}: {self._count:,} events, {rate:,.0f} per second")


class _Counted(ProgressColumn):
    """The count and the rate of a bar; the time left has a column of its own."""

    def render(self, task: Task) -> Text:
        of = "" if task.total is None else f" of {task.total:,.0f}"
        rate = "" if not task.speed else f", {task.speed:,.0f} per second"
        return Text(f"{task.completed:,.0f}{of} events{rate}")
