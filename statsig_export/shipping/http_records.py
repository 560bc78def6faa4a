"""What the HTTP libraries below us may log while a webhook is in use: one sentence a request, without its URL.

Their records hold URLs, headers and what a server sent, in any spelling and even as warnings (a header that cannot be
parsed). So none of them passes as it is: the record of a request is made anew of its status, and all others are left
out.
"""

import logging
from collections.abc import Callable
from typing import Final

_LIBRARIES: Final = ("urllib3", "requests", "http.client", "charset_normalizer", "chardet", "idna")
_REQUEST: Final = '%s://%s:%s "%s %s %s" %s %s'
"""urllib3's message about a request that was answered; its status is the last argument but one."""
_ANSWERED: Final = 'POST [secret] HTTP/1.1" %d'
_STATUS: Final = -2


def quiet_records() -> Callable[[], None]:
    """Begin to leave them out, in all threads. Returns what ends it."""
    quiet = _Quiet()
    loggers = [logging.getLogger(name) for name in _names()]
    for logger in loggers:
        logger.addFilter(quiet)

    def end() -> None:
        for logger in loggers:
            logger.removeFilter(quiet)

    return end


def _names() -> set[str]:
    """Every logger of the libraries that there is: a filter holds for one logger alone, not for those below it."""
    inside = tuple(f"{library}." for library in _LIBRARIES)
    return {*_LIBRARIES, *(name for name in logging.root.manager.loggerDict if name.startswith(inside))}


class _Quiet(logging.Filter):
    """Lets a request's status through, and nothing else."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg == _ANSWERED:
            return True  # another webhook's filter was here
        if record.msg != _REQUEST or not isinstance(record.args, tuple) or not isinstance(record.args[_STATUS], int):
            return False
        record.msg, record.args = _ANSWERED, (record.args[_STATUS],)
        record.exc_info = record.exc_text = record.stack_info = None
        return True
