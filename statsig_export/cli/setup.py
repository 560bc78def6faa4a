"""The verbs around the export: demo, test-event, receiver."""

import json
import sqlite3
import time
from pathlib import Path
from uuid import uuid4

import click

from statsig_export.cli import output
from statsig_export.cli.options import as_json
from statsig_export.cli.verdict import NOT_ALL_DONE
from statsig_export.errors import ConfigError


@click.command("test-event")
@as_json
@click.pass_context
def test_event(ctx: click.Context, *, json_: bool) -> None:
    """Send one test event to the webhook and show its answer. The ledger takes no note of it."""
    import pyarrow as pa

    from statsig_export.batching import batch_id, body
    from statsig_export.delivery import Outcome, Reply, classify, explain
    from statsig_export.errors import DestinationError
    from statsig_export.webhook import Webhook, destination_of

    config = ctx.obj.config()
    webhook = Webhook(destination_of(config), clock=time.time, monotonic=time.monotonic)
    event = body(pa.array([_test_event()]))
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
        raise DestinationError(f"the webhook refuses the set-up ({explain(answer)})", hint="mend the URL or the secret")
    if outcome is not Outcome.ACCEPTED:
        ctx.exit(NOT_ALL_DONE)


@click.command
@click.option("--port", type=int, default=8787, show_default=True, help="0 picks a free one.")
@click.option("--path", default="/webhooks/stand-in", show_default=True)
@click.option("--faults", type=click.Path(path_type=Path), help="A JSON script of faults to play.")
@click.option("--transcript", type=click.Path(path_type=Path), help="Append each request here, as JSON lines.")
@click.option("--tables", type=click.Path(path_type=Path), help="Lay events down here (SQLite) as Fivetran would.")
def receiver(port: int, path: str, faults: Path | None, transcript: Path | None, tables: Path | None) -> None:
    """Run the stand-in webhook on loopback until it is interrupted."""
    from statsig_export.testing.receiver import Faults, Receiver, load_faults

    try:
        script = load_faults(faults) if faults else Faults()
    except ValueError as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"{faults} cannot be read ({error.strerror})") from None
    try:
        stand_in = Receiver(port, path, transcript=transcript, tables=tables, faults=script, keep_events=False)
    except OSError as error:
        if error.filename is not None:
            raise ConfigError(f"{error.filename} cannot be used ({error.strerror})") from None
        raise ConfigError(f"port {port} cannot be had ({error.strerror})", hint="--port 0 picks a free one") from None
    except sqlite3.Error as error:
        raise ConfigError(f"{tables} cannot be used ({error})") from None
    with stand_in:
        try:
            click.echo(f"Listening on {stand_in.url} (Ctrl-C ends it)")
            stand_in.serve_forever()
        except KeyboardInterrupt:
            output.say("stopped")


@click.command
@click.option(
    "--events", type=click.IntRange(min=1), default=50_000, show_default=True, help="Rows in the sample source."
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".statsig_export/demo"),
    show_default=True,
    help="Where the demo keeps everything; made anew each time.",
)
@as_json
@click.pass_context
def demo(ctx: click.Context, events: int, home: Path, *, json_: bool) -> None:
    """The whole way of an event on embedded parts: sample source, Dagster assets and sensor, stand-in webhook."""
    try:
        from dagster_project.demo import run_demo
    except ModuleNotFoundError as error:
        if error.name != "dagster":
            raise
        raise ConfigError("the demo runs in Dagster", hint="pip install 'statsig-export[dagster]'") from None
    from statsig_export.cli.demo import play

    ctx.exit(play(home, events, run_demo, json_=json_))


def _test_event() -> bytes:
    event = {
        "eventName": "statsig_export_test_event",
        "user": {"userID": "statsig-export"},
        "userID": "statsig-export",
        "timestamp": time.time_ns() // 1_000_000,
        "statsigMetadata": {},
        "value": "",
        "metadata": {"sent_by": "statsig-export test-event"},
        "timeUUID": str(uuid4()),
    }
    return json.dumps(event, separators=(",", ":")).encode()
