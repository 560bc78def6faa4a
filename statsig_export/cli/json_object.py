"""The one JSON object that a verb with --json prints, or its main list as CSV: its report, and the errors that ended it
or were met on the way.

Both are kept while the verb runs, so that a script finds one object on standard output whatever happens.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from statsig_export.terminal_text import escaped

FORMATS: Final = ("table", "json", "csv")
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a spreadsheet knows a formula, also in its wide forms."""
_ASKED, _REPORT, _ROWS, _ERRORS = (f"statsig_export.json_{name}" for name in ("asked", "report", "rows", "errors"))


def ask(ctx: click.Context, arguments: Sequence[str]) -> None:
    """Remember the format that the command line asks for, also if another option is wrong and parsing fails."""
    named = {value for option, value in _pairs(arguments) if option == "--format"}
    ctx.meta[_ASKED] = "csv" if "csv" in named else "json" if "--json" in arguments or "json" in named else None


def asked(ctx: click.Context) -> bool:
    """Whether the command line asks for an object or for CSV."""
    return ctx.meta.get(_ASKED) is not None


def keep(report: Mapping[str, object], rows: Sequence[Mapping[str, object]] | None = None) -> None:
    """Keep the verb's report, to be printed when the verb ends. As CSV it is these rows; without any, one line."""
    meta = click.get_current_context().meta
    meta[_REPORT], meta[_ROWS] = dict(report), rows


def keep_error(line: str) -> None:
    """Keep the line about an error; a no-op outside a command."""
    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        ctx.meta.setdefault(_ERRORS, []).append(line)


def print_kept(ctx: click.Context, exit_code: int) -> None:
    """Print the object once, if it was asked for and there is a report or an error. CSV has no place for errors."""
    report, errors, rows = ctx.meta.pop(_REPORT, None), ctx.meta.pop(_ERRORS, []), ctx.meta.pop(_ROWS, None)
    form = ctx.meta.get(_ASKED)
    if form == "csv" and report is not None:
        click.echo(_csv([report] if rows is None else rows), nl=False)
    elif form == "json" and (report is not None or errors):
        failure = {"errors": errors, "exit_code": exit_code} if errors else {}
        click.echo(escaped(json.dumps({**(report or {}), **failure}, ensure_ascii=False)))


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option with its value, whether it is joined by = or the next argument."""
    for place, argument in enumerate(arguments):
        option, joined, value = argument.partition("=")
        yield option, value if joined else "".join(arguments[place + 1 : place + 2])


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    """A header and a line per row. A key within an object is `outer.inner`; a list is left out. A text that a
    spreadsheet would compute has an apostrophe before it.
    """
    flat = [dict(_cells(row)) for row in rows]
    header = list(dict.fromkeys(key for row in flat for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _cells(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _cells(inner, f"{name}.{key}" if name else str(key))
        case list() | tuple():
            return
        case bool():
            yield name, str(value).lower()
        case str():
            yield name, _no_formula(escaped(value))
        case _:
            yield name, value


def _no_formula(text: str) -> str:
    """A cell that a spreadsheet shows and does not compute: by its name an event could send the others away."""
    return f"'{text}" if text.startswith(_FORMULA) else text
