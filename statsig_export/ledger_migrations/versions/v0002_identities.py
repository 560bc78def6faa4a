"""Schema version 2: what the ids and windows of a source table are made of is remembered.

Ledgers from before partitions could be pruned get the table for that as well.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("pruned_partitions"):
        _create_pruned_partitions()
    op.create_table(
        "identities",
        sa.Column("destination", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(32), primary_key=True),
        sa.Column("derivation", sa.Integer, nullable=False),
        sa.Column("made_of", sa.Text, nullable=False),
        sa.Column("own_ids", sa.Boolean, nullable=False),
        sa.Column("derived_ids", sa.Boolean, nullable=False),
        sa.Column("other_keys", sa.Boolean, nullable=False),
    )
    op.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")


def _create_pruned_partitions() -> None:
    op.create_table(
        "pruned_partitions",
        sa.Column("partition", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("pruned_ms", sa.BigInteger, nullable=False),
        sa.Column("removed_ms", sa.BigInteger),
        sa.Column("quarantine", sa.Text),
        sa.Column("forwarded", sa.BigInteger, nullable=False),
        sa.Column("failed_by", sa.Text, nullable=False),
        sa.Column("rate_limited", sa.BigInteger, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("batches", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("outcomes", sa.Text, nullable=False),
        sa.Column("first_attempt_ms", sa.BigInteger),
        sa.Column("last_attempt_ms", sa.BigInteger),
        sa.ForeignKeyConstraint(["partition"], ["partitions.id"]),
    )
