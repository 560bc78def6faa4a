"""Opening a file of this machine that has to be a regular one. Who may write to the folder may put anything there:
a FIFO keeps a reader waiting for ever, a device never ends.
"""

import errno
import os
import stat
from collections.abc import Callable
from io import FileIO
from typing import Final

_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotRegularError(OSError):
    """Something is there that is neither a file nor a folder; its message says what."""


def open_regular(path: str) -> FileIO:
    """Open a file for reading; never waits. A symbolic link is followed.

    Raises NotRegularError, IsADirectoryError, or what else the system says.
    """
    require_regular(os.stat(path))  # noqa: PTH116  before it is opened: to open a device may do something
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        require_regular(os.fstat(handle))  # what was there a moment ago may have been replaced
        os.set_blocking(handle, True)
        return FileIO(handle, "rb")
    except BaseException:  # close it, then re-raise
        os.close(handle)
        raise


def require_regular(facts: os.stat_result) -> None:
    """Raises NotRegularError, or IsADirectoryError, unless these are facts of a regular file."""
    if stat.S_ISREG(facts.st_mode):
        return
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise NotRegularError(next((words for is_kind, words in _KINDS if is_kind(facts.st_mode)), "no regular file"))
