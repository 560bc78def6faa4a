"""The ledger's migrations, run by Alembic (ledger_upgrade.py). A script is never changed once it was released."""
