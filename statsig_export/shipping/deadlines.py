"""Ends what takes too long: one thread for any number of requests, where a timer each would be a thread each."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Deadlines:
    """For any number of threads. Its own thread starts with the first deadline, and ends with `close`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[object, tuple[float, Callable[[], None]]] = {}
        self._wakes_at = math.inf
        self._closed = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def kept(self, seconds: float, expire: Callable[[], None]) -> Iterator[None]:
        """Call `expire`, from another thread, if what is done inside has not ended after so many seconds. It may be
        called a moment after the end as well.
        """
        key = object()
        deadline = time.monotonic() + seconds
        with self._changed:
            self._kept[key] = deadline, expire
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline < self._wakes_at:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._kept.pop(key, None)

    def close(self) -> None:
        """Ends the thread. No deadline is kept any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                late = self._taken_late()
                if not late:
                    self._wakes_at = min((deadline for deadline, _ in self._kept.values()), default=math.inf)
                    wait = self._wakes_at - time.monotonic()
                    self._changed.wait(None if math.isinf(wait) else max(0.0, wait))
                    self._wakes_at = -math.inf
            for expire in late:
                expire()

    def _taken_late(self) -> list[Callable[[], None]]:
        """What is to expire now; it is not kept any more."""
        now = time.monotonic()
        late = [key for key, (deadline, _) in self._kept.items() if deadline <= now]
        return [self._kept.pop(key)[1] for key in late]
