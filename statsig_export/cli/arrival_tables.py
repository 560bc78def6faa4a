"""What verbs print of arrivals for people."""

from typing import Final

import click
from rich.table import Table

from statsig_export.cli import output, tables
from statsig_export.cli.output import utc
from statsig_export.reconciliation.reports import Arrivals, ArrivalsReport, Judged

_FIGURES: Final = {
    "Forwarded": "forwarded",
    "Arrived": "arrived",
    "Missing": "missing",
    "Not yet": "not_yet",
    "Unchecked": "unchecked",
    "Repeated": "repeated",
}
"""Heading -> the figure. The first is the sum of the next four; repeated events are among the arrived."""


def print_arrivals(report: ArrivalsReport, destination: str) -> None:
    """A table of windows x categories, closed by their sum, and what concerns the table as a whole."""
    if not report.partitions:
        click.echo("Nothing was forwarded that could have arrived.")
        return
    table = Table(title=f"Arrivals, destination {destination}", title_justify="left")
    for name in ("Window", "Category"):
        table.add_column(name, no_wrap=True)
    for name in _FIGURES:
        table.add_column(name, justify="right", no_wrap=True)
    for line in report.partitions:
        table.add_row(line.window, line.category, *_cells(line.arrivals))
    table.add_section()
    table.add_row("all", "", *_cells(report.total), style="bold")
    tables.print_table(table)
    _print_causes(report.total)
    if report.checked is not None and report.since is not None:
        click.echo(
            f"Compared at {utc(report.checked)} with {report.landed:,} rows written since {utc(report.since)}, "
            f"{report.alien:,} of them with ids that are not ours."
        )
    _print_judged(report.judged)
    note_judged(report.judged)
    if report.total.missing:
        output.note(f"{report.total.missing:,} events are missing: `replay --missing` sends them again.")


def print_last_figures(report: ArrivalsReport) -> None:
    """A line for `status`; nothing where no comparison was made."""
    if report.checked is None:
        return
    total = report.total
    said = ", ".join(f"{getattr(total, figure):,} {heading.lower()}" for heading, figure in _FIGURES.items())
    click.echo(f"Arrivals, as of {utc(report.checked)}: {said}.")


def note_judged(judged: Judged | None) -> None:
    """On standard error: that Fivetran was not heard, or how its connection stands where that explains something."""
    for sentence in () if judged is None else judged.says:
        output.note(sentence)


def _cells(arrivals: Arrivals) -> list[str]:
    return [f"{getattr(arrivals, figure):,}" for figure in _FIGURES.values()]


def _print_judged(judged: Judged | None) -> None:
    if judged is None or judged.by != "syncs":
        return
    if judged.until is None:
        click.echo("Nothing counts as missing before a sync has succeeded.")
    else:
        click.echo(
            f"A sync of {judged.connection} succeeded last at {utc(judged.succeeded or judged.until)}: what was sent "
            f"until {utc(judged.until)} and is not there is missing."
        )


def _print_causes(total: Arrivals) -> None:
    causes = {
        "after a replay": total.repeated_replay,
        "after an attempt whose result nobody can know": total.repeated_unknown,
        "with nothing on record that explains it": total.repeated_other,
    }
    if total.repeated:
        parts = ", ".join(f"{count:,} {cause}" for cause, count in causes.items() if count)
        click.echo(f"Repeated: {parts}.")
    if total.unconfirmed:
        click.echo(f"{total.unconfirmed:,} more events are there that the account has as pending or failed.")
