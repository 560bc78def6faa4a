"""Backup and restore: ledger and storage at one moment, in a folder or bucket of their own."""
