"""The verb status: the account by window and category."""

from dataclasses import asdict
from datetime import UTC, datetime

import click

from statsig_export.account import total
from statsig_export.cli import output
from statsig_export.cli.options import TIME, as_json, list_failed
from statsig_export.cli.shipments import pending_object
from statsig_export.cli.verdict import not_exported, verdict, waiting
from statsig_export.config import Config
from statsig_export.errors import DestinationError
from statsig_export.export.reports import FailedRow
from statsig_export.ledger.records import PartitionStatus
from statsig_export.vocabulary import Category


@click.command
@click.option("--from", "start", type=TIME, help="Only windows that start at or after this.")
@click.option("--to", "end", type=TIME, help="Only windows that start before this.")
@list_failed
@as_json
@click.pass_context
def status(ctx: click.Context, start: datetime | None, end: datetime | None, *, failed: bool, json_: bool) -> None:
    """The account by window and category, from the ledger. Needs neither the source nor the webhook.

    Exit code 4 while the destination is halted, else that of the account.
    """
    from statsig_export.shipping.status import how_it_stands
    from statsig_export.shipping.status import status as statuses_of

    config: Config = ctx.obj.config()
    statuses = statuses_of(config, start, end)
    standing = how_it_stands(config)
    account = total(status.account for status in statuses)
    rows = _failed_rows(config, start, end, None if json_ else output.MOST_ROWS) if failed else []
    now = datetime.now(UTC)
    missing = not_exported(statuses, start, end, config.windows, now)
    unsent = waiting(statuses, now, paused_until=standing.paused_until)
    if json_:
        found = {
            "account": account.to_dict(),
            "halted": standing.halted,
            "paused_until": standing.paused_until,
            "partitions": [_partition(status) for status in statuses],
            "pending": [pending_object(one) for one in unsent],
            "missing": missing,
        }
        output.print_json({**found, **({"failed_rows": [asdict(row) for row in rows]} if failed else {})})
    else:
        _print_status(config, statuses, rows if failed else None)
        output.print_waiting(unsent, standing.paused_until, rate_limited=standing.rate_limited)
        if standing.halted:
            output.say(f"HALTED: {standing.halted}. Mend the set-up, then `statsig-export resume`.")
    output.say_missing(missing)
    if standing.halted:
        ctx.exit(DestinationError.exit_code)
    ctx.exit(verdict(config.checks, account, unsent=sum(one.events for one in unsent), missing=len(missing)))


def _print_status(config: Config, statuses: list[PartitionStatus], failed_rows: list[FailedRow] | None) -> None:
    if not statuses:
        click.echo("Nothing was exported yet: `statsig-export run --from ... --to ...` does it.")
        return
    accounts = [(status.window, status.category, status.account) for status in statuses]
    errors = {status.partition: status.last_error for status in statuses if status.last_error}
    account = total(status.account for status in statuses)
    output.print_accounts(f"Destination {config.webhook.name}", accounts, errors)
    output.print_breakdown(account)
    pruned = [status for status in statuses if status.pruned]
    if failed_rows is not None:
        output.print_failed_rows(failed_rows, account.failed - total(status.account for status in pruned).failed)
    if pruned:
        output.say(f"{len(pruned):,} of these partitions were pruned: their figures stay, their rows are gone.")


def _failed_rows(config: Config, start: datetime | None, end: datetime | None, limit: int | None) -> list[FailedRow]:
    from statsig_export.lineage.frames import failed_rows

    rows = failed_rows(config, start, end)[:limit]
    columns = [rows[name].astype(object).where(rows[name].notna(), None) for name in rows.columns]
    return [FailedRow(Category(category), window, *texts) for category, window, *texts in zip(*columns, strict=True)]


def _partition(status: PartitionStatus) -> dict[str, object]:
    return {
        "partition": status.partition,
        "window": status.window,
        "category": status.category.value,
        "account": status.account.to_dict(),
        "last_error": status.last_error,
        "due_in": status.due_in,
        "pending_since": status.pending_since.isoformat(timespec="seconds") if status.pending_since else None,
        "replay_pending": status.replay_pending,
        "pruned": status.pruned.isoformat() if status.pruned else None,
    }
