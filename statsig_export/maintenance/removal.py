"""Removing partition files that the ledger no longer needs, and what keeps one from being removed at once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import PartitionFileError
from statsig_export.ledger import forgetting, retention
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgetting import Replaced
from statsig_export.storage.files import FileFacts
from statsig_export.storage.storage import Storage

LEFT_BEHIND_AFTER: Final = timedelta(days=1)
"""Age from which a file that no partition names belongs to no running export."""
CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""Tolerated difference between the storage's clock and ours."""


def is_left_behind(facts: FileFacts, now: datetime) -> bool:
    """Whether no running export can be about to name this file."""
    return facts.modified is not None and facts.modified < now - LEFT_BEHIND_AFTER


def was_written_again(facts: FileFacts, written_ms: int, now: datetime) -> bool:
    """Whether somebody has written it again within the last day, since its export: another destination's export may be
    about to name it.
    """
    written = datetime.fromtimestamp(written_ms / 1000, UTC) + CLOCKS_DIFFER
    return facts.modified is not None and facts.modified > written and not is_left_behind(facts, now)


def remove_replaced(
    database: LedgerDatabase, storage: Storage, destination: str, now: datetime, *, dry_run: bool = False
) -> tuple[Counter[str], dict[str, str]]:
    """Remove the files that were written again without somebody who is forgotten. Returns `files`, `bytes`,
    `shared_files` and `postponed_files`; and the files that cannot be removed, each with what is wrong with it.
    """
    known = retention.destinations(database)
    counts: Counter[str] = Counter()
    unreadable: dict[str, str] = {}
    for file in forgetting.replaced(database, destination, known):
        try:
            done = _removed(storage, file, counts, (known, now), dry_run=dry_run)
        except PartitionFileError as error:
            unreadable |= error.files
            continue
        if done and not dry_run:
            forgetting.removed_replaced(database, file)
    return counts, unreadable


def _removed(
    storage: Storage, file: Replaced, counts: Counter[str], at: tuple[list[str], datetime], *, dry_run: bool
) -> bool:
    """Whether the file is nobody's of this destination any more. With one destination no other can be about to name
    it, whoever wrote it again.
    """
    known, now = at
    if file.shared:
        counts["shared_files"] += 1
        return True
    facts = storage.facts(file.path)
    if facts is None:
        return True
    if len(known) > 1 and was_written_again(facts, file.written_ms, now):
        counts["postponed_files"] += 1
        return False
    counts.update(files=1, bytes=facts.bytes)
    if not dry_run:
        storage.remove(file.path)
        reach(CrashPoint.REPLACED)
    return True
