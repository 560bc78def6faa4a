"""The traceback that --debug shows: every frame, with foreign messages reduced to words that hold no secret."""

import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

from statsig_export.delivery.answer_text import readable
from statsig_export.errors import StatsigExportError
from statsig_export.terminal_text import escaped


def traceback_of(error: BaseException) -> str:
    """An error and its causes, the first cause first, including suppressed ones.

    Messages are whole where they are ours. A driver's or a library's may hold a URL, a password or a value of a row:
    of these only words of a fixed list are kept (answer_text.py).
    """
    return "\nand then:\n\n".join("".join(_lines(each)) for each in reversed(list(_chain(error))))


def show_safely(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    """`sys.excepthook`: print an error that nothing caught."""
    sys.stderr.write(escaped(traceback_of(error), keep="\n\t"))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        yield cause
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__


def _lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    message = str(error) if isinstance(error, StatsigExportError) else readable(str(error))
    yield f"{type(error).__module__}.{type(error).__qualname__}" + (f": {message}\n" if message else "\n")
