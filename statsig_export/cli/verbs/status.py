"""The verb status: the account of every window and category."""

from dataclasses import asdict
from datetime import UTC, datetime

import click

import statsig_export
from statsig_export.account import total
from statsig_export.cli import output, tables
from statsig_export.cli.arrival_tables import print_last_figures
from statsig_export.cli.privacy_notes import note_other_rules
from statsig_export.cli.verb_options import as_json, config_of, list_failed, optional_range
from statsig_export.cli.verdict import not_exported, verdict, waiting
from statsig_export.config import Config
from statsig_export.errors import DestinationError
from statsig_export.export.gaps import skipped_windows
from statsig_export.export.reports import FailedRow
from statsig_export.ledger.records import PartitionStatus, Selection
from statsig_export.reconciliation.report import report_of
from statsig_export.shipping.status import how_it_stands, status
from statsig_export.vocabulary import Category


@click.command("status")
@optional_range("Only windows that start at or after this.", "Only windows that start before this.")
@list_failed
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    start: datetime | None,
    end: datetime | None,
    *,
    failed: bool,
    reason: str | None,
    json_: bool,
) -> None:
    """Show the account of every window and category. Reads only the ledger, neither the source nor the webhook.

    Exit code 4 while the destination is halted; else 1 if anything is pending or missing, or too much failed.
    """
    config: Config = config_of(ctx.obj)
    statuses = status(config, start, end)
    standing = how_it_stands(config)
    account = total(line.account for line in statuses)
    listed, most = (_failed_rows(config, start, end, reason) if failed else []), None if json_ else tables.MOST_ROWS
    rows = listed[:most]
    now = datetime.now(UTC)
    missing = not_exported(statuses, start, end, config.windows, now)
    asked = start is not None or end is not None
    skipped = missing if asked else [window.key for window in skipped_windows(config, now)]
    unsent = waiting(statuses, now, paused_until=standing.paused_until)
    arrived = report_of(config, Selection.between(config.webhook.name, start, end))
    if json_:
        report = {
            "account": account.to_dict(),
            "halted": standing.halted,
            "paused_until": standing.paused_until,
            "partitions": [_partition(line) for line in statuses],
            "pending": [one.to_dict() for one in unsent],
            "missing": missing,
            "not_exported": skipped,
            **({} if config.arrivals is None else {"arrivals": arrived.to_dict()}),
        }
        lines = [asdict(row) for row in rows] if failed else [_partition(line) for line in statuses]
        output.print_json({**report, **({"failed_rows": lines} if failed else {})}, lines)
    else:
        _print_status(config, statuses, rows if failed else None, len(listed), skipped)
        tables.print_waiting(unsent, standing.paused_until, rate_limited=standing.rate_limited)
        print_last_figures(arrived)
        if standing.halted:
            output.note(f"HALTED: {standing.halted}. Repair the set-up, then run `statsig-export resume`.")
    note_other_rules(config)
    tables.note_missing(skipped)
    if standing.halted:
        ctx.exit(DestinationError.exit_code)
    ctx.exit(verdict(config.checks, account, unsent=sum(one.events for one in unsent), missing=len(missing)))


def _print_status(
    config: Config,
    statuses: list[PartitionStatus],
    failed_rows: list[FailedRow] | None,
    failed: int,
    missing: list[str],
) -> None:
    if not statuses:
        click.echo("Nothing was exported yet. Run `statsig-export run --from ... --to ...`.")
        return
    accounts = [(line.window, line.category, line.account) for line in statuses]
    errors = {line.partition: line.last_error for line in statuses if line.last_error}
    account = total(line.account for line in statuses)
    tables.print_accounts(f"Destination {config.webhook.name}", accounts, errors, missing)
    tables.print_breakdown(account)
    pruned = [line for line in statuses if line.pruned]
    if failed_rows is not None:
        tables.print_failed_rows(failed_rows, failed)
    if pruned:
        output.note(f"{len(pruned):,} of these partitions were pruned: their figures stay, their rows are gone.")


def _failed_rows(config: Config, start: datetime | None, end: datetime | None, reason: str | None) -> list[FailedRow]:
    rows = statsig_export.failed_rows(config, start, end)
    rows = rows if reason is None else rows[rows["reason"] == reason]
    columns = [rows[name].astype(object).where(rows[name].notna(), None) for name in rows.columns]
    return [FailedRow(Category(category), window, *texts) for category, window, *texts in zip(*columns, strict=True)]


def _partition(line: PartitionStatus) -> dict[str, object]:
    return {
        "partition": line.partition,
        "window": line.window,
        "category": line.category.value,
        "account": line.account.to_dict(),
        "last_error": line.last_error,
        "due_in": line.due_in,
        "pending_since": line.pending_since.isoformat(timespec="seconds") if line.pending_since else None,
        "replay_pending": line.replay_pending,
        "pruned": line.pruned.isoformat() if line.pruned else None,
    }
