"""The options that several verbs take, and what they come to: the configuration, windows and categories."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import click

from statsig_export.cli.options import Invocation
from statsig_export.config import Config, load_config
from statsig_export.errors import ConfigError
from statsig_export.moments import utc
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, closed_windows, windows_between

Verb = TypeVar("Verb", bound=Callable[..., object])


def config_of(invocation: Invocation) -> Config:
    """The configuration that --config names, else the usual one. Raises ConfigError."""
    return load_config(invocation.config_path)


class _Time(click.ParamType[datetime]):
    """ISO 8601; UTC where no zone is given."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return utc(value)
        except ConfigError:
            self.fail(f"{value!r} is not an ISO 8601 time such as 2026-11-01 or 2026-11-01T13:00Z", param, ctx)


TIME = _Time()


def as_json(verb: Verb) -> Verb:
    """--json"""
    return click.option("--json", "json_", is_flag=True, help="Print one JSON object and nothing else.")(verb)


def list_failed(verb: Verb) -> Verb:
    """--failed"""
    line = "Also list the failed rows: key, reason and detail, but none of their values."
    return click.option("--failed", is_flag=True, help=line)(verb)


def window_range(verb: Verb) -> Verb:
    """--from and --to, required: the windows that overlap the half-open range."""
    end = click.option("--to", "end", type=TIME, required=True, help="End, exclusive. ISO 8601, UTC by default.")
    start = click.option("--from", "start", type=TIME, required=True, help="Start, inclusive.")
    return start(end(verb))


def one_category(verb: Verb) -> Verb:
    """--category, all by default."""
    names = [category.value for category in Category]
    return click.option("--category", type=click.Choice(names), help="Only this category; by default, all.")(verb)


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
