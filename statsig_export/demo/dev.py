"""The Dagster UI on a demo's home, with the stand-in webhook listening so that shipments arrive: `make dev`, or

python -m statsig_export.demo.dev .statsig_export/demo --port 3000
"""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

import click

from statsig_export.demo.code_location import MAKES, TARGET
from statsig_export.demo.home import read_environment, write_environment
from statsig_export.demo.process_group import run_until_told
from statsig_export.errors import ConfigError
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver

HOST = "127.0.0.1"
URL, SECRET = "FIVETRAN_WEBHOOK_URL", "FIVETRAN_WEBHOOK_SECRET"
Port = click.IntRange(1, 65_535)


@click.command()
@click.argument("home", type=click.Path(path_type=Path), default=MAKES)
@click.option("--port", type=Port, default=3000, show_default=True, help="Port of Dagster's UI.")
@click.option(
    "--webhook-port", type=Port, help="Port of the stand-in webhook; by default the one in the home's `environment`."
)
def main(home: Path, port: int, webhook_port: int | None) -> None:
    """Show the demo in HOME in Dagster's UI until Ctrl-C, SIGTERM or the end of the terminal; then nothing is left."""
    try:
        _require_free(port)
        environ = _environment(home)
        receiver = _receiver(home, environ, webhook_port)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    command = [sys.executable, "-m", "dagster", "dev", "--host", HOST, "--port", str(port), *TARGET]
    with receiver:
        _tell_others(home, environ, receiver.url)
        click.echo(f"Dagster's UI is at http://{HOST}:{port} in half a minute. Ctrl-C ends it.", err=True)
        sys.exit(run_until_told(command, {**os.environ, **environ}))


def _cause(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)  # strerror has the address in it


def _require_free(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        said = f"port {port}, for Dagster's UI, cannot be used ({_cause(error)})"
        raise ConfigError(said, hint="end what has it, or name another with --port (`make dev PORT=3001`)") from None


def _environment(home: Path) -> dict[str, str]:
    """The demo's variables."""
    try:
        environ = read_environment(home / "environment")
    except OSError as error:
        raise ConfigError(f"no demo in {home} ({error.strerror})", hint=_make_one(home)) from None
    if missing := [name for name in (URL, SECRET) if name not in environ]:
        raise ConfigError(f"{home / 'environment'} does not set {missing[0]}", hint=_make_one(home))
    return environ


def _tell_others(home: Path, environ: dict[str, str], url: str) -> None:
    """Write another port of the webhook into the demo's variables, so that other shells know it too."""
    if environ[URL] != url:
        environ[URL] = url
        write_environment(home / "environment", environ)
        click.echo(f"{home / 'environment'} has the webhook's new port: load it anew in other shells.", err=True)


def _make_one(home: Path) -> str:
    return f"`statsig-export demo --home {quote(str(home))}` makes one"


def _receiver(home: Path, environ: Mapping[str, str], webhook_port: int | None) -> Receiver:
    url = urlsplit(environ[URL])
    port = webhook_port or url.port or 0
    try:
        return Receiver(
            port,
            url.path,
            auth=Authentication("hmac", environ[SECRET]),
            transcript=home / "received.jsonl",
            tables=home / "received.db",
            keep_events=False,
        )
    except OSError as error:
        if error.filename is not None:
            raise ConfigError(f"{error.filename} cannot be used ({error.strerror})") from None
        said = f"port {port}, for the stand-in webhook, cannot be used ({_cause(error)})"
        other = "name another with --webhook-port (`make dev WEBHOOK_PORT=8788`)"
        raise ConfigError(said, hint=f"end what has it, such as another `make dev`, or {other}") from None


if __name__ == "__main__":
    main()
