"""A watch on the stages of a real run, from outside: how long each was busy, in wall time and in CPU of its threads.

The sum of the stages exceeds the time of the whole where they overlap, and a stage that waits for another thread's turn
is busy by the clock and idle by its CPU.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any


class Watch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, float]] = defaultdict(lambda: {"seconds": 0.0, "cpu_seconds": 0.0})
        self._guard = threading.Lock()

    def call(self, stage: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        began, cpu = time.perf_counter(), time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            with self._guard:
                self.parts[stage]["seconds"] += time.perf_counter() - began
                self.parts[stage]["cpu_seconds"] += time.thread_time() - cpu

    def calls_of(self, owner: type, name: str, stage: str) -> None:
        """Watch a method from now on."""
        method = getattr(owner, name)

        @wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            return self.call(stage, method, *args, **kwargs)

        setattr(owner, name, watched)

    def items_of(self, owner: type, name: str, stage: str) -> None:
        """Watch, from now on, what the iterator that a method returns does to give its items."""
        method = getattr(owner, name)

        @wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401
            items = iter(method(*args, **kwargs))
            while (item := self.call(stage, next, items, None)) is not None:
                yield item

        setattr(owner, name, watched)
