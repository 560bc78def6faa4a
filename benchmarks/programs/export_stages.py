"""The export, with a watch on its stages."""

import os

from benchmarks.watching import Watch
from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.export.export import export_windows
from statsig_export.export.judge import Judge
from statsig_export.export.writer import WindowWriter
from statsig_export.ledger.transactions import Ledger
from statsig_export.source.source import WindowRead
from statsig_export.windows import window_from_key


def run() -> dict[str, object]:
    prefer_jemalloc(os.environ)  # as the command line and Dagster do
    watch = Watch()
    watch.calls_of(WindowRead, "__next__", "read")
    watch.items_of(Judge, "reshaped", "reshape")
    watch.calls_of(Judge, "judge", "filter to encode")
    watch.calls_of(WindowWriter, "add", "write")
    watch.calls_of(WindowWriter, "publish", "write")
    watch.calls_of(Ledger, "plan", "plan")
    config = load_config(os.environ["BENCH_CONFIG"])
    windows = [window_from_key(key, config.windows) for key in os.environ["BENCH_WINDOWS"].split(",")]
    planned = sum(report.account.pending for report in export_windows(config, dict.fromkeys(windows)))
    return {"events": planned, "parts": watch.parts}
