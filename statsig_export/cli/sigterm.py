"""Ending a run in good order: the first SIGTERM asks, the second one kills as ever."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType


class Stop:
    """Whether somebody asked the run to end, and a sleep that ends when somebody does.

    A SimpleQueue, since a signal may come at any moment and an Event's lock cannot be taken twice by one thread.
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
    """SIGTERM asks the returned Stop, once; outside the main thread, where signals cannot be caught, nothing does."""
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
