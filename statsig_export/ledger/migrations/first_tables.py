"""The tables of schema version 1, as the first releases made them. They never change: a backup of an older ledger is
loaded into these and the migrations up to its version, before the rest of the migrations run.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique

FIRST: Final = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")

Table(
    "meta",
    FIRST,
    Column("key", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
Table(
    "destinations",
    FIRST,
    Column("name", String(64), primary_key=True),
    Column("halted_reason", Text),
    Column("halted_setup", String(16)),
    Column("halted_ms", BigInteger),
    Column("breaker_openings", Integer, nullable=False, default=0),
    Column("probe_ms", BigInteger),
)
Table(
    "export_runs",
    FIRST,
    Column("id", String(32), primary_key=True),
    Column("orchestrator_run", String(64)),
    Column("destination", String(64), nullable=False),
    Column("window", String(32), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger, nullable=False),
    Column("rows_read", BigInteger, nullable=False),
    Column("queries", Text, nullable=False),
    Column("config_fingerprint", String(16), nullable=False),
    Column("filter_fingerprint", String(16), nullable=False),
    Column("library_version", String(32), nullable=False),
    Column("account", Text, nullable=False),
)
Table(
    "partitions",
    FIRST,
    Column("id", _ID, primary_key=True),
    Column("destination", String(64), nullable=False),
    Column("category", String(32), nullable=False),
    Column("window", String(32), nullable=False),
    Column("window_start_ms", BigInteger, nullable=False),
    Column("export_run", String(32), nullable=False),
    Column("filtered_by", Text, nullable=False),
    Column("failed_by", Text, nullable=False),
    Column("quarantine", Text),
    Unique("destination", "category", "window"),
)
Table(
    "generations",
    FIRST,
    Column("partition", ForeignKey("partitions.id"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("file", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("export_run", ForeignKey("export_runs.id"), nullable=False),
)
Table(
    "batches",
    FIRST,
    Column("id", _ID, primary_key=True),
    Column("batch_id", String(64), nullable=False),
    Column("partition", ForeignKey("partitions.id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("first_row", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("body_bytes", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("throttled", Boolean, nullable=False, default=False),
    Column("planned_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("outcome", String(16)),
    Column("reason", Text),
    Column("parent", _ID),
    Column("replay_of", _ID),
    Column("replayed_after", Integer),
    Index("ix_batches_due", "state", "due_ms"),
    Index("ix_batches_partition", "partition", "generation", "first_row"),
    Index("ix_batches_batch_id", "batch_id"),
)
Table(
    "ship_runs",
    FIRST,
    Column("id", String(32), primary_key=True),
    Column("orchestrator_run", String(64)),
    Column("destination", String(64), nullable=False),
    Column("config_fingerprint", String(16), nullable=False),
    Column("library_version", String(32), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
)
Table(
    "attempts",
    FIRST,
    Column("id", _ID, primary_key=True),
    Column("batch", ForeignKey("batches.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("ship_run", ForeignKey("ship_runs.id"), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
    Column("outcome", String(16)),
    Column("status", Integer),
    Column("latency_ms", Float),
    Column("reason", Text),
    Unique("batch", "number"),
    Index("ix_attempts_ship_run", "ship_run"),
)
Table(
    "pruned_partitions",
    FIRST,
    Column("partition", ForeignKey("partitions.id"), primary_key=True),
    Column("pruned_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),
    Column("quarantine", Text),
    Column("forwarded", BigInteger, nullable=False),
    Column("failed_by", Text, nullable=False),
    Column("rate_limited", BigInteger, nullable=False),
    Column("last_error", Text),
    Column("batches", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("outcomes", Text, nullable=False),
    Column("first_attempt_ms", BigInteger),
    Column("last_attempt_ms", BigInteger),
)
