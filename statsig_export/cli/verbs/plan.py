"""The verb plan: a dry run of export and shipping."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import click

from statsig_export.account import Account, total
from statsig_export.cli import output, progress, tables
from statsig_export.cli.exit_codes import NOT_ALL_DONE
from statsig_export.cli.verb_options import (
    as_json,
    categories_of,
    config_of,
    list_failed,
    one_category,
    window_range,
    windows_in,
)
from statsig_export.cli.verdict import verdict
from statsig_export.config import Config
from statsig_export.errors import PartitionFileError
from statsig_export.export.outside import RowsOutside
from statsig_export.export.plan import Planner
from statsig_export.export.reports import FailedRow, PlanReport
from statsig_export.storage.file_faults import joined
from statsig_export.windows import Window


@dataclass(frozen=True, slots=True)
class Plan:
    """The dry run of several windows."""

    reports: Sequence[PlanReport]
    """Of the windows that could be planned."""
    failed_rows: Sequence[FailedRow]
    outside: RowsOutside
    unread: Sequence[PartitionFileError]
    """One per window that could not be planned because a file of an earlier export cannot be read."""

    @property
    def account(self) -> Account:
        return total(report.account for report in self.reports)

    @property
    def to_send(self) -> int:
        return sum(report.to_send for report in self.reports)

    @property
    def examples(self) -> dict[str, str]:
        """Category -> one event of it as it would be sent."""
        return {name.value: text for report in self.reports for name, text in report.examples.items()}

    def to_dict(self) -> dict[str, object]:
        return {
            "account": self.account.to_dict(),
            "to_send": self.to_send,
            "windows": [report.window for report in self.reports],
            "examples": self.examples,
            **self.outside.to_dict(),
        }


@click.command("plan")
@window_range
@one_category
@list_failed
@as_json
@click.pass_context
def command(
    ctx: click.Context, start: datetime, end: datetime, category: str | None, *, failed: bool, json_: bool
) -> None:
    """Dry run: show how many events would be forwarded, filtered and failed. Sends nothing and writes nothing.

    Exit code 1 if more than `[checks] max_failed_share` would fail, or if not one row is in a window.
    """
    config: Config = config_of(ctx.obj)
    most_rows = (None if json_ else tables.MOST_ROWS) if failed else 0
    planned = plan_of(config, windows_in(config, start, end), category, most_rows)
    if json_:
        rows = {"failed_rows": [asdict(row) for row in planned.failed_rows]} if failed else {}
        output.print_json({**planned.to_dict(), **rows})
    else:
        print_plan(planned, failed=failed)
    if planned.unread:
        raise joined(planned.unread)
    ctx.exit(NOT_ALL_DONE if planned.outside.misplaced else verdict(config.checks, planned.account))


def plan_of(config: Config, windows: Sequence[Window], category: str | None, most_failed_rows: int | None) -> Plan:
    """The dry run of some windows. Raises SourceError, LedgerError."""
    categories = categories_of(category)
    reports: list[PlanReport] = []
    rows: list[FailedRow] = []
    unread: list[PartitionFileError] = []
    with Planner(config) as planner, progress.step_bar("plan", len(windows)) as step:
        outside = planner.outside(categories)
        for window in windows:
            limit = None if most_failed_rows is None else most_failed_rows - len(rows)
            try:
                reports.append(planner.plan(window, categories, failed_limit=limit))
                rows += reports[-1].failed_rows
            except PartitionFileError as error:
                unread.append(error)
            step(1)
    return Plan(reports, rows, outside, unread)


def print_plan(planned: Plan, *, failed: bool) -> None:
    """For people; with the failed rows if `failed`."""
    accounts = [(report.window, name, part) for report in planned.reports for name, part in report.accounts.items()]
    tables.print_accounts("If these windows were exported and shipped now", accounts)
    tables.print_breakdown(planned.account)
    tables.note_outside(planned.outside)
    if failed:
        tables.print_failed_rows(planned.failed_rows, planned.account.failed)
    click.echo(f"{planned.to_send:,} events would be sent; nothing was sent or written.")
    for name, text in planned.examples.items():
        click.echo(f"\n{name}, for example:\n{output.printable(text, None)}")
