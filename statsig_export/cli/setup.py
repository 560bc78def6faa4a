"""The verbs around the export: demo, init, test-event, receiver."""

import json
import time
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import click

from statsig_export.cli import output
from statsig_export.cli.options import NOT_ALL_DONE, Invocation, as_json
from statsig_export.config import DEFAULT_FILE, load_config
from statsig_export.errors import ConfigError, SourceError

_TEMPLATE = files("statsig_export") / "export_template.toml"


@click.command
@click.option("--tables", is_flag=True, help="Also create the layout's tables in the source database.")
@click.option("--layout", type=click.Choice(["native", "sdk_log"]), default="native", show_default=True)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def init(invocation: Invocation, *, tables: bool, layout: str, force: bool) -> None:
    """Write a commented export.toml and, asked to, the layout's tables."""
    path = invocation.config_path or Path(DEFAULT_FILE)
    if path.exists() and not (force or tables):
        raise ConfigError(f"{path} is there already", hint="--force overwrites it, --tables keeps and uses it")
    if force or not path.exists():
        text = _TEMPLATE.read_text(encoding="utf-8").replace('layout = "native" ', f'layout = "{layout}" ')
        path.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {path}. It names the environment variables to set; look through [filter] and [windows].")
    if tables:
        _create_tables(path)
    click.echo(f"Next: statsig-export --config {path} plan --from ... --to ...")


@click.command("test-event")
@as_json
@click.pass_context
def test_event(ctx: click.Context, *, json_: bool) -> None:
    """Send one test event to the webhook and show its answer. The ledger takes no note of it."""
    from statsig_export.batching import batch_id, body
    from statsig_export.delivery import Outcome, Reply, classify, explain
    from statsig_export.errors import DestinationError
    from statsig_export.webhook import Webhook, destination_of

    config = ctx.obj.config()
    webhook = Webhook(destination_of(config), clock=time.time, monotonic=time.monotonic)
    event = body([_test_event()])
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
        ctx.exit(DestinationError.exit_code)
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
    try:
        stand_in = Receiver(port, path, transcript=transcript, tables=tables, faults=script, keep_events=False)
    except OSError as error:
        raise ConfigError(f"port {port} cannot be had ({error.strerror})", hint="--port 0 picks a free one") from None
    with stand_in:
        click.echo(f"Listening on {stand_in.url} (Ctrl-C ends it)")
        try:
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


def _create_tables(path: Path) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    from statsig_export.tables import create_tables

    config = load_config(path)
    engine = create_engine(config.source_url(), hide_parameters=True)
    try:
        create_tables(engine, config.source.layout)
    except SQLAlchemyError as error:
        raise SourceError(f"the tables could not be made ({type(error).__name__})", hint="check source.url") from error
    finally:
        engine.dispose()
    click.echo(f"The tables of the layout {config.source.layout} are there.")


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
