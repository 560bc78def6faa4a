"""The verb demo: the whole way of an event, on embedded parts."""

from pathlib import Path

import click

from statsig_export.cli.options import as_json
from statsig_export.errors import ConfigError


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
        from statsig_export.demo.dagster_stage import run_demo
    except ModuleNotFoundError as error:
        if error.name != "dagster":
            raise
        raise ConfigError("the demo runs in Dagster", hint="pip install 'statsig-export[dagster]'") from None
    from statsig_export.demo.play import play

    ctx.exit(play(home, events, run_demo, json_=json_))
