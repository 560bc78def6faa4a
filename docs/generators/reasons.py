"""Why events fail or are filtered, from the enumerations."""

from generators.markdown import code, docstrings_of_fields, table
from statsig_export.layouts.reasons import Reason

INTRODUCTION = """\
# Reasons of failed rows

A failed row is counted in `failed_by` under its reason. `status --failed`, `plan --failed` and `failed_rows` list it
with the row's key and the column, never its values. Correct the row in the source and export its window again
(`statsig-export run`, or *Materialize* in Dagster): it is sent then and counts as failed no more.
"""


def page() -> str:
    docstrings = docstrings_of_fields(Reason)
    rows = [(code(reason.value), docstrings.get(reason.name, _words(reason))) for reason in Reason]
    return f"{INTRODUCTION}\n{table(['reason', 'meaning'], rows)}\n"


def _words(reason: Reason) -> str:
    return f"{reason.value.replace('_', ' ').capitalize()}."
