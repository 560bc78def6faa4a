"""The verb plan: a dry run of export and shipping."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from statsig_export.account import Account, total
from statsig_export.cli import output, progress, tables
from statsig_export.cli.exit_codes import NOT_ALL_DONE
from statsig_export.cli.privacy_notes import note_forgotten_elsewhere, note_other_rules
from statsig_export.cli.ranges import Range
from statsig_export.cli.verb_options import (
    as_json,
    categories,
    categories_of,
    config_of,
    list_failed,
    window_range,
    windows_in,
)
from statsig_export.cli.verdict import verdict
from statsig_export.config import Config
from statsig_export.errors import PartitionFileError
from statsig_export.export.plan import Planner
from statsig_export.export.reports import FailedRow, PlanReport
from statsig_export.export.rows_outside import RowsOutside
from statsig_export.privacy.rule import Rule
from statsig_export.shipping.status import status
from statsig_export.storage.file_faults import joined
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, partition_key


@dataclass(frozen=True, slots=True)
class Plan:
    """The dry run of several windows."""

    reports: Sequence[PlanReport]
    """Of the windows that could be planned."""
    failed_rows: Sequence[FailedRow]
    outside: RowsOutside
    pending: int
    """Events of the windows that were planned before and are not sent."""
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

    @property
    def unmatched_paths(self) -> list[str]:
        """The paths of [privacy] that matched nothing in any of the windows, where anything would be sent."""
        asked = [report.unmatched_paths for report in self.reports if report.to_send]
        return [path for path in asked[0] if all(path in paths for paths in asked)] if asked else []

    @property
    def hopeless(self) -> list[str]:
        """The categories that have rows, all of which fail."""
        accounts = [(name, part) for report in self.reports for name, part in report.accounts.items()]
        sums = {name: total(part for other, part in accounts if other is name) for name in Category}
        return [name.value for name, account in sums.items() if account.failed == account.events > 0]

    @property
    def partitions(self) -> list[dict[str, object]]:
        """The account of each window and category."""
        parts = ((one.window, name, account) for one in self.reports for name, account in one.accounts.items())
        return [output.account_row(*part) for part in parts]

    def to_dict(self) -> dict[str, object]:
        return {
            "account": self.account.to_dict(),
            "to_send": self.to_send,
            "pending": self.pending,
            "failing_categories": self.hopeless,
            "windows": [report.window for report in self.reports],
            "partitions": self.partitions,
            "examples": self.examples,
            "unmatched_paths": self.unmatched_paths,
            **self.outside.to_dict(),
        }


@click.command("plan")
@window_range
@categories
@list_failed
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    asked: Range,
    names: tuple[str, ...],
    *,
    failed: bool,
    reason: str | None,
    json_: bool,
) -> None:
    """Dry run: show how many events would be forwarded, filtered and failed. Sends nothing and writes nothing.

    Exit code 1 if more than `[checks] max_failed_share` would fail, or if not one row is in a window.
    """
    config: Config = config_of(ctx.obj)
    most_rows = (None if json_ else tables.MOST_ROWS) if failed else 0
    windows = windows_in(config, asked)
    planned = plan_of(config, windows, names, most_rows, reason)
    if json_:
        rows = [asdict(row) for row in planned.failed_rows] if failed else planned.partitions
        output.print_json({**planned.to_dict(), **({"failed_rows": rows} if failed else {})}, rows)
    else:
        print_plan(planned, failed=failed)
    note_other_rules(config)
    note_forgotten_elsewhere(config)
    if planned.unread:
        raise joined(planned.unread)
    ctx.exit(NOT_ALL_DONE if planned.outside.misplaced else verdict(config.checks, planned.account))


def plan_of(
    config: Config,
    windows: Sequence[Window],
    names: Sequence[str],
    most_failed_rows: int | None,
    reason: str | None = None,
    rule: Rule | None = None,
) -> Plan:
    """The dry run of some windows, with the rows that failed (for `reason`); `rule` stands in for that of [privacy].
    Raises SourceError, LedgerError.
    """
    chosen = categories_of(names)
    reports: list[PlanReport] = []
    rows: list[FailedRow] = []
    unread: list[PartitionFileError] = []
    with Planner(config, rule) as planner, progress.step_bar("plan", len(windows)) as step:
        outside = planner.outside(chosen)
        for window in windows:
            limit = None if most_failed_rows is None else most_failed_rows - len(rows)
            try:
                reports.append(planner.plan(window, chosen, failed_limit=limit, failed_reason=reason))
                rows += reports[-1].failed_rows
            except PartitionFileError as error:
                unread.append(error)
            step(1)
    return Plan(reports, rows, outside, _pending(config, windows, chosen), unread)


def _pending(config: Config, windows: Sequence[Window], categories: Sequence[Category]) -> int:
    keys = {partition_key(category, window.key) for window in windows for category in categories}
    lines = status(config, windows[0].start, windows[-1].end)
    return sum(line.account.pending for line in lines if line.partition in keys)


def print_plan(planned: Plan, *, failed: bool) -> None:
    """For people; with the failed rows if `failed`."""
    accounts = [(report.window, name, part) for report in planned.reports for name, part in report.accounts.items()]
    tables.print_accounts("If these windows were exported and shipped now", accounts)
    tables.print_breakdown(planned.account)
    tables.note_outside(planned.outside)
    if failed:
        tables.print_failed_rows(planned.failed_rows, planned.account.failed)
    for name in planned.hopeless:
        output.note(
            f"Every row of {name} would fail: is a column mapped to another meaning? --failed lists the reasons."
        )
    if planned.unmatched_paths:
        paths = ", ".join(output.printable(path) for path in planned.unmatched_paths)
        output.note(f"Paths of [privacy] that matched nothing in what would be sent: {paths}.")
    waiting = f" {planned.pending:,} more were planned before and are still pending." if planned.pending else ""
    click.echo(f"{planned.to_send:,} events would be sent; nothing was sent or written.{waiting}")
    for name, text in planned.examples.items():
        click.echo(f"\n{name}, for example:\n{output.printable(text, None)}")
