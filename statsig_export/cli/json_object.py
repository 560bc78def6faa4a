"""The one JSON object that a verb with --json prints: its report, and the errors that ended it or were met on the way.

Both are kept while the verb runs, so that a script finds one object on standard output whatever happens.
"""

import json
from collections.abc import Mapping

import click

from statsig_export.cli.terminal_text import escaped

_ASKED, _REPORT, _ERRORS = (f"statsig_export.json_{name}" for name in ("asked", "report", "errors"))


def ask(ctx: click.Context, arguments: list[str]) -> None:
    """Remember whether the command line has --json, also if another option is wrong and parsing fails."""
    ctx.meta[_ASKED] = "--json" in arguments


def keep(report: Mapping[str, object]) -> None:
    """Keep the verb's report, to be printed when the verb ends."""
    click.get_current_context().meta[_REPORT] = dict(report)


def keep_error(line: str) -> None:
    """Keep the line about an error; a no-op outside a command."""
    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        ctx.meta.setdefault(_ERRORS, []).append(line)


def print_kept(ctx: click.Context, exit_code: int) -> None:
    """Print the object once, if --json was given and there is a report or an error."""
    report, errors = ctx.meta.pop(_REPORT, None), ctx.meta.pop(_ERRORS, [])
    if not ctx.meta.get(_ASKED) or (report is None and not errors):
        return
    failure = {"errors": errors, "exit_code": exit_code} if errors else {}
    click.echo(escaped(json.dumps({**(report or {}), **failure}, ensure_ascii=False)))
