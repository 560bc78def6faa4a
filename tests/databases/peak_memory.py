"""Reads two windows of a source and says how much memory the process needed at most after each, in MB.

A process of its own: the high-water mark of a process never falls. It is the kernel's of this program alone (Linux):
`getrusage` would begin with what the program that started it had.
"""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from statsig_export.config import parse_config
from statsig_export.source.source import open_source

FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)


def main(url: str) -> None:
    config = parse_config({"source": {"url": url}}, folder=Path.cwd(), environ={})
    for day in range(2):
        start = FIRST_DAY + timedelta(days=day)
        with open_source(config) as source:
            rows = sum(len(frame) for frame in source.read_window(source.tables[0], start, start + timedelta(days=1)))
        sys.stdout.write(f"{rows} {peak_mb()}\n")


def peak_mb() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) // 1024 if found else 0


main(sys.argv[1])
