"""The verbs that send what was exported, or tell what became of it: ship, replay, status, verify, resume."""

from dataclasses import asdict
from datetime import UTC, datetime

import click

from statsig_export.account import total
from statsig_export.cli import output
from statsig_export.cli.options import (
    TIME,
    as_json,
    categories_of,
    list_failed,
    one_category,
    window_range,
    windows_in,
)
from statsig_export.cli.shipping_report import (
    pending_object,
    print_shipped,
    reported,
    ship_or_refusal,
    shipped_object,
    until_stopped,
    windows_without,
)
from statsig_export.cli.verdict import DONE, NOT_ALL_DONE, not_exported, verdict, waiting
from statsig_export.config import Config
from statsig_export.errors import DestinationError, LedgerError
from statsig_export.events import Category
from statsig_export.partitions import partition_key
from statsig_export.reports import FailedRow, PartitionStatus, RepairReport


@click.command
@click.option(
    "--now", is_flag=True, help="All that waits, whenever it is due; no pause or rate limit counts, a halt does."
)
@as_json
@click.pass_context
def ship(ctx: click.Context, *, now: bool, json_: bool) -> None:
    """Ship what is due, oldest window first. On SIGTERM what is under way is finished, the rest stays pending."""
    config: Config = ctx.obj.config()
    shipped, refusal = ship_or_refusal(config, now=now)
    if json_:
        output.print_json(shipped_object(shipped))
    else:
        print_shipped("The account of the partitions that had something to send", shipped)
    if refusal:
        raise refusal
    unsent = sum(status.unsent for status in shipped.statuses.values())
    ctx.exit(verdict(config.checks, shipped.account, unsent=unsent))


@click.command
@window_range
@one_category
@click.option("--failed", is_flag=True, help="Only what failed in delivery, instead of what was delivered.")
@as_json
@click.pass_context
def replay(
    ctx: click.Context, start: datetime, end: datetime, category: str | None, *, failed: bool, json_: bool
) -> None:
    """Send again what these windows sent: the same ids, the same bytes. The account stays what it is.

    Exit code 0 when all of it was accepted, whatever failed before and was not to be sent again.
    """
    from statsig_export.pipeline import replay as send_again

    config: Config = ctx.obj.config()
    windows = windows_in(config, start, end)
    keys = [partition_key(name, window.key) for window in windows for name in categories_of(category)]
    title = "The account of these windows"
    try:
        with output.progress("replay") as advance, until_stopped() as timing:
            report = send_again(config, keys, failed_only=failed, on_progress=advance, timing=timing)
    except (DestinationError, LedgerError) as error:
        shipped = reported(config, keys, error)
        output.print_json(shipped_object(shipped)) if json_ else print_shipped(title, shipped)
        raise
    missing = windows_without(keys, report.shipped)
    if json_:
        again = {"replayed": report.replayed, "replay_pending": report.pending, "replay_failed": report.failed}
        asked = {"windows": [window.key for window in windows], "missing": missing}
        output.print_json({**shipped_object(report.shipped), **again, **asked})
    else:
        click.echo(f"{report.replayed:,} events were put up to be sent again.")
        print_shipped(title, report.shipped)
        if report.pending or report.failed:
            output.say(f"Of what is sent again, {report.pending:,} events are pending and {report.failed:,} failed.")
    output.say_missing(missing)
    unsent = sum(status.unsent for status in report.shipped.statuses.values())
    ctx.exit(NOT_ALL_DONE if unsent or report.failed or missing else DONE)


@click.command
@click.option("--repair", is_flag=True, help="First write lost and damaged files again from the source.")
@as_json
@click.pass_context
def verify(ctx: click.Context, *, repair: bool, json_: bool) -> None:
    """Recompute every state from the attempts and the files, and say what differs. Changes nothing but by --repair."""
    from statsig_export.pipeline import repair as write_again
    from statsig_export.verifying import verify as differences_of

    repaired = write_again(ctx.obj.config()) if repair else RepairReport()
    with output.progress("verify") as advance:
        report = differences_of(ctx.obj.config(), on_progress=advance)
    counts = {"partitions": report.partitions, "files": report.files, "batches": report.batches}
    pruned = {"pruned": report.pruned}
    if json_:
        found = [asdict(difference) for difference in report.differences]
        again = {"repaired": list(repaired.repaired), "not_repaired": dict(repaired.left)} if repair else {}
        output.print_json({"account": report.account.to_dict(), **counts, **pruned, "differences": found, **again})
    else:
        for file in repaired.repaired:
            click.echo(f"{file} was written again.")
        for file, fault in repaired.left.items():
            click.echo(f"{file} {fault}: restore it from a backup.")
        for difference in report.differences:
            click.echo(str(difference))
        verdict = f"{len(report.differences):,} differences" if report.differences else "No difference"
        output.say(f"{verdict} in " + ", ".join(f"{count:,} {name}" for name, count in counts.items()) + ".")
        if report.pruned:
            output.say(f"{report.pruned:,} of these partitions were pruned: only their account can be verified.")
    ctx.exit(NOT_ALL_DONE if report.differences else DONE)


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
    from statsig_export.shipping import how_it_stands
    from statsig_export.shipping import status as statuses_of

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


@click.command
@as_json
@click.pass_context
def resume(ctx: click.Context, *, json_: bool) -> None:
    """Lift a halt once the set-up is mended; or where everything is rejected, to let those events fail."""
    from statsig_export.shipping import due_partitions, halted_reason
    from statsig_export.shipping import resume as lift

    config: Config = ctx.obj.config()
    before = halted_reason(config)
    believed = sorted(lift(config))
    due = sum(partition.events for partition in due_partitions(config))
    if json_:
        told = {"believed": believed} if believed else {}
        output.print_json({"was_halted": before is not None, "due_events": due, **told})
    else:
        click.echo(f"{'Resumed' if before else 'It was not halted'}: {due:,} events are due. `statsig-export ship`.")
        if believed:
            statuses = ", ".join(map(str, believed))
            output.say(f"Events that are rejected all the same (HTTP {statuses}, within the hour) will fail.")


def _failed_rows(config: Config, start: datetime | None, end: datetime | None, limit: int | None) -> list[FailedRow]:
    from statsig_export.reading import failed_rows

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
