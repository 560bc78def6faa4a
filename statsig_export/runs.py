"""The clock, the sleep and the chance of a run, as arguments."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Time, chance and the end, so that a test can own them. The clock gives seconds since the epoch."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    roll: Callable[[], float]
    """Random in [0, 1)."""
    stopping: Callable[[], bool] = lambda: False
    """Whether somebody asked the run to end: what is under way is finished, nothing else is begun."""

    def now_ms(self) -> int:
        return round(self.clock() * 1000)


REAL_TIME = Timing(clock=time.time, sleep=time.sleep, roll=random.random)
