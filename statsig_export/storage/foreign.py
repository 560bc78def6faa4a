"""Files of others among ours: named in the log, and passed over."""

import logging
from collections.abc import Sequence
from typing import Final

from statsig_export.storage.place import Place
from statsig_export.terminal_text import escaped

log = logging.getLogger(__name__)

_NAMED: Final = 3


def warn_of_foreign(paths: Sequence[str], place: Place, ours: str) -> None:
    """Name the files that are none of `ours`; nothing where there is no such file."""
    if not paths:
        return
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    named = ", ".join(map(escaped, paths[:_NAMED])) + more
    log.warning("%s holds files that are no %s; they are passed over: %s", place.place, ours, named)
