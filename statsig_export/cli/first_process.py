"""As the first process of a container: the verb is run by a child, which a signal ends as it does anywhere else.

The kernel drops every signal to process 1 for which it has no handler, and a handler of Python's waits until a read in
C code has ended. So process 1 does nothing but pass signals on, and ends with the verb's exit code.
"""

import os
import signal
from typing import Final

_PASSED_ON: Final = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
)
_FROM_KEYS: Final = frozenset({signal.SIGINT, signal.SIGQUIT})
_OF_THE_KERNEL: Final = 128
"""si_code of Ctrl-C and the like: the terminal has sent them to the child as well, which is of the same group. That it
is gone (SIGHUP) only the first process of its session is told.
"""


def work_in_a_child() -> None:
    """Returns in a new child where this is process 1, and else at once. Process 1 itself never returns."""
    if os.getpid() != 1:
        return
    waited_for = {*_PASSED_ON, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)  # what comes before the child listens is kept
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    while (code := _ended(child)) is None:
        came = signal.sigwaitinfo(waited_for)
        from_keys = came.si_signo in _FROM_KEYS and came.si_code == _OF_THE_KERNEL
        if came.si_signo in _PASSED_ON and not from_keys:
            os.kill(child, came.si_signo)
    os._exit(code)


def _ended(child: int) -> int | None:
    """The exit code of the child, as a shell has it; None while it runs. Whatever else has ended is taken off the list
    of processes: orphans are process 1's.
    """
    code = None
    while code is None:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == 0:
            return None
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
