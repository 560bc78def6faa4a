"""The group of verbs, the options they share, and how an error becomes one line and an exit code."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from statsig_export.account import Account
from statsig_export.cli import output
from statsig_export.cli.tracebacks import traceback_of
from statsig_export.config import Config, load_config
from statsig_export.errors import ConfigError, StatsigExportError
from statsig_export.events import Category
from statsig_export.partitions import Window, closed_windows, windows_between
from statsig_export.version import VERSION

DONE, NOT_ALL_DONE = 0, 1

Verb = TypeVar("Verb", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the options before the verb say."""

    config_path: Path | None

    def config(self) -> Config:
        return load_config(self.config_path)


class _Verbs(click.Group):
    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as click has it
        try:
            return super().invoke(ctx)
        except StatsigExportError as error:
            if ctx.params["debug"]:
                output.say(traceback_of(error))
            output.say(f"statsig-export: {error}")
            ctx.exit(error.exit_code)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="statsig-export")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="The configuration; else $STATSIG_EXPORT_CONFIG, else ./export.toml.",
)
@click.option("--debug", is_flag=True, help="Log every step, and show the traceback of an error.")
@click.pass_context
def cli(context: click.Context, config_path: Path | None, *, debug: bool) -> None:
    """Batch export of Statsig events to Fivetran's webhook, with an account of every event."""
    context.obj = Invocation(config_path)
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, stream=sys.stderr)


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


def exit_code(account: Account) -> int:
    """0 when every event is forwarded or filtered, 1 when some failed or are still pending."""
    return NOT_ALL_DONE if account.failed or account.pending else DONE
