"""Schema version 2: what the ids and windows of a source table are made of is remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
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
