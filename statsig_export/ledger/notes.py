"""Short notes that the ledger keeps for others between their runs, each under a key of its own in `meta`."""

import hashlib
from collections.abc import Callable

from sqlalchemy import delete, insert, select

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
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    key = f"{kind}:{digest[:_DIGITS]}"
    with database.write() as connection:
        # One at a time: the note itself is not there to be locked before the first.
        connection.execute(select(meta).where(meta.c.key == "schema_version").with_for_update())
        before = connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()
        after = change(before)
        if after != before:
            connection.execute(delete(meta).where(meta.c.key == key))
            connection.execute(insert(meta).values(key=key, value=after))
    return after
