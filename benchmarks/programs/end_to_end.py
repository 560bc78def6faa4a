"""Export and ship, as Dagster's ops call them: through the partition files and the ledger."""

import os

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.export.export import export_windows
from statsig_export.shipping.ship import ship
from statsig_export.windows import window_from_key


def run() -> dict[str, object]:
    prefer_jemalloc(os.environ)  # as the command line and Dagster do
    config = load_config(os.environ["BENCH_CONFIG"])
    batches = planned = 0
    windows = [window_from_key(key, config.windows) for key in os.environ["BENCH_WINDOWS"].split(",")]
    for report in export_windows(config, dict.fromkeys(windows)):
        batches += sum(partition.batches for partition in report.partitions.values())
        planned += report.account.pending
    sent = ship(config).sent
    if sent != planned:
        raise SystemExit(f"{planned} events planned, {sent} sent")
    return {"events": sent, "batches": batches}
