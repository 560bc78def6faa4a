"""Forgetting people: their events are taken out of the partition files and batches, and are never exported again."""
