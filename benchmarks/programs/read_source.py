"""Reading alone: the window as canonical frames, each thrown away."""

import os

from statsig_export.config import load_config
from statsig_export.source.source import open_source
from statsig_export.windows import window_from_key


def run() -> int:
    config = load_config(os.environ["BENCH_CONFIG"])
    rows = 0
    with open_source(config) as source:
        for key in os.environ["BENCH_WINDOWS"].split(","):
            window = window_from_key(key, config.windows)
            for table in source.tables:
                rows += sum(len(frame) for frame in source.read_window(table, window.start, window.end))
    return rows
