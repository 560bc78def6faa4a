"""The verb ship: send what is due."""

import click

from statsig_export.cli import output
from statsig_export.cli.shipments import partition_rows, print_shipped, ship_or_refusal, shipped_object
from statsig_export.cli.traced_verb import traced_verb
from statsig_export.cli.verb_options import as_json, config_of
from statsig_export.cli.verdict import verdict
from statsig_export.config import Config


@click.command("ship")
@click.option(
    "--now",
    is_flag=True,
    help="Send all that is pending, due or not. Ignores a pause and a rate limit, but not a halt.",
)
@as_json
@click.pass_context
@traced_verb
def command(ctx: click.Context, *, now: bool, json_: bool) -> None:
    """Send what is due, oldest window first. On SIGTERM, requests under way finish and the rest stays pending."""
    config: Config = config_of(ctx.obj)
    shipped, refusal = ship_or_refusal(config, now=now)
    if json_:
        output.print_json(shipped_object(shipped), partition_rows(shipped))
    else:
        print_shipped("The account of the partitions that had something to send", shipped)
    if refusal:
        raise refusal
    unsent = sum(status.unsent for status in shipped.statuses.values())
    ctx.exit(verdict(config.checks, shipped.account, unsent=unsent))
