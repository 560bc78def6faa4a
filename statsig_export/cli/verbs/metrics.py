"""The verb metrics: the state of the export, as Prometheus reads it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from statsig_export.cli import failures, output
from statsig_export.cli.exit_codes import DONE
from statsig_export.cli.sigterm import stop_on_sigterm
from statsig_export.cli.verb_options import config_of
from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.metrics.extra import needs_prometheus

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LOOPBACK = "127.0.0.1"
FRESH = 1.0
"""Seconds for which --serve gives the same answer."""
_ADDRESS = re.compile(r"(?:(?P<host>\[[^\]]+\]|[^:\[\]]+):)?(?P<port>\d{1,5})")


class _Address(click.ParamType[tuple[str, int]]):
    """[HOST:]PORT; an address of IPv6 stands in brackets."""

    name = "[host:]port"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        found = _ADDRESS.fullmatch(value)
        if found is None or int(found["port"]) > 65_535:  # noqa: PLR2004
            self.fail(f"{value!r} is no port, and no host and port such as 0.0.0.0:9464 or [::1]:9464", param, ctx)
        return (found["host"] or LOOPBACK).strip("[]"), int(found["port"])


class _Outcome:
    """What the last reading of the ledger ended with: told when it changes, not with every scrape."""

    def __init__(self, *, debug: bool) -> None:
        self._debug = debug
        self._told: str | None = None
        self.exit_code = DONE

    def ended(self, error: Exception | None) -> None:
        if error is None:
            if self._told is not None:
                output.note("statsig-export: the ledger can be read again")
            self._told, self.exit_code = None, DONE
        elif failures.message_of(error) != self._told:
            self._told = failures.message_of(error)
            self.exit_code = failures.report(error, debug=self._debug)


@click.command("metrics")
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Replace this file, for node_exporter (*.prom).",
)
@click.option(
    "--serve",
    "address",
    type=_Address(),
    help=f"Answer over HTTP until Ctrl-C; on {LOOPBACK} unless a host is named. Port 0 picks a free one.",
)
@click.pass_context
def command(ctx: click.Context, file: Path | None, address: tuple[str, int] | None) -> None:
    """Print the state of the export as Prometheus reads it; or write it for node_exporter, or serve it.

    Reads only the ledger, and whose receipts the storage has, if that answers. The variables of the source and of the
    webhook can be unset. If the ledger cannot be read, statsig_export_up is 0, all figures are left out, and the exit
    code is 5. Needs the extra `metrics`.
    """
    if file is not None and address is not None:
        raise click.UsageError("--to writes once, --serve goes on: give one or the other")
    config: Config = config_of(ctx.obj)
    outcome = _Outcome(debug=ctx.obj.debug)
    if address is not None:
        _serve(_registry(config, outcome, fresh=FRESH), *address)
        return
    text = _text(_registry(config, outcome))
    if file is None:
        click.echo(text, nl=False)
    else:
        from statsig_export.metrics.textfile import write_textfile  # noqa: PLC0415  only with the extra

        write_textfile(file, text)
    ctx.exit(outcome.exit_code)


def _registry(config: Config, outcome: _Outcome, *, fresh: float = 0) -> "CollectorRegistry":
    with needs_prometheus("the verb metrics"):
        from statsig_export.metrics.collector import registry_of  # noqa: PLC0415  an extra
    return registry_of(config, outcome.ended, fresh=fresh)


def _text(registry: "CollectorRegistry") -> bytes:
    from prometheus_client import generate_latest  # noqa: PLC0415  an extra

    return generate_latest(registry)


def _serve(registry: "CollectorRegistry", host: str, port: int) -> None:
    from statsig_export.metrics.server import answer_until, serving  # noqa: PLC0415  an extra

    shown = f"[{host}]" if ":" in host else host
    try:
        with stop_on_sigterm() as stop, serving(registry, host, port) as server:
            click.echo(f"Serving on http://{shown}:{server.server_port}/metrics (Ctrl-C ends it)")
            answer_until(server, stop.asked)
    except KeyboardInterrupt:
        output.note("stopped")
    except OSError as error:
        hint = "name an address of this machine and a free port; 0 picks one"
        raise ConfigError(
            f"{output.printable(shown)}:{port} cannot be served on ({error.strerror})", hint=hint
        ) from None
