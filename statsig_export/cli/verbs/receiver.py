"""The verb receiver: the stand-in webhook alone."""

import sqlite3
from pathlib import Path

import click

from statsig_export.cli import output
from statsig_export.errors import ConfigError
from statsig_export.testing.webhook.fault_file import load_faults
from statsig_export.testing.webhook.faults import Faults
from statsig_export.testing.webhook.receiver import Receiver


@click.command("receiver")
@click.option("--port", type=int, default=8787, show_default=True, help="Port; 0 picks a free one.")
@click.option("--path", default="/webhooks/stand-in", show_default=True, help="Path of its URL.")
@click.option("--faults", type=click.Path(path_type=Path), help="JSON file with the faults to simulate.")
@click.option("--transcript", type=click.Path(path_type=Path), help="Append each request to this file, as JSON lines.")
@click.option(
    "--tables", type=click.Path(path_type=Path), help="Write the events to this SQLite file, as Fivetran would."
)
def command(port: int, path: str, faults: Path | None, transcript: Path | None, tables: Path | None) -> None:
    """Run a stand-in for Fivetran's webhook on this machine (loopback) until Ctrl-C."""
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
