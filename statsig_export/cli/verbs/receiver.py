"""The verb receiver: the stand-in webhook alone."""

import os
import sqlite3
from pathlib import Path
from typing import Literal

import click

from statsig_export.cli import output
from statsig_export.errors import ConfigError
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.fault_file import load_faults
from statsig_export.testing.webhook.faults import Faults
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.testing.webhook.transcript import Received

_FAULTS = """\
The faults are a JSON file; the documentation's page "Faults of the stand-in" has all of them. The first two requests
meet a 503, the others are taken:

\b
  {"rules": [{"requests": [1, 2], "actions": [{"status": 503}]}]}
"""


@click.command("receiver", epilog=_FAULTS)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8787, show_default=True, help="Port; 0 picks a free one."
)
@click.option("--path", default="/webhooks/stand-in", show_default=True, help="Path of its URL.")
@click.option(
    "--auth",
    "method",
    type=click.Choice(["none", "token", "hmac"]),
    default="none",
    show_default=True,
    help="Refuse requests (401) without this secret in a header, or this signature of their bytes.",
)
@click.option("--secret", help="env:NAME of the token or the key, as export.toml has it.")
@click.option("--header", default=Authentication().header, show_default=True, help="The header that carries it.")
@click.option("--faults", type=click.Path(path_type=Path), help="JSON file with the faults to simulate.")
@click.option("--transcript", type=click.Path(path_type=Path), help="Append each request to this file, as JSON lines.")
@click.option(
    "--tables", type=click.Path(path_type=Path), help="Write the events to this SQLite file, as Fivetran would."
)
@click.option("--quiet", is_flag=True, help="Do not print a line per request.")
def command(  # noqa: PLR0913  one per option
    *,
    port: int,
    path: str,
    method: Literal["none", "token", "hmac"],
    secret: str | None,
    header: str,
    faults: Path | None,
    transcript: Path | None,
    tables: Path | None,
    quiet: bool,
) -> None:
    """Run a stand-in for Fivetran's webhook on this machine (loopback) until Ctrl-C.

    It prints a line per request: time, status, events, bytes, attempt, id, and what was wrong; never an event.
    """
    authentication = _authentication(method, secret, header)
    script = _faults(faults)
    try:
        stand_in = Receiver(
            port,
            path,
            auth=authentication,
            transcript=transcript,
            tables=tables,
            faults=script,
            keep_events=False,
            on_request=None if quiet else _print,
        )
    except OSError as error:
        if error.filename is not None:
            raise ConfigError(f"{error.filename} cannot be used ({error.strerror})") from None
        raise ConfigError(
            f"port {port} is not available ({error.strerror})", hint="--port 0 picks a free one"
        ) from None
    except sqlite3.Error as error:
        raise ConfigError(f"{tables} cannot be used ({error})") from None
    with stand_in:
        try:
            click.echo(f"Listening on {stand_in.url} (Ctrl-C ends it)")
            stand_in.serve_forever()
        except KeyboardInterrupt:
            output.note("stopped")


def _authentication(method: Literal["none", "token", "hmac"], secret: str | None, header: str) -> Authentication:
    if method == "none":
        return Authentication()
    if secret is None or not secret.startswith("env:"):
        raise click.UsageError(f"--auth {method} needs --secret env:NAME, the variable that has it")
    value = os.environ.get(secret.removeprefix("env:"))
    if not value:
        raise ConfigError(f"the environment variable {output.printable(secret.removeprefix('env:'))} is not set")
    return Authentication(method, value, header)


def _faults(path: Path | None) -> Faults:
    try:
        return load_faults(path) if path else Faults()
    except ValueError as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from None


def _print(received: Received) -> None:
    """One line; the id as `trace` and the ledger begin it."""
    status = "no answer" if received.status is None else str(received.status)
    attempt = "" if received.attempt is None else f", attempt {received.attempt}"
    wrong = "; ".join(filter(None, (received.reason, received.fault)))
    line = (
        f"{received.time[11:19]} {status:>9}  {received.count:>6,} events {received.wire_bytes:>10,} bytes"
        f"{attempt}  {received.webhook_id[:12]}{'  ' if wrong else ''}{wrong}"
    )
    click.echo(output.printable(line))
