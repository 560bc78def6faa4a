"""The verb test-event: one test event and its answer."""

import json
import time
from uuid import uuid4

import click
import pyarrow as pa

from statsig_export.cli import output
from statsig_export.cli.exit_codes import NOT_ALL_DONE
from statsig_export.cli.verb_options import as_json, config_of
from statsig_export.delivery.batches import batch_id, body
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Reply, classify, explain
from statsig_export.errors import DestinationError
from statsig_export.settings import TimestampForm
from statsig_export.shipping.destination import destination_of
from statsig_export.shipping.webhook import Webhook


@click.command("test-event")
@as_json
@click.pass_context
def command(ctx: click.Context, *, json_: bool) -> None:
    """Send one test event to the webhook and show the answer. It is not recorded in the ledger."""
    config = config_of(ctx.obj)
    webhook = Webhook(destination_of(config), clock=time.time, monotonic=time.monotonic)
    event = body(pa.array([_test_event(config.webhook.timestamps)]))
    try:
        answer = webhook.post(event, batch_id(config.webhook.name, event), 1)
    finally:
        webhook.close()
    outcome = classify(answer)
    status = answer.status if isinstance(answer, Reply) else None
    if json_:
        report = {"outcome": outcome.value, "status": status, "latency_ms": round(answer.latency_ms, 1)}
        output.print_json({**report, "answer": explain(answer)})
    else:
        click.echo(f"{outcome.value}: {explain(answer)} ({answer.latency_ms:.0f} ms)")
    if outcome is Outcome.REFUSED:
        raise DestinationError(
            f"the webhook refuses the set-up ({explain(answer)})", hint="repair the URL or the secret"
        )
    if outcome is not Outcome.ACCEPTED:
        ctx.exit(NOT_ALL_DONE)


def _test_event(timestamps: TimestampForm) -> bytes:
    now = time.time_ns() // 1_000_000
    event = {
        "eventName": "statsig_export_test_event",
        "user": {"userID": "statsig-export"},
        "userID": "statsig-export",
        "timestamp": str(now) if timestamps == "text" else now,
        "statsigMetadata": {},
        "value": "",
        "metadata": {"sent_by": "statsig-export test-event"},
        "timeUUID": str(uuid4()),
    }
    return json.dumps(event, separators=(",", ":")).encode()
