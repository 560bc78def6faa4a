"""Standard output and standard error of the process: a reader that goes away does not change the exit code."""

import errno
import io
import select
import sys
from typing import TYPE_CHECKING, TextIO

from statsig_export.errors import LedgerError

if TYPE_CHECKING:  # part of the standard library from Python 3.12 on
    from typing_extensions import Buffer


class _Output(io.FileIO):
    """A stream whose reader may close it, as `head` does: later output is dropped.

    Raises LedgerError, once, if it cannot be written for another reason (a full disk): a truncated report is no report.
    """

    def __init__(self, handle: int, name: str | None) -> None:
        """`name` None: a failure is not reported, since it would be reported on this stream."""
        super().__init__(handle, "wb", closefd=False)
        self._stream = name
        self._lost = False

    def write(self, data: "Buffer", /) -> int:
        size = memoryview(data).nbytes
        if self._lost:
            return size
        try:
            return self._write(data)
        except OSError as error:
            self._lost = True
            if self._stream is None or error.errno == errno.EPIPE:
                return size
            cause = errno.errorcode.get(error.errno or 0, type(error).__name__)
            raise LedgerError(f"{self._stream} cannot be written ({cause})", hint="check its disk") from None

    def _write(self, data: "Buffer") -> int:
        """What is written of it now. A full pipe that its maker has set not to block is waited for all the same."""
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


def outlive_their_readers() -> None:
    """Replace both streams of this process by such streams. A closed one stays closed."""
    sys.stdout = _outliving(sys.stdout, "standard output")
    sys.stderr = _outliving(sys.stderr, None)


def _outliving(stream: TextIO, name: str | None) -> TextIO:
    try:
        handle = stream.fileno()
        stream.flush()
    except (AttributeError, OSError, ValueError):  # None for a closed stream; not a file of the system
        return stream
    raw = io.BufferedWriter(_Output(handle, name))
    # A character that the terminal's encoding lacks is shown escaped, and does not fail the verb.
    errors = "backslashreplace" if stream.errors == "strict" else stream.errors
    return io.TextIOWrapper(raw, stream.encoding, errors, line_buffering=True)
