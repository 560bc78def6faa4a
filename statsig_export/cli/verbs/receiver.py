"""The verb receiver: the stand-in webhook alone."""

import os
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import click

from statsig_export.cli import output
from statsig_export.cli.verb_options import DURATION
from statsig_export.errors import ConfigError
from statsig_export.testing.landing.destination import Destination, Mode, Naming
from statsig_export.testing.landing.fivetran import FivetranTable
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
_DRIVERS: Final = "pip install 'statsig-export[postgres]' or 'statsig-export[duckdb]'"
_IN_USE: Final = "it must be a database that may be written; a file of DuckDB is of one process at a time"


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
    "--tables",
    metavar="FILE|env:NAME",
    help="Write the events as Fivetran would: to a file of SQLite, of DuckDB (*.duckdb), or to the database whose URL "
    "the variable has (sqlite, duckdb, postgresql).",
)
@click.option(
    "--mode",
    type=click.Choice(["packed", "unpacked"]),
    default="packed",
    show_default=True,
    help="The form of that table.",
)
@click.option(
    "--naming",
    type=click.Choice(["fivetran", "source"]),
    default="fivetran",
    show_default=True,
    help="How its columns are called when unpacked: time_uuid or timeUUID.",
)
@click.option("--sync-every", type=DURATION, help="Write it so often, such as 30s; by default with each request.")
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
    tables: str | None,
    mode: Mode,
    naming: Naming,
    sync_every: timedelta | None,
    quiet: bool,
) -> None:
    """Run a stand-in for Fivetran's webhook on this machine (loopback) until Ctrl-C.

    It prints a line per request: time, status, events, bytes, attempt, id, and what was wrong; never an event.
    """
    authentication = _authentication(method, secret, header)
    script = _faults(faults)
    table = _table(tables, mode, naming, at_once=not sync_every)
    try:
        stand_in = Receiver(
            port,
            path,
            auth=authentication,
            transcript=transcript,
            tables=table,
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
    with stand_in, _syncs(table, sync_every):
        try:
            click.echo(f"Listening on {stand_in.url} (Ctrl-C ends it)")
            stand_in.serve_forever()
        except KeyboardInterrupt:
            output.note("stopped")


def _table(place: str | None, mode: Mode, naming: Naming, *, at_once: bool) -> FivetranTable | None:
    """The table, which is made. No error shows what a variable has."""
    if place is None:
        return None
    shown = output.printable(place)
    try:
        to = Destination.at(_variable(place) if place.startswith("env:") else Path(place), mode, naming)
        errors = to.errors
    except ValueError as error:
        raise ConfigError(f"--tables {shown}: {error}") from None
    except ImportError as error:
        raise ConfigError(f"--tables: {error.name} is not installed", hint=_DRIVERS) from None
    try:
        return FivetranTable(to, at_once=at_once)
    except errors as error:
        said = getattr(error, "strerror", None) or type(error).__name__  # a driver's words may quote the URL
        raise ConfigError(f"{shown} cannot be used ({said})", hint=_IN_USE) from None


def _syncs(table: FivetranTable | None, every: timedelta | None) -> AbstractContextManager[None]:
    return nullcontext() if table is None or not every else table.syncing_every(every.total_seconds())


def _authentication(method: Literal["none", "token", "hmac"], secret: str | None, header: str) -> Authentication:
    if method == "none":
        return Authentication()
    if secret is None or not secret.startswith("env:"):
        raise click.UsageError(f"--auth {method} needs --secret env:NAME, the variable that has it")
    return Authentication(method, _variable(secret), header)


def _variable(named: str) -> str:
    name = named.removeprefix("env:")
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"the environment variable {output.printable(name)} is not set")
    return value


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
