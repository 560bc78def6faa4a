"""Alembic's environment: the connection, and its open transaction, are the caller's. Logging is the host's business."""

from alembic import context

from statsig_export.ledger.tables import LEDGER

context.configure(connection=context.config.attributes["connection"], target_metadata=LEDGER, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
