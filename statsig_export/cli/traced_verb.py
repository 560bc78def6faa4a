"""A verb as the first span of a trace, where export.toml says `[traces] opentelemetry = true`."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import click

from statsig_export.cli.verb_options import config_of
from statsig_export.spans import traced

Options = ParamSpec("Options")


def traced_verb(
    verb: Callable[Concatenate[click.Context, Options], None],
) -> Callable[Concatenate[click.Context, Options], None]:
    """Below `click.pass_context`. The span has failed where the verb exits with another code than 0."""

    @wraps(verb)
    def run(ctx: click.Context, /, *args: Options.args, **options: Options.kwargs) -> None:
        with traced(config_of(ctx.obj), f"statsig-export {ctx.info_name}"):
            verb(ctx, *args, **options)

    return run
