"""The table of verbs, the group that loads them, and the options of the whole command.

`--help` and a mistyped verb import no more than this module does: no database, no tables, no configuration.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from statsig_export.cli import completion, failures, json_object
from statsig_export.cli.examples import epilog
from statsig_export.cli.exit_codes import DONE, INTERRUPTED
from statsig_export.errors import LedgerError
from statsig_export.shipping.http_records import quiet_records
from statsig_export.terminal_text import EscapingFormatter

Verb = TypeVar("Verb", bound=Callable[..., object])

VERBS: Final = {
    "alerts": "Tell people what is wrong, once, and when it is over.",
    "arrivals": "Compare what was forwarded with the table that Fivetran wrote.",
    "backup": "Copy ledger and storage, as they are at one moment.",
    "check": "Report for a monitor: one line and an exit code (Nagios).",
    "dedupe-view": "Print the view that takes each event once.",
    "demo": "Run the whole pipeline on local stand-ins.",
    "events": "Count each event, and show whether the filter lets it through.",
    "forget": "Take people out of what was exported, for good.",
    "init": "Write an export.toml that fits a database.",
    "metrics": "Print the state of the export for Prometheus.",
    "notebook": "Copy a notebook that reads what was exported.",
    "plan": "Dry run: show what exporting these windows would do.",
    "prune": "Remove old files, batches and attempts; keep their account.",
    "receiver": "Run the stand-in webhook alone.",
    "replay": "Send again what these windows sent.",
    "restore": "Bring ledger and storage back from a backup.",
    "resume": "Lift a halt after the set-up is repaired.",
    "run": "Export these windows and ship them.",
    "ship": "Send what is due.",
    "status": "Show the account of every window and category.",
    "test-event": "Send one test event and show the answer.",
    "trace": "Find an event's source row and every attempt to send it.",
    "verify": "Recompute every state and report differences.",
}
"""Verb -> its line in --help. Its command is `command` in the module of its name in `verbs/`, imported when used."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """The values of the options of the whole command, wherever they stand."""

    config_path: Path | None
    debug: bool


class _Verbs(click.Group):
    """Verbs that also take the options of the whole command, and end with an exit code that names the cause."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  as above
        if cmd_name not in VERBS:
            return None
        module = import_module(f"statsig_export.cli.verbs.{cmd_name.replace('-', '_')}")
        verb: click.Command = module.command
        if _CONFIG_OF_VERB not in verb.params:
            verb.params += [_CONFIG_OF_VERB, _DEBUG_OF_VERB]
            verb.epilog = epilog(cmd_name, verb.epilog)
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A mistyped verb's near ones are those of the table: click itself knows only commands that are loaded."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=VERBS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  as above
        """From the table, so that --help imports no verb."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Likewise: completing a verb's name imports none."""
        verbs = [CompletionItem(verb, help=line) for verb, line in VERBS.items() if verb.startswith(incomplete)]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        json_object.ask(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            json_object.keep_error(error.format_message())
            json_object.print_kept(ctx, error.exit_code)
            raise
        except LedgerError as error:  # --help and --version print while they are parsed, perhaps to a full disk
            ctx.exit(failures.report(error, debug=False))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as above
        """Always ends with an Exit, or with click's own error for a wrong command line."""
        try:
            code = self._exit_code(ctx)
        except click.ClickException as error:
            json_object.keep_error(error.format_message())
            json_object.print_kept(ctx, error.exit_code)
            raise
        try:
            json_object.print_kept(ctx, code)
        except LedgerError as error:
            code = max(code, failures.report(error, debug=ctx.meta.get(_DEBUG, False)))
        ctx.exit(code)

    def _exit_code(self, ctx: click.Context) -> int:
        """Run the verb. An error is reported; a verb that exits by itself keeps its exit code."""
        try:
            super().invoke(ctx)
        except click.exceptions.Exit as end:
            return end.exit_code
        except (click.ClickException, click.Abort):  # how click itself ends
            raise
        except KeyboardInterrupt:
            failures.print_error(
                "interrupted: what was under way is finished or recovered by the next run, the rest stays pending"
            )
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001  every error gets an exit code that names its cause, not Python's 1
            return failures.report(error, debug=ctx.meta.get(_DEBUG, False))
        return DONE


_DEBUG = "statsig_export.debug"
_SHOWN = ("statsig_export", "urllib3.connectionpool")
_OURS = logging.Filter("statsig_export")
"""Warnings of drivers and clients are no news for who runs a verb, and may hold what is secret: --debug shows them."""
"""The loggers that --debug shows: ours, and the one of requests, of which http_records.py lets only the status through.
"""
_CONFIG_HELP = "Configuration file; by default $STATSIG_EXPORT_CONFIG, else ./export.toml."
_DEBUG_HELP = "Log every step, and show the traceback of an error."


def _config_of_verb(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    if path is not None:
        ctx.obj = replace(ctx.obj, config_path=path)


def _debug_of_verb(ctx: click.Context, _param: click.Parameter, debug: bool) -> None:  # noqa: FBT001  as above
    if debug:
        ctx.obj = replace(ctx.obj, debug=True)
        _show_everything(ctx)


_CONFIG_OF_VERB = click.Option(
    ["--config", "config_of_verb"],
    type=click.Path(path_type=Path),
    help=_CONFIG_HELP,
    expose_value=False,
    callback=_config_of_verb,
)
_DEBUG_OF_VERB = click.Option(
    ["--debug", "debug_of_verb"], is_flag=True, help=_DEBUG_HELP, expose_value=False, callback=_debug_of_verb
)


def _completion(name: str, callback: Callable[..., None], line: str) -> Callable[[Verb], Verb]:
    shells = click.Choice(completion.SHELLS)
    return click.option(name, type=shells, is_eager=True, expose_value=False, callback=callback, help=line)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="statsig-export", prog_name="statsig-export")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help=_CONFIG_HELP)
@click.option("--debug", is_flag=True, help=_DEBUG_HELP)
@_completion("--install-completion", completion.install, "Install completion of verbs and options for a shell.")
@_completion("--show-completion", completion.show, "Print the script of that completion.")
@click.pass_context
def cli(context: click.Context, config_path: Path | None, *, debug: bool) -> None:
    """Batch export of Statsig events to Fivetran's webhook, with an account of every event.

    Exit codes: 0 all done; 1 something is pending or missing, or too much failed; 2 usage or configuration; 3 source;
    4 the destination refuses (halted); 5 ledger or storage; 6 an error of our own. `check` has the exit codes of
    Nagios instead.
    """
    context.obj = Invocation(config_path, debug)
    records = logging.StreamHandler(sys.stderr)
    records.setFormatter(EscapingFormatter(logging.BASIC_FORMAT))
    records.addFilter(_OURS)
    logging.basicConfig(level=logging.WARNING, handlers=[records])
    if debug:
        _show_everything(context)


def _show_everything(ctx: click.Context) -> None:
    """Show what this library logs, and the status of its requests, until the verb has ended; then restore the levels,
    since the caller may be in the same process. Of other libraries only warnings are shown: below that, drivers and
    clients of object storage log session tokens, signed URLs and rows.
    """
    loggers = [logging.getLogger(name) for name in _SHOWN]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    filtered = [handler for handler in logging.getLogger().handlers if _OURS in handler.filters]
    for handler in filtered:
        handler.removeFilter(_OURS)

    def restore() -> None:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
        for handler in filtered:
            handler.addFilter(_OURS)

    ctx.call_on_close(restore)
    ctx.call_on_close(quiet_records())
    ctx.meta[_DEBUG] = True
