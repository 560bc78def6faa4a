"""Dagster: the jobs that a person starts: verify and replay."""
