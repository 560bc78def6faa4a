"""Schema version 1: what the first releases made without Alembic. A ledger of that time is stamped with it."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: no ledger is older."""
