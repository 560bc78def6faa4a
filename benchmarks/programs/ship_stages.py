"""Shipping alone, with a watch on its stages: what an export before has planned."""

import os

from benchmarks.watching import Watch
from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.ledger.transactions import Ledger
from statsig_export.shipping.ship import ship
from statsig_export.shipping.webhook import Webhook
from statsig_export.storage.storage import Storage


def run() -> dict[str, object]:
    prefer_jemalloc(os.environ)  # as the command line and Dagster do
    watch = Watch()
    watch.calls_of(Storage, "read_events", "read")
    watch.calls_of(Webhook, "post", "post")
    watch.calls_of(Ledger, "claim", "claim, finish")
    watch.calls_of(Ledger, "finish", "claim, finish")
    return {"events": ship(load_config(os.environ["BENCH_CONFIG"])).sent, "parts": watch.parts}
