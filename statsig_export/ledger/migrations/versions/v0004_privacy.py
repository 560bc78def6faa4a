"""Schema version 4: under which [privacy] an export run wrote its files."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "privacy_rules",
        sa.Column("export_run", sa.String(32), sa.ForeignKey("export_runs.id"), primary_key=True),
        sa.Column("fingerprint", sa.String(16), nullable=False),
        sa.Column("key_check", sa.String(16)),
        sa.Column("rule", sa.Text, nullable=False),
    )
    op.execute("UPDATE meta SET value = '4' WHERE key = 'schema_version'")
