"""The tables and sentences that verbs print for people on standard output."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from statsig_export.account import Account, total, words_of
from statsig_export.cli import output
from statsig_export.cli.output import printable
from statsig_export.cli.verdict import Waiting, by_reason
from statsig_export.export.reports import FailedRow
from statsig_export.export.rows_outside import RowsOutside
from statsig_export.vocabulary import Category

MOST_ROWS = 50
"""A longer list of rows is cut for people; --json has them all."""


def print_accounts(
    title: str,
    rows: Iterable[tuple[str, Category, Account]],
    notes: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
) -> None:
    """A table of windows x categories, closed by their sum. `notes` maps `category|window` to a last word; `missing`
    are windows that were not exported, which have a row without figures.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("Window", no_wrap=True)
    table.add_column("Category", no_wrap=True)
    listed = sorted(rows, key=lambda row: (row[0], list(Category).index(row[1])))
    words = words_of(account for *_, account in listed)
    for name in words:
        table.add_column(name, justify="right", no_wrap=True)
    if notes:
        table.add_column("Last error", overflow="fold")
    left = sorted(missing[:MOST_ROWS], reverse=True)
    for window, category, account in listed:
        while left and left[-1] < window:
            table.add_row(left.pop(), "not exported")
        note = [escape(printable(notes.get(f"{category.value}|{window}", "")))] if notes else []
        table.add_row(window, category.value, *account.figures(words), *note)
    for window in reversed(left):
        table.add_row(window, "not exported")
    table.add_section()
    table.add_row("all", "", *total(account for *_, account in listed).figures(words), style="bold")
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


def print_waiting(waiting: Iterable[Waiting], paused_until: float | None = None, *, rate_limited: bool = False) -> None:
    """How many events are still to be sent, why, and from when on; nothing where there are none."""
    for why, group in by_reason(waiting):
        events, first = sum(one.events for one in group), group[0].partition
        more = f" and {len(group) - 1:,} more partitions" if len(group) > 1 else ""
        due = min((one.due for one in group if one.due is not None), default=None)
        when = f", due {due:%Y-%m-%d %H:%M:%S} UTC" if due else ""
        click.echo(f"{events:,} events are pending ({first}{more}){when}: {printable(why)}.")
    if paused_until is not None:
        until = f"{datetime.fromtimestamp(paused_until, UTC):%Y-%m-%d %H:%M:%S} UTC"
        why = "the webhook's rate limit" if rate_limited else "too many failures in a row"
        click.echo(f"Sending pauses until {until}, after {why}. Nothing is lost: ship again then, or use `ship --now`.")


def note_missing(windows: Sequence[str]) -> None:
    """The windows that were asked for and are not in the ledger, where there are any."""
    if windows:
        output.note(f"{len(windows):,} closed windows were never exported, the first {windows[0]}.")


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


def note_outside(outside: RowsOutside) -> None:
    """Which tables hold rows that are in no window, and why the verb is no success where none is in one."""
    for sentence in outside.sentences:
        output.note(sentence)
    if outside.misplaced:
        output.note(f"Nothing can be exported: {outside.misplaced}.")


def _console() -> Console:
    """Wide enough for the account even in a narrow terminal: a wrapped figure is no figure. Elsewhere nothing wraps."""
    console = Console()
    if not console.is_terminal:
        return Console(width=_UNBOUNDED)
    return console if console.width >= _NARROWEST else Console(width=_NARROWEST)


_NARROWEST = 110
_UNBOUNDED = 2_000
"""Columns of a line in a pipe or a file: longer than any, so that no id is broken over two lines."""
