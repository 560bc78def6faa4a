"""The verb resume: lift a halt."""

import click

from statsig_export.cli import output
from statsig_export.cli.verb_options import as_json, config_of
from statsig_export.config import Config
from statsig_export.shipping.status import due_partitions, halted_reason, resume


@click.command("resume")
@as_json
@click.pass_context
def command(ctx: click.Context, *, json_: bool) -> None:
    """Lift a halt after the set-up (URL, secret, certificate) is repaired.

    If the destination halted because it rejected everything, and nothing was repaired, the rejected events fail.
    """
    config: Config = config_of(ctx.obj)
    before = halted_reason(config)
    believed = sorted(resume(config))
    due = sum(partition.events for partition in due_partitions(config))
    if json_:
        answer = {"was_halted": before is not None, "due_events": due}
        output.print_json({**answer, **({"believed": believed} if believed else {})})
    else:
        click.echo(
            f"{'Resumed' if before else 'It was not halted'}: {due:,} events are due. Run `statsig-export ship`."
        )
        if believed:
            statuses = ", ".join(map(str, believed))
            output.note(f"Events that are rejected again within the hour (HTTP {statuses}) will fail.")
