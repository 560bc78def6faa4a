"""The ledger's migrations, run by Alembic (upgrade.py). A script is never changed once it was released."""
