"""How an error becomes one line on standard error and an exit code.

Messages of our own errors hold neither a secret nor a payload. Any other exception may quote both, so only its class
and its place in our code are printed.
"""

import traceback
from collections.abc import Iterable
from pathlib import Path

from statsig_export.cli import json_object, output
from statsig_export.cli.tracebacks import traceback_of
from statsig_export.errors import OWN_ERROR, StatsigExportError

REPORT_AT = "https://github.com/statsig-export/statsig-export/issues"
_ROOT = Path(__file__).parents[2]
_OURS = ("statsig_export",)


def print_error(line: str) -> None:
    """One line about an error: on standard error, and in the JSON object with --json."""
    json_object.keep_error(line)
    output.note(f"statsig-export: {line}")


def report(error: Exception, *, debug: bool) -> int:
    """Print what happened and what to do, with --debug the traceback too. Returns the exit code."""
    show_traceback(error, debug=debug)
    hint = "" if debug or isinstance(error, StatsigExportError) else "; --debug shows the rest"
    print_error(message_of(error) + hint)
    return error.exit_code if isinstance(error, StatsigExportError) else OWN_ERROR


def message_of(error: Exception) -> str:
    """What happened and what to do, without a secret or a payload."""
    if isinstance(error, StatsigExportError):
        return str(error)
    return f"an error of our own ({place_of(error)}). Report it at {REPORT_AT}"


def show_traceback(error: Exception, *, debug: bool) -> None:
    if debug:
        output.note(traceback_of(error))


def report_all(errors: Iterable[StatsigExportError], *, debug: bool) -> int:
    """Report each distinct error once. Returns the highest exit code, 0 without errors."""
    distinct = {str(error): error for error in errors}
    return max((report(error, debug=debug) for error in distinct.values()), default=0)


def place_of(error: BaseException) -> str:
    """The class and the innermost line of our code, without the message."""
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if _place(frame.filename)]
    where = f" at {_place(places[-1].filename)}:{places[-1].lineno}" if places else ""
    return f"{type(error).__name__}{where}"


def _place(filename: str) -> str | None:
    """The file, relative to the folder of the packages; None for code that is not ours."""
    path = Path(filename)
    if not path.is_relative_to(_ROOT):
        return None
    inner = path.relative_to(_ROOT)
    return str(inner) if inner.parts[0] in _OURS else None
