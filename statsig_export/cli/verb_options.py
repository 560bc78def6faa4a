"""The options that several verbs take, and what they come to: the configuration, windows and categories."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TypeVar, cast

import click
from pydantic import TypeAdapter, ValidationError

from statsig_export.cli import output
from statsig_export.cli.exit_codes import DONE
from statsig_export.cli.json_object import FORMATS
from statsig_export.cli.options import Invocation
from statsig_export.cli.ranges import Range, closed_in, first_closes, left_out, widened
from statsig_export.config import Config, load_config
from statsig_export.delivery.outcomes import Outcome
from statsig_export.errors import ConfigError
from statsig_export.layouts.reasons import Reason
from statsig_export.moments import utc
from statsig_export.settings import Duration
from statsig_export.vocabulary import Category
from statsig_export.windows import Window

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


class _Length(click.ParamType[timedelta]):
    """A duration as export.toml has it."""

    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return TypeAdapter[timedelta](Duration).validate_python(value)
        except ValidationError:
            self.fail(f'{value!r} is no number with a unit, such as "90s", "30m", "2h", "3d"', param, ctx)


TIME = _Time()
DURATION = _Length()


def as_json(verb: Verb) -> Verb:
    """--json and --format: the verb gets `json_`, whether it reports to a program (json_object.py prints that)."""

    @wraps(verb)
    def formatted(*args: object, json_: bool, form: str, **options: object) -> object:
        return verb(*args, json_=json_ or form != "table", **options)

    line = "table: for people. json: one object, as --json. csv: its main list, a line each."
    form = click.option("--format", "form", type=click.Choice(FORMATS), default="table", help=line)
    json_ = click.option("--json", "json_", is_flag=True, help="Print one JSON object and nothing else.")
    return cast("Verb", json_(form(formatted)))


def list_failed(verb: Verb) -> Verb:
    """--failed and --reason: the verb gets `failed`, which a reason implies, and `reason`."""

    @wraps(verb)
    def listed(*args: object, failed: bool, reason: str | None, **options: object) -> object:
        return verb(*args, failed=failed or reason is not None, reason=reason, **options)

    reasons = click.Choice(list(dict.fromkeys(str(word) for word in (*Reason, *Outcome))))
    line = "Also list the failed rows: key, reason and detail, but none of their values."
    only = click.option("--reason", type=reasons, metavar="REASON", help="List those that failed for this reason only.")
    return cast("Verb", click.option("--failed", is_flag=True, help=line)(only(listed)))


def window_range(verb: Verb) -> Verb:
    """--from and --to, or --last: the verb gets a Range, `asked`."""

    @wraps(verb)
    def ranged(
        *args: object, start: datetime | None, end: datetime | None, last: timedelta | None, **options: object
    ) -> object:
        first, until = _ends(start, end, last)
        if first is None or until is None:
            raise click.UsageError("name the range: --from and --to, or --last")
        return verb(*args, asked=Range(first, until, exact=last is None), **options)

    start_help = "Start, inclusive. ISO 8601, UTC by default."
    last_help = 'Instead of --from and --to: the newest closed windows of so long, such as "3d" or "12h".'
    return cast("Verb", _with_range_options(ranged, start_help, "End, exclusive.", last_help))


def optional_range(start_help: str, end_help: str) -> Callable[[Verb], Verb]:
    """The same options, none of them required: the verb gets `start` and `end`, None where they are open."""

    def decorate(verb: Verb) -> Verb:
        @wraps(verb)
        def ranged(
            *args: object, start: datetime | None, end: datetime | None, last: timedelta | None, **options: object
        ) -> object:
            first, until = _ends(start, end, last)
            return verb(*args, start=first, end=until, **options)

        last_help = 'Instead of --from and --to: this long until now, such as "3d" or "12h".'
        return cast("Verb", _with_range_options(ranged, start_help, end_help, last_help))

    return decorate


def categories(verb: Verb) -> Verb:
    """--category, any number of times; all by default."""
    names = click.Choice([category.value for category in Category])
    line = "Only this category; may be repeated. By default, all."
    return click.option("--category", "names", type=names, multiple=True, help=line)(verb)


def categories_of(names: Sequence[str]) -> tuple[Category, ...]:
    return tuple(category for category in Category if not names or category in names)


def windows_in(config: Config, asked: Range) -> list[Window]:
    """The closed windows that overlap the range; says what they leave out or add. Raises ConfigError for none,
    and ends the verb with 0 where `--last` finds none yet.
    """
    windows, more = _windows_and_more(config, asked)
    if more:
        output.note(f"{more[0].upper()}{more[1:]}.")
    return windows


def exactly_windows_in(config: Config, asked: Range) -> list[Window]:
    """The same for a verb that must not do more than was said. Raises ConfigError, too, for a part of a window."""
    windows, more = _windows_and_more(config, asked)
    if more:
        raise ConfigError(more, hint="name the range of whole windows")
    return windows


def _windows_and_more(config: Config, asked: Range) -> tuple[list[Window], str | None]:
    windows = closed_in(asked, config.windows, datetime.now(UTC))
    if not windows:  # by --last, which a schedule repeats: a later run has something to do
        output.note(first_closes(config.windows))
        output.print_json({"windows": []}, [])
        click.get_current_context().exit(DONE)
    for line in left_out(asked, windows, config.windows):
        output.note(line)
    return windows, widened(asked, windows, config.windows)


def _ends(
    start: datetime | None, end: datetime | None, last: timedelta | None
) -> tuple[datetime | None, datetime | None]:
    """The ends that the options come to. Raises UsageError for options that contradict each other."""
    if last is not None:
        if start is not None or end is not None:
            raise click.UsageError("--last stands for --from and --to: give one or the other")
        if not last:
            raise click.UsageError("--last is a length of time, such as 3d or 12h: 0 holds no window")
        end = datetime.now(UTC)
        try:
            start = end - last
        except OverflowError:
            raise click.UsageError("--last goes back to before there were calendars") from None
    if start is not None and end is not None and end <= start:
        raise click.UsageError("--to is not after --from")
    return start, end


def _with_range_options(
    verb: Callable[..., object], start_help: str, end_help: str, last_help: str
) -> Callable[..., object]:
    last = click.option("--last", type=DURATION, help=last_help)
    end = click.option("--to", "end", type=TIME, help=end_help)
    start = click.option("--from", "start", type=TIME, help=start_help)
    return start(end(last(verb)))
