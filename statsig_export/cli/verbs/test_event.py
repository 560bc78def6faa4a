"""The verb test-event: one test event and its answer."""

import click

from statsig_export.cli import output
from statsig_export.cli.exit_codes import NOT_ALL_DONE
from statsig_export.cli.verb_options import as_json, config_of
from statsig_export.delivery.outcomes import Outcome
from statsig_export.errors import DestinationError
from statsig_export.shipping.test_event import send_test_event


@click.command("test-event")
@as_json
@click.pass_context
def command(ctx: click.Context, *, json_: bool) -> None:
    """Send one test event to the webhook and show the answer. It is not recorded in the ledger."""
    answer = send_test_event(config_of(ctx.obj))
    if json_:
        report = {"outcome": answer.outcome.value, "status": answer.status, "latency_ms": round(answer.latency_ms, 1)}
        output.print_json({**report, "answer": answer.text})
    else:
        click.echo(f"{answer.outcome.value}: {answer.text} ({answer.latency_ms:.0f} ms)")
    if answer.outcome is Outcome.REFUSED:
        raise DestinationError(f"the webhook refuses the set-up ({answer.text})", hint="repair the URL or the secret")
    if answer.outcome is not Outcome.ACCEPTED:
        ctx.exit(NOT_ALL_DONE)
