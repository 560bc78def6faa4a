"""The verb resume: lift a halt."""

import click

from statsig_export.cli import output
from statsig_export.cli.options import as_json
from statsig_export.config import Config


@click.command
@as_json
@click.pass_context
def resume(ctx: click.Context, *, json_: bool) -> None:
    """Lift a halt once the set-up is mended; or where everything is rejected, to let those events fail."""
    from statsig_export.shipping.status import due_partitions, halted_reason
    from statsig_export.shipping.status import resume as lift

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
