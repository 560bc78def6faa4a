"""Dagster: shows what the ledger knows and Dagster does not."""
