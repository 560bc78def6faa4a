"""One stage of one window in this process; its time, CPU and peak memory as one JSON object on standard output."""

import json
import resource
import sys
import time
from pathlib import Path

from statsig_export.config import load_config
from statsig_export.partitions import window_from_key
from statsig_export.pipeline import export_window, ship

MB = 1024
"""ru_maxrss counts kB on Linux."""


def main(stage: str, config_path: str, window_key: str) -> None:
    config = load_config(Path(config_path))
    imported = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    if stage == "export":
        events = export_window(config, window_from_key(window_key, config.windows)).account.pending
    else:
        events = ship(config).sent
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - imported.ru_utime - imported.ru_stime
    report = {
        "events": events,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "peak_mb": round(used.ru_maxrss / MB),
        "imports_mb": round(imported.ru_maxrss / MB),
    }
    sys.stdout.write(json.dumps(report))


main(*sys.argv[1:])
