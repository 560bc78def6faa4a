"""Lineage: the way from an event to its row, run, file and attempts; and frames of it for notebooks."""
