"""Maintenance: verify recomputes every state, prune removes old windows and keeps their account."""
