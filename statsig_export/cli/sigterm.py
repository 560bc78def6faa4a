"""Graceful shutdown: the first SIGTERM asks the run to stop, the second one kills the process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType


class Stop:
    """Whether the run was asked to stop, and a sleep that ends when it is.

    A SimpleQueue: a signal may interrupt any statement, and a thread cannot take the lock of an Event twice.
    """

    def __init__(self) -> None:
        self._asked = False
        self._bell: SimpleQueue[None] = SimpleQueue()

    def asked(self) -> bool:
        return self._asked

    def ask(self) -> None:
        self._asked = True
        self._bell.put(None)

    def sleep(self, seconds: float) -> None:
        try:
            self._bell.get(timeout=seconds)
        except Empty:
            return


@contextmanager
def stop_on_sigterm() -> Iterator[Stop]:
    """The first SIGTERM sets the returned Stop. A no-op outside the main thread, which alone can catch signals."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        stop.ask()

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
