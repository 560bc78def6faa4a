"""What `forget` has taken out of the figures that never fall otherwise: monitors go on counting from there."""

import json
from typing import NamedTuple

from sqlalchemy import Connection

from statsig_export.ledger.notes import change_note_of, note_of

_KIND = "forgot"


class TakenOut(NamedTuple):
    """Events of a category, since its destination was first exported."""

    planned: int = 0
    late: int = 0
    """Of those, what was added to a partition that was there."""
    forwarded: int = 0


def add_taken_out(connection: Connection, destination: str, category: str, taken: TakenOut) -> None:
    """A `forget` takes these out, in this transaction."""

    def added(text: str | None) -> str:
        found = _of_text(text)
        before = found.get(category, TakenOut())
        found[category] = TakenOut(*(one + other for one, other in zip(before, taken, strict=True)))
        return json.dumps(found, separators=(",", ":"))

    change_note_of(connection, _KIND, (destination,), added)


def taken_out(connection: Connection, destination: str) -> dict[str, TakenOut]:
    """Category -> what was taken out of it, where anything was."""
    return _of_text(note_of(connection, _KIND, (destination,)))


def _of_text(text: str | None) -> dict[str, TakenOut]:
    return {category: TakenOut(*counts) for category, counts in json.loads(text or "{}").items()}
