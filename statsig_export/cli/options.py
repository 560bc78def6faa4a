"""The group of verbs, and the options they share."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from statsig_export.cli import failures, json_object
from statsig_export.cli.verdict import DONE, INTERRUPTED
from statsig_export.config import Config, load_config
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.shipping.http_records import quiet_records
from statsig_export.version import VERSION
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, closed_windows, windows_between

Verb = TypeVar("Verb", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the options of the whole command say, wherever they stand."""

    config_path: Path | None
    debug: bool

    def config(self) -> Config:
        return load_config(self.config_path)


VERBS: Final = {
    "check": "One line and one exit code for a monitor (Nagios).",
    "demo": "The whole way of an event, on embedded parts.",
    "events": "Each event's volume, and whether the filter lets it through.",
    "init": "Write an export.toml that fits a database.",
    "plan": "Dry run: what exporting these windows would come to.",
    "prune": "Remove what is old, and keep its account.",
    "receiver": "The stand-in webhook, by itself.",
    "replay": "Send again what these windows sent.",
    "resume": "Lift a halt once the set-up is mended.",
    "run": "Export these windows and ship them.",
    "ship": "Ship what is due.",
    "status": "The account of every window and category.",
    "test-event": "Send one test event, and show the answer.",
    "trace": "From an event's timeUUID to its row and every attempt.",
    "verify": "Recompute every state, and say what differs.",
}
"""Verb -> its line in --help. Each is a module in `verbs/`, imported when the verb is used."""


class _Verbs(click.Group):
    """Verbs that take the options of the whole command too, and end with an exit code that says what they met."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  as click has it
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  likewise
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        verb: click.Command = getattr(import_module(f"statsig_export.cli.verbs.{name}"), name)
        if _CONFIG_OF_VERB not in verb.params:
            verb.params += [_CONFIG_OF_VERB, _DEBUG_OF_VERB]
        return verb

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  likewise
        """From the table, so that --help imports no verb."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        json_object.ask(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            json_object.keep_error(error.format_message())
            json_object.print_kept(ctx, error.exit_code)
            raise

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as click has it
        """Ends with an Exit always, or as click does for what is wrong on the command line."""
        try:
            code = self._exit_code(ctx)
        except click.ClickException as error:
            json_object.keep_error(error.format_message())
            json_object.print_kept(ctx, error.exit_code)
            raise
        try:
            json_object.print_kept(ctx, code)
        except LedgerError as error:
            code = max(code, failures.tell(error, debug=ctx.meta.get(_DEBUG, False)))
        ctx.exit(code)

    def _exit_code(self, ctx: click.Context) -> int:
        """Run the verb; what went wrong is said, and a verb that ends by itself has its own say."""
        try:
            super().invoke(ctx)
        except click.exceptions.Exit as end:
            return end.exit_code
        except (click.ClickException, click.Abort):  # click's own way of ending
            raise
        except KeyboardInterrupt:
            failures.say(
                "interrupted: what was under way is finished or taken up by the next run, the rest stays pending"
            )
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001  an exit code that says whose fault it was, never Python's 1
            return failures.tell(error, debug=ctx.meta.get(_DEBUG, False))
        return DONE


_DEBUG = "statsig_export.debug"
_SHOWN = ("statsig_export", "urllib3.connectionpool")
"""The loggers of `--debug`: ours, and the one that tells of requests, of which http_records.py lets the status through.
"""
_CONFIG_HELP = "The configuration; else $STATSIG_EXPORT_CONFIG, else ./export.toml."
_DEBUG_HELP = "Log every step, and show the traceback of an error."


def _config_of_verb(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    if path is not None:
        ctx.obj = replace(ctx.obj, config_path=path)


def _debug_of_verb(ctx: click.Context, _param: click.Parameter, debug: bool) -> None:  # noqa: FBT001  as click has it
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


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="statsig-export")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help=_CONFIG_HELP)
@click.option("--debug", is_flag=True, help=_DEBUG_HELP)
@click.pass_context
def cli(context: click.Context, config_path: Path | None, *, debug: bool) -> None:
    """Batch export of Statsig events to Fivetran's webhook, with an account of every event.

    Exit codes: 0 all done; 1 something is pending or missing, or too much failed; 2 usage or configuration; 3 source;
    4 the destination refuses (halted); 5 ledger or storage; 6 an error of our own. `check` has those of Nagios instead.
    """
    context.obj = Invocation(config_path, debug)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    if debug:
        _show_everything(context)


def _show_everything(ctx: click.Context) -> None:
    """What this library logs, and of requests their status, until the verb has ended: whoever called it within a
    process of his own has his levels back. Not what other libraries log: drivers and clients of object storage write
    session tokens, signed URLs and rows there.
    """
    loggers = [logging.getLogger(name) for name in _SHOWN]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)

    def put_back() -> None:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)

    ctx.call_on_close(put_back)
    ctx.call_on_close(quiet_records())
    ctx.meta[_DEBUG] = True


class _Time(click.ParamType[datetime]):
    """ISO 8601; UTC where no zone is given."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not an ISO 8601 time such as 2026-11-01 or 2026-11-01T13:00Z", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


TIME = _Time()


def as_json(verb: Verb) -> Verb:
    """--json"""
    return click.option("--json", "json_", is_flag=True, help="Print one JSON object and nothing else.")(verb)


def list_failed(verb: Verb) -> Verb:
    """--failed"""
    says = "Also list the failed rows: key, reason, detail; nothing of what they hold."
    return click.option("--failed", is_flag=True, help=says)(verb)


def window_range(verb: Verb) -> Verb:
    """--from and --to, required: the windows that overlap the half-open range."""
    end = click.option("--to", "end", type=TIME, required=True, help="End, exclusive. ISO 8601, UTC by default.")
    start = click.option("--from", "start", type=TIME, required=True, help="Start, inclusive.")
    return start(end(verb))


def one_category(verb: Verb) -> Verb:
    """--category, all by default."""
    names = [category.value for category in Category]
    return click.option("--category", type=click.Choice(names), help="Only this one; all by default.")(verb)


def categories_of(name: str | None) -> tuple[Category, ...]:
    return tuple(Category) if name is None else (Category(name),)


def windows_in(config: Config, start: datetime, end: datetime) -> list[Window]:
    """The closed windows that overlap [start, end). Raises ConfigError when there is none, saying why."""
    if end <= start:
        raise ConfigError("--to is not after --from")
    windows = closed_windows(start, end, config.windows, datetime.now(UTC))
    if windows:
        return windows
    overlapping = list(windows_between(start, end, config.windows))
    if not overlapping:
        raise ConfigError(f"the range lies before windows.start ({config.windows.start:%Y-%m-%d %H:%M} UTC)")
    closes = overlapping[0].closes_at(config.windows.settle)
    raise ConfigError(
        f"window {overlapping[0].key} is not closed yet: rows may arrive until {closes:%Y-%m-%d %H:%M} UTC"
    )
