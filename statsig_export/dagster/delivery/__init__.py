"""Dagster: what was shipped, and the runs that ship it."""
