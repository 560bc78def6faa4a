"""The ledger's tables: one row per run, partition, generation, batch and attempt; never one row per event.

Times are milliseconds since the epoch, by this machine's clock. Bodies are not stored: a batch names a row range of an
immutable partition file, and its id is the digest of the body made of it.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from statsig_export.delivery.answer_text import stored_reason

SCHEMA_VERSION: Final = 6
"""Of the tables below. An older ledger is brought up to it by migrations/, a newer one is refused."""
REVISION: Final = "0006"
"""The migration that makes them what they are, as Alembic knows it."""
LEDGER: Final = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


class Reason(TypeDecorator[str]):
    """Why something went wrong, with what may be kept of the webhook's answer.

    Filtered when it is written and when it is read: a ledger of an older version may hold more of an answer.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  as SQLAlchemy has it
        return None if value is None else stored_reason(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  likewise
        return None if value is None else stored_reason(value)


meta = Table(
    "meta",
    LEDGER,
    Column("key", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

alembic_version = Table(  # Alembic's own; of a ledger of schema version 1 there is none
    "alembic_version",
    LEDGER,
    Column("version_num", String(32), primary_key=True),
)

destinations = Table(
    "destinations",
    LEDGER,
    Column("name", String(64), primary_key=True),
    Column("halted_reason", Reason),
    # The fingerprint of the URL and secret that were refused. With no reason: the statuses that the
    # `resume` at halted_ms said to believe (`400,413`).
    Column("halted_setup", String(16)),
    Column("halted_ms", BigInteger),
    Column("breaker_openings", Integer, nullable=False, default=0),
    # Nothing is sent before: while the breaker is open until the next probe, with no openings for a rate limit.
    Column("probe_ms", BigInteger),
)

export_runs = Table(
    "export_runs",
    LEDGER,
    Column("id", String(32), primary_key=True),
    Column("orchestrator_run", String(64)),
    Column("destination", String(64), nullable=False),
    Column("window", String(32), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger, nullable=False),
    Column("rows_read", BigInteger, nullable=False),
    Column("queries", Text, nullable=False),  # JSON: source table -> statement
    Column("config_fingerprint", String(16), nullable=False),
    Column("filter_fingerprint", String(16), nullable=False),
    Column("library_version", String(32), nullable=False),
    Column("account", Text, nullable=False),  # JSON: the run's own account by category
)

partitions = Table(
    "partitions",
    LEDGER,
    Column("id", _ID, primary_key=True),
    Column("destination", String(64), nullable=False),
    Column("category", String(32), nullable=False),
    Column("window", String(32), nullable=False),
    Column("window_start_ms", BigInteger, nullable=False),
    Column("export_run", String(32), nullable=False),  # the latest
    Column("filtered_by", Text, nullable=False),  # JSON: rule -> rows, as the latest export saw them
    Column("failed_by", Text, nullable=False),  # JSON: reason -> rows, likewise
    Column("quarantine", Text),  # the file that holds those failed rows
    Unique("destination", "category", "window"),
)

generations = Table(
    "generations",
    LEDGER,
    Column("partition", ForeignKey("partitions.id"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("file", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("export_run", ForeignKey("export_runs.id"), nullable=False),
)

batches = Table(
    "batches",
    LEDGER,
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
    Column("outcome", String(16)),  # of the last attempt
    Column("reason", Reason),  # likewise
    Column("parent", _ID),  # the batch this one was split from
    Column("replay_of", _ID),  # the delivered batch whose rows this one sends again; no part of the account
    Column("replayed_after", Integer),  # the attempt that failed it before it was last taken up again
    Index("ix_batches_due", "state", "due_ms"),
    Index("ix_batches_partition", "partition", "generation", "first_row"),
    Index("ix_batches_batch_id", "batch_id"),
)

ship_runs = Table(
    "ship_runs",
    LEDGER,
    Column("id", String(32), primary_key=True),
    Column("orchestrator_run", String(64)),
    Column("destination", String(64), nullable=False),
    Column("config_fingerprint", String(16), nullable=False),
    Column("library_version", String(32), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),  # null: still going, or killed
)

attempts = Table(
    "attempts",
    LEDGER,
    Column("id", _ID, primary_key=True),
    Column("batch", ForeignKey("batches.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("ship_run", ForeignKey("ship_runs.id"), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),  # null: open
    Column("outcome", String(16)),
    Column("status", Integer),  # HTTP, where there was an answer
    Column("latency_ms", Float),
    Column("reason", Reason),
    Unique("batch", "number"),
    Index("ix_attempts_ship_run", "ship_run"),
)

pruned_partitions = Table(  # what is left of a partition whose files, batches and attempts were removed
    "pruned_partitions",
    LEDGER,
    Column("partition", ForeignKey("partitions.id"), primary_key=True),
    Column("pruned_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),  # null: some of its files may be there still
    Column("quarantine", Text),  # the file that its partition named
    Column("forwarded", BigInteger, nullable=False),  # events, as are the next two
    Column("failed_by", Text, nullable=False),  # JSON: outcome -> events that failed in delivery
    Column("rate_limited", BigInteger, nullable=False),
    Column("last_error", Reason),
    Column("batches", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("outcomes", Text, nullable=False),  # JSON: outcome -> attempts
    Column("first_attempt_ms", BigInteger),
    Column("last_attempt_ms", BigInteger),
)

identities = Table(  # what the ids and windows of a source table are made of; since schema version 2
    "identities",
    LEDGER,
    Column("destination", String(64), primary_key=True),
    Column("role", String(32), primary_key=True),
    Column("derivation", Integer, nullable=False),  # how ids are derived (events/table_identity.py)
    Column("made_of", Text, nullable=False),  # JSON
    Column("own_ids", Boolean, nullable=False),  # whether any row had an id of the source's own
    Column("derived_ids", Boolean, nullable=False),  # whether an id was derived for any
    Column("other_keys", Boolean, nullable=False),  # whether it was from a key that is no integer
)

arrivals = Table(  # what the latest comparison with the table that Fivetran wrote found; since schema version 3
    "arrivals",
    LEDGER,
    Column("batch", ForeignKey("batches.id"), primary_key=True),  # of the account, no replay
    Column("checked_ms", BigInteger, nullable=False),
    Column("arrived", BigInteger, nullable=False),  # events, as are the next six
    Column("missing", BigInteger, nullable=False),
    Column("not_yet", BigInteger, nullable=False),
    Column("repeated_replay", BigInteger, nullable=False),
    Column("repeated_unknown", BigInteger, nullable=False),
    Column("repeated_other", BigInteger, nullable=False),
    Column("unconfirmed", BigInteger, nullable=False),  # there, though pending or failed
    Column("landed_ms", BigInteger),  # when the last of them was first there
)

arrival_checks = Table(  # the latest comparison; since schema version 3
    "arrival_checks",
    LEDGER,
    Column("destination", String(64), primary_key=True),
    Column("checked_ms", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False),  # rows that were synced before were not looked at
    Column("landed", BigInteger, nullable=False),  # rows
    Column("alien", BigInteger, nullable=False),  # rows with an id that is none of ours
)

privacy_rules = Table(  # the [privacy] under which an export run wrote its files; since schema version 4
    "privacy_rules",
    LEDGER,
    Column("export_run", String(32), ForeignKey("export_runs.id"), primary_key=True),  # none: it had no rule
    Column("fingerprint", String(16), nullable=False),
    Column("key_check", String(16)),  # tells two keys apart; null: nothing was hashed
    Column("rule", Text, nullable=False),  # JSON: the settings, without the key
)

tombstones = Table(  # people who are forgotten, none of them by name; since schema version 5
    "tombstones",
    LEDGER,
    Column("id", _ID, primary_key=True),
    Column("destination", String(64), nullable=False),
    Column("unit_type", String(128), nullable=False),
    Column("digest", String(64), nullable=False),  # HMAC-SHA-256 of the id, under a key of this ledger (in `meta`)
    Column("made_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger),  # null: some partition file may still have events of this person
    Unique("destination", "unit_type", "digest"),
    sqlite_autoincrement=True,  # a number is never given twice: an export compares the last one
)

forgotten_rows = Table(  # of a partition, where there are any; since schema version 5, as are the next three
    "forgotten_rows",
    LEDGER,
    Column("partition", ForeignKey("partitions.id"), primary_key=True),
    # As the latest export saw them, and what was taken out of the files since.
    Column("rows", BigInteger, nullable=False),
    Column("rewritten_ms", BigInteger),  # when its files were last written again without somebody: it only grows
)

shortened_batches = Table(  # batches that had rows of people who are forgotten
    "shortened_batches",
    LEDGER,
    Column("batch", ForeignKey("batches.id"), primary_key=True),
    Column("rows", Integer, nullable=False),  # that it had besides
)

former_requests = Table(  # attempts of a batch that lost rows after them: it is named after another body by now
    "former_requests",
    LEDGER,
    Column("attempt", ForeignKey("attempts.id"), primary_key=True),
    Column("batch_id", String(64), nullable=False),  # that the request had
)

replaced_files = Table(  # files that were written again without somebody, to be removed
    "replaced_files",
    LEDGER,
    Column("partition", ForeignKey("partitions.id"), primary_key=True),
    Column("path", String(512), primary_key=True),
    Column("written_ms", BigInteger, nullable=False),  # when the export run that wrote it was finished
)

sharded_runs = Table(  # export runs whose window was read in shards; since schema version 6, as are the next two
    "sharded_runs",
    LEDGER,
    Column("export_run", ForeignKey("export_runs.id"), primary_key=True),
    Column("basis", String(64), nullable=False),  # what its shards had in common (ledger/shards.py)
    Column("shards", Integer, nullable=False),
)

sharded_generations = Table(  # generations that hold the rows of one shard
    "sharded_generations",
    LEDGER,
    Column("partition", ForeignKey("partitions.id"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("shard", Integer, nullable=False),  # from 0
    Column("shards", Integer, nullable=False),
)

staged_shards = Table(  # shards that were read, of windows of which others are missing
    "staged_shards",
    LEDGER,
    Column("destination", String(64), primary_key=True),
    Column("window", String(32), primary_key=True),
    Column("basis", String(64), primary_key=True),
    Column("shard", Integer, primary_key=True),  # from 0
    Column("began_ms", BigInteger, nullable=False),  # when its read began
    Column("part", Text, nullable=False),  # JSON: its files, batches and counts
)
