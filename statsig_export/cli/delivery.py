"""The verbs that move events, or tell what became of them: plan, run, ship, status, resume."""

from datetime import UTC, datetime

import click

from statsig_export.account import total
from statsig_export.cli import output
from statsig_export.cli.options import (
    TIME,
    Invocation,
    as_json,
    categories_of,
    exit_code,
    one_category,
    window_range,
)
from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.partitions import Window, closed_windows, partition_key, split_partition_key, windows_between
from statsig_export.reports import PartitionStatus, ShipReport


@click.command
@window_range
@one_category
@as_json
@click.pass_obj
def plan(invocation: Invocation, start: datetime, end: datetime, category: str | None, *, json_: bool) -> None:
    """Dry run: what would be forwarded, filtered and failed. Sends nothing and writes nothing."""
    from statsig_export.exporting import plan as plan_window

    config = invocation.config()
    windows = _windows(config, start, end)
    with output.steps("plan", len(windows)) as step:
        reports = []
        for window in windows:
            reports.append(plan_window(config, window, categories_of(category)))
            step(1)
    account = total(report.account for report in reports)
    examples = {name.value: text for report in reports for name, text in report.examples.items()}
    to_send = sum(report.to_send for report in reports)
    if json_:
        output.print_json(
            {
                "account": account.to_dict(),
                "to_send": to_send,
                "windows": [window.key for window in windows],
                "examples": examples,
            }
        )
        return
    rows = [(report.window, name, part) for report in reports for name, part in report.accounts.items()]
    output.print_accounts("If these windows were exported and shipped now", rows)
    output.print_breakdown(account)
    click.echo(f"{to_send:,} events would be sent; nothing was sent or written.")
    for name, text in examples.items():
        click.echo(f"\n{name}, for example:\n{text}")


@click.command
@window_range
@one_category
@as_json
@click.pass_context
def run(ctx: click.Context, start: datetime, end: datetime, category: str | None, *, json_: bool) -> None:
    """Export these windows and ship them, without Dagster. Safe to repeat: only what is new is sent."""
    from statsig_export.exporting import export_window
    from statsig_export.shipping import ship as ship_due

    config = ctx.obj.config()
    windows, categories = _windows(config, start, end), categories_of(category)
    with output.progress("export") as advance:
        exports = [export_window(config, window, categories, on_progress=advance) for window in windows]
    keys = [partition_key(name, window.key) for window in windows for name in categories]
    with output.progress("ship") as advance:
        shipped = ship_due(config, keys, on_progress=advance)
    account = shipped.account
    if json_:
        runs = {"windows": [window.key for window in windows], "export_runs": [report.run_id for report in exports]}
        output.print_json({**_shipped(shipped), **runs})
    else:
        _print_shipped("The account of these windows", shipped)
    ctx.exit(exit_code(account))


@click.command
@as_json
@click.pass_context
def ship(ctx: click.Context, *, json_: bool) -> None:
    """Ship what is due, oldest window first."""
    from statsig_export.shipping import ship as ship_due

    config = ctx.obj.config()
    with output.progress("ship") as advance:
        shipped = ship_due(config, on_progress=advance)
    if json_:
        output.print_json(_shipped(shipped))
    else:
        _print_shipped("The account of the partitions that were due", shipped)
    ctx.exit(exit_code(shipped.account))


@click.command
@click.option("--from", "start", type=TIME, help="Only windows that start at or after this.")
@click.option("--to", "end", type=TIME, help="Only windows that start before this.")
@as_json
@click.pass_obj
def status(invocation: Invocation, start: datetime | None, end: datetime | None, *, json_: bool) -> None:
    """The account by window and category, from the ledger."""
    from statsig_export.shipping import halted_reason
    from statsig_export.shipping import status as statuses_of

    config = invocation.config()
    statuses = statuses_of(config, start, end)
    halted = halted_reason(config)
    account = total(status.account for status in statuses)
    if json_:
        output.print_json(
            {"account": account.to_dict(), "halted": halted, "partitions": [_partition(status) for status in statuses]}
        )
        return
    if not statuses:
        click.echo("Nothing was exported yet: `statsig-export run --from ... --to ...` does it.")
        return
    rows = [(status.window, status.category, status.account) for status in statuses]
    errors = {status.partition: status.last_error for status in statuses if status.last_error}
    output.print_accounts(f"Destination {config.webhook.name}", rows, errors)
    output.print_breakdown(account)
    if halted:
        output.say(f"HALTED: {halted}. Mend the set-up, then `statsig-export resume`.")


@click.command
@as_json
@click.pass_obj
def resume(invocation: Invocation, *, json_: bool) -> None:
    """Lift a halt once the set-up is mended."""
    from statsig_export.shipping import due_partitions, halted_reason
    from statsig_export.shipping import resume as lift

    config = invocation.config()
    before = halted_reason(config)
    lift(config)
    due = sum(partition.events for partition in due_partitions(config))
    if json_:
        output.print_json({"was_halted": before is not None, "due_events": due})
    else:
        click.echo(f"{'Resumed' if before else 'It was not halted'}: {due:,} events are due. `statsig-export ship`.")


def _windows(config: Config, start: datetime, end: datetime) -> list[Window]:
    """The closed windows that overlap [start, end). Raises ConfigError when there is none, saying why."""
    if end <= start:
        raise ConfigError("--to is not after --from")
    now = datetime.now(UTC)
    windows = closed_windows(start, end, config.windows, now)
    if windows:
        return windows
    overlapping = list(windows_between(start, end, config.windows))
    if not overlapping:
        raise ConfigError(f"the range lies before windows.start ({config.windows.start:%Y-%m-%d %H:%M} UTC)")
    closes = overlapping[0].closes_at(config.windows.settle)
    raise ConfigError(
        f"window {overlapping[0].key} is not closed yet: rows may arrive until {closes:%Y-%m-%d %H:%M} UTC"
    )


def _shipped(report: ShipReport) -> dict[str, object]:
    return {
        "account": report.account.to_dict(),
        "ship_run": report.run_id,
        "sent": report.sent,
        "requests": report.requests,
        "busy": list(report.busy),
        "paused_until": report.paused_until,
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
        output.say("Too many failures in a row: sending pauses for a while. Nothing is lost; ship again later.")


def _partition(status: PartitionStatus) -> dict[str, object]:
    return {
        "partition": status.partition,
        "window": status.window,
        "category": status.category.value,
        "account": status.account.to_dict(),
        "last_error": status.last_error,
        "due_in": status.due_in,
    }
