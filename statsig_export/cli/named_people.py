"""The ids that `forget` is given: options, and lines of a file or of standard input, which may be many."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from statsig_export.errors import ConfigError


def named_ids(options: Sequence[str], file: Path | None) -> Iterator[str]:
    """The ids of the options, then those of the file, one a line; `-` is standard input. Blank lines are left out, as
    are blanks around an id and a byte order mark; an id that stands in double quotes keeps its blanks, and a doubled
    quote in it is one.

    Raises ConfigError, which quotes no id, where the file cannot be read.
    """
    yield from options
    if file is None:
        return
    if str(file) == "-":
        yield from _lines(sys.stdin.buffer, "standard input")
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise ConfigError(f"--file: {file} cannot be read ({error.strerror})") from None
    with opened:
        yield from _lines(opened, str(file))


def _lines(opened: IO[bytes], name: str) -> Iterator[str]:
    for number, raw in enumerate(opened, start=1):
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise ConfigError(f"--file: line {number} of {name} is not UTF-8", hint="save it as UTF-8") from None
        if "\0" in text:
            raise ConfigError(f"--file: line {number} of {name} has a zero byte", hint="save it as UTF-8")
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1].replace('""', '"')
        if text:
            yield text
