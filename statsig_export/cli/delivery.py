"""The verbs that move events, or tell what became of them: run, ship, replay, status, verify, resume."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime

import click

from statsig_export.account import total
from statsig_export.cli import output
from statsig_export.cli.options import (
    DONE,
    NOT_ALL_DONE,
    TIME,
    Invocation,
    as_json,
    categories_of,
    exit_code,
    list_failed,
    one_category,
    window_range,
    windows_in,
)
from statsig_export.cli.stopping import stop_on_sigterm
from statsig_export.config import Config
from statsig_export.events import Category
from statsig_export.partitions import partition_key, split_partition_key
from statsig_export.reports import FailedRow, PartitionStatus, ShipReport
from statsig_export.shipper import Timing


@click.command
@window_range
@one_category
@as_json
@click.pass_context
def run(ctx: click.Context, start: datetime, end: datetime, category: str | None, *, json_: bool) -> None:
    """Export these windows and ship them, without Dagster. Safe to repeat: only what is new is sent."""
    from statsig_export.exporting import unplaced_rows
    from statsig_export.pipeline import export_windows

    config = ctx.obj.config()
    windows, categories = windows_in(config, start, end), categories_of(category)
    with output.progress("export") as advance:
        exports = list(export_windows(config, dict.fromkeys(windows, categories), on_progress=advance))
    unplaced = unplaced_rows(config, categories)
    keys = [partition_key(name, window.key) for window in windows for name in categories]
    shipped = _ship(config, keys)
    account = shipped.account
    if json_:
        runs = {"windows": [window.key for window in windows], "export_runs": [report.run_id for report in exports]}
        output.print_json({**_shipped(shipped), **runs, **output.unplaced(unplaced)})
    else:
        _print_shipped("The account of these windows", shipped)
        output.say_unplaced(unplaced)
    ctx.exit(exit_code(account))


@click.command
@click.option(
    "--now", is_flag=True, help="All that waits, whenever it is due; no pause or rate limit counts, a halt does."
)
@as_json
@click.pass_context
def ship(ctx: click.Context, *, now: bool, json_: bool) -> None:
    """Ship what is due, oldest window first. On SIGTERM what is under way is finished, the rest stays pending."""
    shipped = _ship(ctx.obj.config(), now=now)
    if json_:
        output.print_json(_shipped(shipped))
    else:
        _print_shipped("The account of the partitions that were due", shipped)
    ctx.exit(exit_code(shipped.account))


@click.command
@window_range
@one_category
@click.option("--failed", is_flag=True, help="Only what failed in delivery, instead of what was delivered.")
@as_json
@click.pass_context
def replay(
    ctx: click.Context, start: datetime, end: datetime, category: str | None, *, failed: bool, json_: bool
) -> None:
    """Send again what these windows sent: the same ids, the same bytes. The account stays what it is."""
    from statsig_export.pipeline import replay as send_again

    config = ctx.obj.config()
    windows = windows_in(config, start, end)
    keys = [partition_key(name, window.key) for window in windows for name in categories_of(category)]
    with output.progress("replay") as advance, _until_stopped() as timing:
        report = send_again(config, keys, failed_only=failed, on_progress=advance, timing=timing)
    if json_:
        again = {"replayed": report.replayed, "replay_pending": report.pending, "replay_failed": report.failed}
        output.print_json({**_shipped(report.shipped), **again, "windows": [window.key for window in windows]})
    else:
        click.echo(f"{report.replayed:,} events were put up to be sent again.")
        _print_shipped("The account of these windows", report.shipped)
        if report.pending or report.failed:
            output.say(f"Of what is sent again, {report.pending:,} events are pending and {report.failed:,} failed.")
    ctx.exit(NOT_ALL_DONE if report.pending or report.failed else exit_code(report.account))


@click.command
@as_json
@click.pass_context
def verify(ctx: click.Context, *, json_: bool) -> None:
    """Recompute every state from the attempts and the files, and say what differs. Changes nothing."""
    from statsig_export.verifying import verify as differences_of

    with output.progress("verify") as advance:
        report = differences_of(ctx.obj.config(), on_progress=advance)
    counts = {"partitions": report.partitions, "files": report.files, "batches": report.batches}
    pruned = {"pruned": report.pruned}
    if json_:
        found = [asdict(difference) for difference in report.differences]
        output.print_json({"account": report.account.to_dict(), **counts, **pruned, "differences": found})
    else:
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
@click.pass_obj
def status(invocation: Invocation, start: datetime | None, end: datetime | None, *, failed: bool, json_: bool) -> None:
    """The account by window and category, from the ledger."""
    from statsig_export.shipping import halted_reason
    from statsig_export.shipping import status as statuses_of

    config = invocation.config()
    statuses = statuses_of(config, start, end)
    halted = halted_reason(config)
    account = total(status.account for status in statuses)
    rows = _failed_rows(config, start, end, None if json_ else output.MOST_ROWS) if failed else []
    if json_:
        partitions = [_partition(status) for status in statuses]
        listed = {"failed_rows": [asdict(row) for row in rows]} if failed else {}
        output.print_json({"account": account.to_dict(), "halted": halted, "partitions": partitions, **listed})
        return
    if not statuses:
        click.echo("Nothing was exported yet: `statsig-export run --from ... --to ...` does it.")
        return
    accounts = [(status.window, status.category, status.account) for status in statuses]
    errors = {status.partition: status.last_error for status in statuses if status.last_error}
    output.print_accounts(f"Destination {config.webhook.name}", accounts, errors)
    output.print_breakdown(account)
    pruned = [status for status in statuses if status.pruned]
    if failed:
        output.print_failed_rows(rows, account.failed - total(status.account for status in pruned).failed)
    if pruned:
        output.say(f"{len(pruned):,} of these partitions were pruned: their figures stay, their rows are gone.")
    if halted:
        output.say(f"HALTED: {halted}. Mend the set-up, then `statsig-export resume`.")


@click.command
@as_json
@click.pass_obj
def resume(invocation: Invocation, *, json_: bool) -> None:
    """Lift a halt once the set-up is mended; or where everything is rejected, to let those events fail."""
    from statsig_export.shipping import due_partitions, halted_reason
    from statsig_export.shipping import resume as lift

    config = invocation.config()
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


def _ship(config: Config, keys: Sequence[str] | None = None, *, now: bool = False) -> ShipReport:
    from statsig_export.pipeline import ship as ship_due

    with output.progress("ship") as advance, _until_stopped() as timing:
        return ship_due(config, keys, on_progress=advance, timing=timing, now=now)


@contextmanager
def _until_stopped() -> Iterator[Timing]:
    """Real time that SIGTERM ends."""
    from statsig_export.shipping import REAL_TIME

    with stop_on_sigterm() as stop:
        yield replace(REAL_TIME, sleep=stop.sleep, stopping=stop.asked)
    if stop.asked():
        output.say("Stopped as asked: what was under way is finished, the rest stays pending.")


def _failed_rows(config: Config, start: datetime | None, end: datetime | None, limit: int | None) -> list[FailedRow]:
    from statsig_export.reading import failed_rows

    rows = failed_rows(config, start, end)[:limit]
    columns = [rows[name].astype(object).where(rows[name].notna(), None) for name in rows.columns]
    return [FailedRow(Category(category), window, *texts) for category, window, *texts in zip(*columns, strict=True)]


def _shipped(report: ShipReport) -> dict[str, object]:
    return {
        "account": report.account.to_dict(),
        "ship_run": report.run_id,
        "sent": report.sent,
        "requests": report.requests,
        "busy": list(report.busy),
        "paused_until": report.paused_until,
        "rate_limited": report.rate_limited,
    }


def _print_shipped(title: str, report: ShipReport) -> None:
    if report.shipments:
        parts = [(split_partition_key(key), shipment.account) for key, shipment in report.shipments.items()]
        output.print_accounts(title, [(window, category, account) for (category, window), account in parts])
        output.print_breakdown(report.account)
    click.echo(f"{report.sent:,} events sent in {report.requests:,} requests ({report.seconds:.1f} s).")
    if report.busy:
        output.say(f"{len(report.busy)} partitions are being shipped by another run.")
    if report.paused_until is not None:
        why = "The webhook's rate limit" if report.rate_limited else "Too many failures in a row"
        until = f"{datetime.fromtimestamp(report.paused_until, UTC):%Y-%m-%d %H:%M:%S} UTC"
        output.say(f"{why}: sending pauses until {until}. Nothing is lost; ship again then, or `ship --now`.")


def _partition(status: PartitionStatus) -> dict[str, object]:
    return {
        "partition": status.partition,
        "window": status.window,
        "category": status.category.value,
        "account": status.account.to_dict(),
        "last_error": status.last_error,
        "due_in": status.due_in,
        "pruned": status.pruned.isoformat() if status.pruned else None,
    }
