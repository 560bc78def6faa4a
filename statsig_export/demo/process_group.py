"""A program and all that it starts, ended together: on Ctrl-C, SIGTERM, and when the terminal closes."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

GRACE_S = 20
"""How long the program may take to end its children by itself, before they are killed."""
ENDED = "ended"


def run_until_told(command: Sequence[str], environ: Mapping[str, str], grace: float = GRACE_S) -> int:
    """Run it until it ends or one of the signals comes; then no process that it started is left.

    Returns its exit code, or 0 after a signal. A second signal, or the end of `grace`, kills what is left. Only for
    the main thread, which alone can catch signals.
    """
    with _heard() as heard:
        # A session of its own: of Ctrl-C and the closed terminal it hears from here, once, and in the right order.
        # What is typed is for nobody, so that no process of it takes what is meant for a shell.
        process = subprocess.Popen(  # noqa: S603  our own program
            command, env=environ, start_new_session=True, stdin=subprocess.DEVNULL
        )
        threading.Thread(target=_tell_its_end, args=(process, heard), daemon=True).start()
        told = heard.get() != ENDED
        if told:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
            with suppress(Empty):
                heard.get(timeout=grace)
        with suppress(ProcessLookupError):  # the group has the number of its first process
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    return 0 if told else code


def _tell_its_end(process: subprocess.Popen[bytes], heard: "SimpleQueue[str]") -> None:
    process.wait()
    heard.put(ENDED)


@contextmanager
def _heard() -> "Iterator[SimpleQueue[str]]":
    """The signals that come, by name. Under nohup a closed terminal is none.

    The terminal is watched as well: it tells only its session's first process that it closes, which need not pass it on
    (make, as in `ssh -t HOST make dev`, does not).

    SIGINT is caught even where a shell started this in the background, with SIGINT ignored: Dagster would take over
    that, and with it ignore SIGTERM.
    """
    heard: SimpleQueue[str] = SimpleQueue()  # whose put may interrupt any other of its calls
    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        wanted.append(signal.SIGHUP)
        threading.Thread(target=_tell_that_it_closes, args=(_terminal(), heard), daemon=True).start()
    before = {number: signal.signal(number, lambda got, _: heard.put(signal.Signals(got).name)) for number in wanted}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal() -> int | None:
    """The descriptor of the terminal that shows what is printed, if one does."""
    return next((stream for stream in (2, 1) if os.isatty(stream)), None)


def _tell_that_it_closes(terminal: int | None, heard: "SimpleQueue[str]") -> None:
    if terminal is None:
        return
    poll = select.poll()
    poll.register(terminal, 0)  # nothing of what is typed: only the hang-up, which cannot be left out
    if any(event & select.POLLHUP for _, event in poll.poll()):
        heard.put(signal.SIGHUP.name)
