"""Schema version 6: windows that are read in shards."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "sharded_runs",
        sa.Column("export_run", sa.String(32), sa.ForeignKey("export_runs.id"), primary_key=True),
        sa.Column("basis", sa.String(64), nullable=False),
        sa.Column("shards", sa.Integer, nullable=False),
    )
    op.create_table(
        "sharded_generations",
        sa.Column("partition", number, sa.ForeignKey("partitions.id"), primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("shards", sa.Integer, nullable=False),
    )
    op.create_table(
        "staged_shards",
        sa.Column("destination", sa.String(64), primary_key=True),
        sa.Column("window", sa.String(32), primary_key=True),
        sa.Column("basis", sa.String(64), primary_key=True),
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("began_ms", sa.BigInteger, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
    )
    op.execute("UPDATE meta SET value = '6' WHERE key = 'schema_version'")
