"""What each part takes, looked up in /proc every few seconds; and whether that grows."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Sample:
    """One process, or a part with the processes below it, at a moment."""

    part: str
    second: float
    pid: int
    memory_mb: float
    """Resident, of the process alone."""
    files: int
    threads: int
    below: int
    """Processes that it started, and they in their turn."""


def take(part: str, second: float, pid: int) -> Sample | None:
    """None where the process has ended meanwhile."""
    try:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    if "VmRSS" not in status:
        return None
    memory = int(status["VmRSS"].split()[0]) / 1024
    return Sample(part, round(second, 1), pid, round(memory, 1), files, int(status["Threads"]), len(below(pid)))


def below(pid: int) -> set[int]:
    """The descendants of a process."""
    found: set[int] = set()
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                found |= {child, *below(child)}
    return found


def with_word(pids: Iterable[int], word: str) -> list[int]:
    """Those whose command line has the word."""
    found = []
    for pid in sorted(pids):
        with suppress(OSError):
            if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def slope(seconds: Sequence[float], values: Sequence[float]) -> float:
    """By how much the values grow in an hour, as a straight line through them has it: the median of the slopes between
    a sample and the one half of them later (Theil and Sen, thinned), which a few outliers do not bend.
    """
    half = len(values) // 2
    if half < 2:
        return 0.0
    between = [
        (later - sooner) / (then - now)
        for now, then, sooner, later in zip(seconds[:half], seconds[-half:], values[:half], values[-half:], strict=True)
    ]
    return float(np.median(between)) * 3_600
