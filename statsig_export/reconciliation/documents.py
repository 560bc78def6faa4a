"""Takes the ids out of packed events on our side, for databases that cannot take them out of every row. Pure.

One row that is no JSON, or holds what a database has no text for (a NUL in PostgreSQL), ends a statement that looks
into all of them.
"""

import json

from statsig_export.arrow.columns import TEXT, Column, array
from statsig_export.reconciliation.landed_columns import EVENT_ID


def ids_in(documents: Column) -> Column:
    """The id of each document, as text. None where the document is null, no JSON, no object, or has none."""
    return array([None if text is None else _id_in(text) for text in documents.to_pylist()], TEXT)


def _id_in(text: str) -> str | None:
    try:
        # A number is the text that it is: its digits are no concern of ours, and may be too many for Python.
        event = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    found = event.get(EVENT_ID) if isinstance(event, dict) else None
    # What is no text in UTF-8 is none of our ids.
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else None
