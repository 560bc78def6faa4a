"""Short notes that the ledger keeps for others between their runs, each under a key of its own in `meta`."""

import hashlib
from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select

from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.tables import meta

_DIGITS = 24
"""Of the digest in a key, which has 32 characters at most."""


def change_note(
    database: LedgerDatabase, kind: str, names: tuple[str, ...], change: Callable[[str | None], str]
) -> str:
    """Put what `change` makes of a note in its place, and return it. None is given for the first.

    `kind` has seven letters at most; `names` say whose note it is. Of several processes at once one follows another.
    """
    with database.write() as connection:
        return change_note_of(connection, kind, names, change)


def change_note_of(
    connection: Connection, kind: str, names: tuple[str, ...], change: Callable[[str | None], str]
) -> str:
    """The same within a transaction."""
    # One at a time: the note itself is not there to be locked before the first.
    connection.execute(select(meta).where(meta.c.key == "schema_version").with_for_update())
    before = note_of(connection, kind, names)
    after = change(before)
    if after != before:
        key = _key(kind, names)
        connection.execute(delete(meta).where(meta.c.key == key))
        connection.execute(insert(meta).values(key=key, value=after))
    return after


def note_of(connection: Connection, kind: str, names: tuple[str, ...]) -> str | None:
    """The note as it is; None where there is none."""
    return connection.execute(select(meta.c.value).where(meta.c.key == _key(kind, names))).scalar()


def read_note(database: LedgerDatabase, kind: str, names: tuple[str, ...]) -> str | None:
    """The same in a view of its own, for what does not always change it: a writer is not waited for."""
    with database.read() as connection:
        return note_of(connection, kind, names)


def _key(kind: str, names: tuple[str, ...]) -> str:
    return f"{kind}:{hashlib.sha256(chr(10).join(names).encode()).hexdigest()[:_DIGITS]}"
