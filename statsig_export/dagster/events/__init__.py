"""Dagster: the exported events, by category and window."""
