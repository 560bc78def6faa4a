"""Ids of events as both sides are compared by: hashes of 128 bits. Pure."""

from typing import Final

from statsig_export.arrow.columns import Column, pc
from statsig_export.events.seen_ids import Words, hashes

_UUID: Final = "^[0-9a-f]{32}$"
"""Once it is in lower case and without hyphens."""


def id_hashes(ids: Column) -> tuple[Words, Words]:
    """Two words for each id (no null). A UUID is the same in every spelling: a column of that type, or one that a tool
    has cast to it, gives it back in the database's own case and with its hyphens.
    """
    # Not ascii_lower, which reads from the first byte of the buffer, also where the column begins later (a part of a
    # batch that was cast). No other letter becomes one of a-f.
    bare = pc.replace_substring(pc.utf8_lower(ids), "-", "")
    return hashes(pc.if_else(pc.match_substring_regex(bare, _UUID), bare, ids))
