"""What every verb prints: its one JSON object with --json, notes on standard error, text of others made safe.

Standard output holds the result, standard error everything said about it. tables.py and progress.py print the rest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from statsig_export.account import Account
from statsig_export.cli import json_object
from statsig_export.terminal_text import escaped
from statsig_export.vocabulary import Category


def print_json(report: Mapping[str, object], rows: Sequence[Mapping[str, object]] | None = None) -> None:
    """The whole standard output of a verb with --json or --format csv, when it ends (json_object.keep)."""
    json_object.keep(report, rows)


def note(line: str) -> None:
    """One line for people, on standard error; or several, as a traceback has."""
    click.echo(escaped(line, keep="\n\t"), err=True)


def printable(text: str, limit: int | None = 200) -> str:
    """Text of others, safe for a terminal: what could steer it is escaped as JSON does, what is long is cut."""
    return escaped(text[:limit]) + ("..." if limit is not None and len(text) > limit else "")


def account_row(window: str, category: Category, account: Account) -> dict[str, object]:
    """An entry of `partitions`, and a line of CSV."""
    return {"window": window, "category": category.value, "account": account.to_dict()}


def utc(moment: datetime) -> str:
    """A time for people, to the millisecond as the ledger has it; whole seconds without the zeros."""
    form = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(" ", form) + " UTC"
