"""What the command line prints: one JSON object with --json, tables for people, progress on a terminal only.

Standard output holds the result, standard error everything said about it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from statsig_export.account import Account, total
from statsig_export.cli import json_object
from statsig_export.cli.verdict import Waiting, by_reason
from statsig_export.export.reports import FailedRow
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key

MOST_ROWS = 50
"""A longer list of rows is cut for people; --json has them all."""
_ACCOUNT_COLUMNS = ("Events", "Forwarded", "Filtered", "Failed", "Pending", "Rate Limited")


def print_json(report: Mapping[str, object]) -> None:
    """The whole standard output of a verb with --json, when it ends: with the errors that it met."""
    json_object.keep(report)


def say(line: str) -> None:
    """One line for people, on standard error."""
    click.echo(line, err=True)


def print_accounts(
    title: str, rows: Iterable[tuple[str, Category, Account]], notes: Mapping[str, str] | None = None
) -> None:
    """A table of windows x categories, closed by their sum. `notes` maps `category|window` to a last word."""
    table = Table(title=title, title_justify="left")
    table.add_column("Window", no_wrap=True)
    table.add_column("Category", no_wrap=True)
    for name in _ACCOUNT_COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    if notes:
        table.add_column("Last error", overflow="fold")
    listed = sorted(rows, key=lambda row: (row[0], list(Category).index(row[1])))
    for window, category, account in listed:
        note = [escape(notes.get(partition_key(category, window), ""))] if notes else []
        table.add_row(window, category.value, *_figures(account), *note)
    table.add_section()
    table.add_row("all", "", *_figures(total(account for *_, account in listed)), style="bold")
    _console().print(table)


def print_table(table: Table) -> None:
    """A table of the verb's own."""
    _console().print(table)


def print_breakdown(account: Account) -> None:
    """Why events were filtered and why rows failed, where any were."""
    for title, by in (("Filtered by rule", account.filtered_by), ("Failed by reason", account.failed_by)):
        if by:
            parts = ", ".join(f"{printable(name)} {count:,}" for name, count in sorted(by.items()))
            _console().print(f"{title}: {parts}", highlight=False, markup=False)


def print_waiting(found: Iterable[Waiting], paused_until: float | None = None, *, rate_limited: bool = False) -> None:
    """How many events are still to be sent, why, and from when on; nothing where there are none."""
    for why, group in by_reason(found):
        events, first = sum(one.events for one in group), group[0].partition
        more = f" and {len(group) - 1:,} more partitions" if len(group) > 1 else ""
        due = min((one.due for one in group if one.due is not None), default=None)
        when = f", due {due:%Y-%m-%d %H:%M:%S} UTC" if due else ""
        click.echo(f"{events:,} events are pending ({first}{more}){when}: {printable(why)}.")
    if paused_until is not None:
        until = f"{datetime.fromtimestamp(paused_until, UTC):%Y-%m-%d %H:%M:%S} UTC"
        why = "the webhook's rate limit" if rate_limited else "too many failures in a row"
        click.echo(f"Sending pauses until {until}, after {why}: nothing is lost, ship again then, or `ship --now`.")


def say_missing(windows: Sequence[str]) -> None:
    """The windows that were asked for and are not in the ledger, where there are any."""
    if windows:
        say(f"Closed windows of this range that were never exported: {len(windows):,}, the first {windows[0]}.")


def print_failed_rows(rows: Sequence[FailedRow], failed: int) -> None:
    """A table of failed rows: where they are and why they failed. `failed` is how many there are in all."""
    if not failed:
        click.echo("No row failed.")
        return
    table = Table(title="Failed rows", title_justify="left")
    for name in ("Window", "Category", "Row key", "Time UUID", "Reason", "Detail"):
        table.add_column(name, overflow="fold")
    for row in rows:
        texts = (row.row_key, row.time_uuid, row.reason, row.detail)
        table.add_row(row.window, row.category.value, *(escape(printable(text or "")) for text in texts))
    _console().print(table)
    if failed > len(rows):
        click.echo(f"... and {failed - len(rows):,} more: --json lists them all.")


def unplaced(by_table: Mapping[str, int]) -> dict[str, object]:
    """The rows that belong to no window, as --json has them."""
    return {"unplaced": sum(by_table.values()), "unplaced_by": dict(by_table)}


def say_unplaced(by_table: Mapping[str, int]) -> None:
    """Which tables hold rows that belong to no window, where any do."""
    for table, count in by_table.items():
        if count:
            rows = "1 row belongs" if count == 1 else f"{count:,} rows belong"
            say(f"{table}: {rows} to no window and will never be exported: the window column is null or no time.")


def printable(text: str, limit: int | None = 200) -> str:
    """Text of others, safe for a terminal: what could steer it is escaped as JSON does, what is long is cut."""
    shown = "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text[:limit])
    return shown + ("..." if limit is not None and len(text) > limit else "")


@contextmanager
def progress(title: str) -> Iterator[Callable[[int], None]]:
    """A running count of events; silent when standard error is no terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} events"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda count: bar.advance(task, count)


@contextmanager
def steps(title: str, count: int) -> Iterator[Callable[[int], None]]:
    """A bar over a known number of steps; silent when standard error is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=count)
        yield lambda done: bar.advance(task, done)


def _figures(account: Account) -> list[str]:
    figures = (account.events, account.forwarded, account.filtered, account.failed, account.pending)
    return [f"{figure:,}" for figure in (*figures, account.rate_limited)]


def _console() -> Console:
    """Wide enough for the account even in a pipe or a narrow terminal: a wrapped figure is no figure."""
    console = Console()
    return console if console.width >= _NARROWEST else Console(width=_NARROWEST)


_NARROWEST = 110
