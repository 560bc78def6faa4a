"""Where receipts lie: a folder of the storage for each ledger, by its id."""

import re
from collections.abc import Sequence
from typing import Final

FOLDER: Final = "receipts"
"""Of the storage."""
_ID: Final = re.compile("[0-9a-f]{32}")
_NAMED: Final = 3
"""Ids in a message."""


def ids_among(folders: Sequence[str]) -> list[str]:
    """Of the names of folders those of ledgers; one of another name (`lost+found`) is none."""
    return [name for name in folders if _ID.fullmatch(name)]


def named(ids: Sequence[str]) -> str:
    """As a message names them; "" for none."""
    return ", ".join(ids[:_NAMED]) + (" and others" if len(ids) > _NAMED else "")
