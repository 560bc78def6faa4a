"""Schema version 3: what comparisons with the table that Fivetran wrote found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    events = ("arrived", "missing", "not_yet", "repeated_replay", "repeated_unknown", "repeated_other", "unconfirmed")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "arrivals",
        sa.Column("batch", number, sa.ForeignKey("batches.id"), primary_key=True),
        sa.Column("checked_ms", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in events),
        sa.Column("landed_ms", sa.BigInteger),
    )
    op.create_table(
        "arrival_checks",
        sa.Column("destination", sa.String(64), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("checked_ms", "since_ms", "landed", "alien")),
    )
    op.execute("UPDATE meta SET value = '3' WHERE key = 'schema_version'")
