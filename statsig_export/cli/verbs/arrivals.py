"""The verb arrivals: whether what was forwarded is in the table that Fivetran wrote."""

from datetime import datetime

import click

from statsig_export.cli import failures, output, progress
from statsig_export.cli.arrival_tables import print_arrivals
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.verb_options import as_json, categories, categories_of, config_of, optional_range
from statsig_export.config import Config
from statsig_export.ledger.records import Selection
from statsig_export.reconciliation.check import check_arrivals
from statsig_export.storage.file_faults import joined


@click.command("arrivals")
@optional_range("Only windows that start at or after this.", "Only windows that start before this.")
@categories
@as_json
@click.pass_context
def command(
    ctx: click.Context, start: datetime | None, end: datetime | None, names: tuple[str, ...], *, json_: bool
) -> None:
    """Compare what was forwarded with the table that Fivetran wrote, and keep the figures.

    Reads ids and times, and the event where its database cannot take the id out of it. Without a range it looks for
    what was sent lately, or not found before. Exit code 1 if something is missing: `replay --missing` sends it again.
    """
    config: Config = config_of(ctx.obj)
    asked = None
    if names or start is not None or end is not None:
        asked = Selection.between(config.webhook.name, start, end, categories_of(names) if names else None)
    with progress.row_count("compare") as advance:
        report, unreadable = check_arrivals(config, asked, on_progress=advance)
    if json_:
        output.print_json(report.to_dict(), [line.to_dict() for line in report.partitions])
    else:
        print_arrivals(report, config.webhook.name)
    errors = [joined(list(unreadable))] if unreadable else []
    code = failures.report_all(errors, debug=ctx.obj.debug)
    ctx.exit(max(code, NOT_ALL_DONE if report.total.missing else DONE))
