"""The verbs, in one place: what command line, notebook and Dagster call.

`export_window` and `ship` meet only in the ledger: what the one planned the other sends, now or on another day, here or
on another machine.
"""

from statsig_export.exporting import export_window, plan
from statsig_export.pruning import prune
from statsig_export.replaying import replay
from statsig_export.shipping import due_partitions, halted_reason, resume, ship, status
from statsig_export.verifying import verify

__all__ = [
    "due_partitions",
    "export_window",
    "halted_reason",
    "plan",
    "prune",
    "replay",
    "resume",
    "ship",
    "status",
    "verify",
]
