"""The verb replay: send again what these windows sent."""

import click

from statsig_export.cli import output, progress, tables
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.ranges import Range
from statsig_export.cli.shipments import (
    partition_rows,
    print_shipped,
    reported,
    shipped_object,
    until_stopped,
    windows_without,
)
from statsig_export.cli.verb_options import (
    as_json,
    categories,
    categories_of,
    config_of,
    exactly_windows_in,
    window_range,
)
from statsig_export.config import Config
from statsig_export.errors import DestinationError, LedgerError
from statsig_export.shipping.replay import replay
from statsig_export.windows import partition_key


@click.command("replay")
@window_range
@categories
@click.option("--failed", is_flag=True, help="Send what failed in delivery, instead of what was delivered.")
@as_json
@click.pass_context
def command(ctx: click.Context, asked: Range, names: tuple[str, ...], *, failed: bool, json_: bool) -> None:
    """Send again what these windows sent, with the same ids and the same bytes. The account does not change.

    Exit code 0 when all of it was accepted. What failed earlier and is not sent again does not count.
    """
    config: Config = config_of(ctx.obj)
    windows = exactly_windows_in(config, asked)
    keys = [partition_key(name, window.key) for window in windows for name in categories_of(names)]
    title = "The account of these windows"
    try:
        with progress.event_count("replay") as advance, until_stopped() as timing:
            report = replay(config, keys, failed_only=failed, on_progress=advance, timing=timing)
    except (DestinationError, LedgerError) as error:
        shipped = reported(config, keys, error)
        output.print_json(shipped_object(shipped), partition_rows(shipped)) if json_ else print_shipped(title, shipped)
        raise
    missing = windows_without(keys, report.shipped)
    if json_:
        again = {"replayed": report.replayed, "replay_pending": report.pending, "replay_failed": report.failed}
        windows_asked = {"windows": [window.key for window in windows], "missing": missing}
        output.print_json({**shipped_object(report.shipped), **again, **windows_asked}, partition_rows(report.shipped))
    else:
        click.echo(f"{report.replayed:,} events were scheduled to be sent again.")
        print_shipped(title, report.shipped)
        if report.pending or report.failed:
            output.note(f"Of the replay, {report.pending:,} events are pending and {report.failed:,} failed.")
    tables.note_missing(missing)
    unsent = sum(status.unsent for status in report.shipped.statuses.values())
    ctx.exit(NOT_ALL_DONE if unsent or report.failed or missing else DONE)
