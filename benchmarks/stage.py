"""One stage of one window in this process; its time, CPU and peak memory as one JSON object on standard output.

`python -m benchmarks.stage export|ship|arrivals|ids CONFIG WINDOW`; `ids` reads those of the table of `[arrivals]` by
the bare driver and throws them away.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
from sqlalchemy import URL

from benchmarks.probe import measured
from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import load_config
from statsig_export.export.export import export_window
from statsig_export.reconciliation.check import check_arrivals
from statsig_export.shipping.ship import ship
from statsig_export.windows import window_from_key


def main(stage: str, config_path: str, window_key: str) -> None:
    prefer_jemalloc(os.environ)  # as the command line and Dagster do
    config = load_config(Path(config_path))

    def work() -> int | Mapping[str, int]:
        if stage == "export":
            return export_window(config, window_from_key(window_key, config.windows)).account.pending
        if stage == "arrivals":
            report, _ = check_arrivals(config)
            figures = report.total
            return {"missing": figures.missing, "repeated": figures.repeated, "alien": report.alien}
        if stage == "ids":
            return _read_ids(config.arrivals_url())
        return ship(config).sent

    sys.stdout.write(json.dumps(measured(work)))


def _read_ids(url: URL) -> int:
    query = "SELECT time_uuid FROM landed"
    if url.get_backend_name() == "duckdb":
        with duckdb.connect(url.database or "", read_only=True) as file:
            return sum(len(batch) for batch in file.sql(query).to_arrow_reader(50_000))
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(url.database or "")) as file:
            return sum(1 for _ in file.execute(query))
    place = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(place) as server, server.cursor("ids") as cursor:
        cursor.itersize = 50_000
        return sum(1 for _ in cursor.execute(query))


if __name__ == "__main__":
    main(*sys.argv[1:])
