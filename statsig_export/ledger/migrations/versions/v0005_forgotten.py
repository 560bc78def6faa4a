"""Schema version 5: people who are forgotten, and what that has changed of partitions, batches and attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "tombstones",
        sa.Column("id", number, primary_key=True),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("unit_type", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
        sa.UniqueConstraint("destination", "unit_type", "digest"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "forgotten_rows",
        sa.Column("partition", number, sa.ForeignKey("partitions.id"), primary_key=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("rewritten_ms", sa.BigInteger),
    )
    op.create_table(
        "shortened_batches",
        sa.Column("batch", number, sa.ForeignKey("batches.id"), primary_key=True),
        sa.Column("rows", sa.Integer, nullable=False),
    )
    op.create_table(
        "former_requests",
        sa.Column("attempt", number, sa.ForeignKey("attempts.id"), primary_key=True),
        sa.Column("batch_id", sa.String(64), nullable=False),
    )
    op.create_table(
        "replaced_files",
        sa.Column("partition", number, sa.ForeignKey("partitions.id"), primary_key=True),
        sa.Column("path", sa.String(512), primary_key=True),
        sa.Column("written_ms", sa.BigInteger, nullable=False),
    )
    op.execute("UPDATE meta SET value = '5' WHERE key = 'schema_version'")
