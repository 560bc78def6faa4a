"""What the ledger, the logs and Dagster's home hold, at a moment and at the end."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from processes import of_environment
from soak_home import DESTINATIONS, SoakHome
from soak_inflow import Inflow
from soak_record import End, Figures

from statsig_export.account import total
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status, unsent_partitions

_SIZE = """
SELECT sum(pg_total_relation_size(oid)) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
_BATCHES = "SELECT count(*) FROM batches"
_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
_PENDING = """
SELECT partitions.destination, extract(epoch FROM now()) - min(batches.planned_ms) / 1000.0
FROM batches JOIN partitions ON partitions.id = batches.partition
WHERE batches.state IN ('planned', 'sending', 'deferred') AND batches.replay_of IS NULL
GROUP BY partitions.destination"""
_WORDS = ("events", "forwarded", "filtered", "failed", "pending", "rate_limited")
_TABLES = ("partitions", "generations", "batches", "attempts", "export_runs", "ship_runs", "pruned_partitions")


def figures(home: SoakHome, second: float, scraped_ms: float | None) -> Figures:
    """Raises psycopg.OperationalError while the database is away."""
    with psycopg.connect(home.server.get_uri(database="ledger"), autocommit=True) as ledger:
        if ledger.execute("SELECT to_regclass('batches')").fetchone() != ("batches",):
            batches, size, pending = 0, 0, {}
        else:
            batches, size = _one(ledger, _BATCHES), int(_one(ledger, _SIZE))
            pending = {name: round(float(age), 1) for name, age in ledger.execute(_PENDING)}
        connections = _one(ledger, _CONNECTIONS)
    return Figures(
        second=round(second, 1),
        batches=batches,
        ledger_bytes=size,
        oldest_pending_s=pending,
        log_bytes={log.stem: log.stat().st_size for log in sorted(home.folder.glob("*.log"))},
        dagster_bytes=sum(file.stat().st_size for file in home.dagster.rglob("*") if file.is_file()),
        dagster_runs=_runs(home.dagster),
        connections=connections,
        metrics_ms=scraped_ms,
    )


def how_it_ended(home: SoakHome, inflow: Inflow) -> End:
    configs = {name: home.config(name) for name in DESTINATIONS}
    arrived = {name: _arrived(home.table(name)) for name in DESTINATIONS}
    with psycopg.connect(home.server.get_uri(database="ledger")) as ledger:
        rows = {table: _one(ledger, f"SELECT count(*) FROM {table}") for table in _TABLES}  # noqa: S608  our own names
    accounts = {name: total(line.account for line in status(config)) for name, config in configs.items()}
    return End(
        accounts={name: {word: getattr(one, word) for word in _WORDS} for name, one in accounts.items()},
        balances={name: one.balances for name, one in accounts.items()},
        arrived={name: different for name, (different, _) in arrived.items()},
        arrived_rows={name: every for name, (_, every) in arrived.items()},
        differences={name: len(verify(config).differences) for name, config in configs.items()},
        written=dict(inflow.written),
        ledger_rows=rows,
        left=len(left(home)),
    )


def unsent(home: SoakHome, destination: str) -> bool:
    config = home.config(destination)
    return bool(unsent_partitions(config)) or any(line.account.pending for line in status(config))


def left(home: SoakHome) -> Mapping[int, str]:
    """The processes of the soak, but for the receivers."""
    return {pid: words for pid, words in of_environment(home.marker).items() if " receiver " not in words}


def _arrived(table: Path) -> tuple[int, int]:
    """Different events, and rows."""
    with closing(sqlite3.connect(table)) as landed:
        return landed.execute(
            "SELECT count(DISTINCT json_extract(data, '$.timeUUID')), count(*) FROM statsig_events"
        ).fetchone()


def _runs(home: Path) -> int:
    """How many runs Dagster has on record."""
    runs = home / "history" / "runs.db"
    if not runs.exists():
        return 0
    with closing(sqlite3.connect(runs)) as history:
        found: int = history.execute("SELECT count(*) FROM runs").fetchone()[0]
    return found


def _one(connection: "psycopg.Connection[Any]", statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else 0
