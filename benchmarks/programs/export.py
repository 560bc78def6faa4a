"""The export alone, without a watch on its stages."""

import os

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.export.export import export_windows
from statsig_export.windows import window_from_key


def run() -> int:
    prefer_jemalloc(os.environ)  # as the command line and Dagster do
    config = load_config(os.environ["BENCH_CONFIG"])
    windows = [window_from_key(key, config.windows) for key in os.environ["BENCH_WINDOWS"].split(",")]
    return sum(report.account.pending for report in export_windows(config, dict.fromkeys(windows)))
