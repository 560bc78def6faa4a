"""Did it arrive, at scale: `python -m benchmarks.arrivals --rows 10000000 --database sqlite postgresql duckdb`.

Lays down a ledger and the files of one window, all of it forwarded, and a table of their ids as Fivetran unpacks them,
first of a fortieth of the rows, then of all. One id in a thousand is missing, one there twice, one nobody's. Each is
compared in a process of its own, beside one that reads the ids by the bare driver and throws them away. Prints times
and peak memory: that of the many should be that of the few. Ten million ids take some 2 GB of disk in --home, half of
it while they are compared.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from benchmarks.large_window import DATABASES, database_in, executed
from benchmarks.ledger_data import insert_rows
from benchmarks.report import say
from statsig_export.config import Config, load_config
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import State
from statsig_export.ledger.tables import attempts, batches, export_runs, generations, partitions, ship_runs
from statsig_export.ledger.transactions import ledger_of
from statsig_export.storage.files import StoredFile
from statsig_export.storage.schemas import EVENTS
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category

SHARE: Final = 40
ODD: Final = 1_000
"""One in so many is missing, one is there twice, one is nobody's."""
_BATCH: Final = 1_000
_CHUNK: Final = 200_000
_WINDOW: Final = "2026-11-20"
_WINDOW_MS: Final = round(datetime.fromisoformat(f"{_WINDOW}T00:00:00Z").timestamp() * 1000)
_RUN: Final = "0" * 32
CONFIG: Final = """\
[source]
url = "sqlite:///none.db"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
[arrivals]
url = "env:LANDED_URL"
table = "landed"
"""
TABLE: Final = "CREATE TABLE landed (time_uuid TEXT, _fivetran_synced TIMESTAMP)"
IDS: Final = """\
INSERT INTO landed SELECT '{head}' || {digits}, timestamp '{moment}' FROM {series} WHERE n % {odd} <> 1
UNION ALL SELECT '{head}' || {digits}, timestamp '{moment}' FROM {series} WHERE n % {odd} = 2
UNION ALL SELECT 'nobody-' || n, timestamp '{moment}' FROM {series} WHERE n % {odd} = 3
"""
HEAD: Final = "10000000-0000-4000-8000-"
SERIES: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {
        "digits": "printf('%012x', n)",
        "series": "(WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < {rows} - 1)"
        " SELECT n FROM r)",
    },
    "postgresql": {"digits": "lpad(to_hex(n), 12, '0')", "series": "generate_series(0, {rows} - 1) r(n)"},
    "duckdb": {"digits": "printf('%012x', n)", "series": "range({rows}) r(n)"},
}


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="benchmarks.arrivals", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--database", choices=DATABASES, nargs="+", default=DATABASES)
    arguments.add_argument("--home", type=Path, help="where the data is made; a temporary folder unless it is named")
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    options = arguments.parse_args()
    tempfile.tempdir = str(options.home) if options.home else None  # for PostgreSQL's server too
    figures = []
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-") as folder:
        for database in options.database:
            for rows in (options.rows // SHARE, options.rows):
                home = Path(folder) / f"{database}-{rows}"
                home.mkdir()
                with database_in(home, database) as url:
                    figures.append(_measured(database, rows, home, url))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def _measured(database: str, rows: int, home: Path, url: str) -> dict[str, object]:
    began = time.monotonic()
    fill(database, rows, home, url)
    say(f"{database}: {rows:,} ids made in {time.monotonic() - began:.0f} s")
    plain, ours = (stage(what, home, url) for what in ("ids", "arrivals"))
    odd = rows // ODD
    if (ours["missing"], ours["repeated"], ours["alien"]) != (odd, odd, odd):
        raise SystemExit(f"{database}: {ours} of {rows} ids, of which {odd} are missing, repeated and nobody's")
    for name, figure in (("the ids alone", plain), ("the comparison", ours)):
        say(
            f"{database}: {rows:,} ids, {name}: {figure['seconds']:.1f} s, CPU {figure['cpu_seconds']:.1f} s, "
            f"peak memory {figure['peak_mb']} MB, of which {figure['imports_mb']} MB are the imports"
        )
    return {"database": database, "rows": rows, "ids alone": plain, "comparison": ours}


def stage(what: str, home: Path, url: str) -> dict[str, Any]:
    """What `ids` or `arrivals` of benchmarks.stage measures, in a process of its own."""
    environ = {**os.environ, "LANDED_URL": url, "FIVETRAN_WEBHOOK_URL": "http://127.0.0.1:9/never-called"}
    command = [sys.executable, "-m", "benchmarks.stage", what, str(home / "export.toml"), _WINDOW]
    done = subprocess.run(command, env={**environ, "TMPDIR": str(home)}, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fill(database: str, rows: int, home: Path, url: str) -> None:
    """A ledger, a file and a table of so many ids, a multiple of a thousand."""
    (home / "export.toml").write_text(CONFIG)
    environ = {"LANDED_URL": url, "FIVETRAN_WEBHOOK_URL": "http://127.0.0.1:9/never-called"}
    config = load_config(home / "export.toml", environ=environ)
    with Storage(config.storage_url()) as storage:
        file = storage.new_file(EVENTS)
        for first in range(0, rows, _CHUNK):
            file.add(_events(first, min(_CHUNK, rows - first)))
        stored = file.publish("events", Category.CUSTOM_EVENT, _WINDOW, 1)
    _record(config, stored, rows)
    parts = {name: text.format(rows=rows) for name, text in SERIES[database].items()}
    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    insert = IDS.format(head=HEAD, moment=moment, odd=ODD, **parts)
    executed(database, url, [TABLE, insert if database != "sqlite" else insert.replace("timestamp '", "'")])


def _events(first: int, rows: int) -> pa.Table:
    ids = pa.array([f"{HEAD}{number:012x}" for number in range(first, first + rows)], pa.large_string())
    empty = pa.array([""] * rows, pa.large_string())
    columns = {name: ids if name == "time_uuid" else empty for name in EVENTS.names}
    return pa.table({**columns, "timestamp": pa.array([0] * rows, pa.int64())}, schema=EVENTS)


def _record(config: Config, file: StoredFile, rows: int) -> None:
    """The ledger of one partition that was sent yesterday and accepted."""
    then = round((datetime.now(UTC) - timedelta(days=1)).timestamp() * 1000)
    of_run = {"destination": config.webhook.name, "config_fingerprint": "0" * 16, "library_version": "0"}
    of_run |= {"started_ms": then, "finished_ms": then}
    exported = {"window": _WINDOW, "rows_read": rows, "queries": "{}", "account": "{}", "filter_fingerprint": "0" * 16}
    partition = {"category": Category.CUSTOM_EVENT.value, "window": _WINDOW, "window_start_ms": _WINDOW_MS}
    partition |= {"id": 1, "destination": config.webhook.name, "export_run": _RUN}
    generation = {"partition": 1, "generation": 1, "file": file.path, "digest": file.digest}
    generation |= {"rows": rows, "bytes": file.bytes, "export_run": _RUN}
    with ledger_of(config) as ledger:
        insert_rows(ledger, export_runs, [{"id": _RUN, **of_run, **exported}])
        insert_rows(ledger, ship_runs, [{"id": _RUN, **of_run}])
        insert_rows(ledger, partitions, [{**partition, "filtered_by": "{}", "failed_by": "{}"}])
        insert_rows(ledger, generations, [generation])
        insert_rows(ledger, batches, _batches(rows, then))
        insert_rows(ledger, attempts, _attempts(rows, then))


def _batches(rows: int, then: int) -> Iterator[dict[str, Any]]:
    delivered = {"state": State.DELIVERED.value, "attempts": 1, "outcome": Outcome.ACCEPTED.value}
    for number in range(rows // _BATCH):
        place = {"partition": 1, "generation": 1, "first_row": number * _BATCH, "rows": _BATCH, "body_bytes": 900_000}
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        yield {"id": number + 1, "batch_id": digest, **place, **delivered, "planned_ms": then, "due_ms": then}


def _attempts(rows: int, then: int) -> Iterator[dict[str, Any]]:
    accepted = {"outcome": Outcome.ACCEPTED.value, "status": 200, "latency_ms": 10.0}
    for number in range(rows // _BATCH):
        of_batch = {"batch": number + 1, "number": 1, "ship_run": _RUN}
        yield {**of_batch, "started_ms": then, "finished_ms": then, **accepted}


if __name__ == "__main__":
    main()
