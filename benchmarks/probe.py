"""Runs one program in this process and says what it took: `python probe.py PROGRAM.py REPORT.json`.

A program is a file with `run() -> int`, the number of events it dealt with, or a mapping with `events` and, for those
that time their parts, `parts`. It reads its settings from the environment (`BENCH_...`). The imports of the program
come before the clock starts, for ours and for all others alike. Needs nothing but Python: peers run it in environments
of their own.
"""

import importlib.util
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Work = Callable[[], int | Mapping[str, Any]]


def measured(work: Work) -> dict[str, Any]:
    """What `work` took.

    seconds (wall), cpu_seconds (user and system, children that ended included), peak_mb (of the whole process, imports
    included), imports_mb (what it was before), and `events` or whatever else the work says.
    """
    imports_mb = peak_mb()
    cpu_before = cpu_seconds()
    began = time.perf_counter()
    said = work()
    seconds = time.perf_counter() - began
    return {
        **(said if isinstance(said, Mapping) else {"events": said}),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds() - cpu_before, 3),
        "peak_mb": peak_mb(),
        "imports_mb": imports_mb,
    }


def peak_mb() -> int:
    """The most memory that this program has had (Linux: `ru_maxrss` would begin with what its parent had)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) // 1024 if found else 0


def largest_mb() -> float:
    """The peak of this process, or of the largest of its children that have ended."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def cpu_seconds() -> float:
    """Of this process and its children that have ended, user and system."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def _program(path: Path) -> Work:
    sys.path[0] = str(path.parent)  # as if it were started by itself
    spec = importlib.util.spec_from_file_location("program", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no program")
    module = importlib.util.module_from_spec(spec)
    sys.modules["program"] = module
    spec.loader.exec_module(module)
    work: Work = module.run
    return work


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(measured(_program(Path(sys.argv[1]).resolve()))))
