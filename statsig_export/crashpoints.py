"""Named crash points: places in the shipped code where a test can kill the process, as a power failure would.

    crashpoints.arm("claim.committed:2")     # SIGKILL after the second claim that was committed

Only a test or the torture arms a point, by calling `arm` in the process that is to die. No environment variable or
configuration does. Until then a point is a call that finds nothing armed (some 50 ns, once per chunk, file,
transaction or request), so the points stay in the code that runs in production: the torture kills what ships. The pure
modules have none.
"""

import os
import signal
from enum import StrEnum
from typing import Final


class CrashPoint(StrEnum):
    """Around every step that makes something durable, in the order in which a run reaches them."""

    READING = "export.reading"
    """A chunk of the window was judged, and its new events are in the temporary file."""
    FILE_WRITTEN = "file.written"
    """A file is whole, not synced, and has its temporary name."""
    FILE_SYNCED = "file.synced"
    FILE_RENAMED = "file.renamed"
    """It has its final name; the folder is not synced."""
    FILES_PUBLISHED = "export.published"
    """Every file of the run lasts, and the ledger names none of them yet."""
    STAGING = "stage.inside"
    """In the transaction that stages a shard: what was staged of it before is gone."""
    STAGED = "stage.committed"
    """A shard is staged, others of its window are missing."""
    PLANNING = "plan.inside"
    """In the transaction that plans a window: its generations are written, their batches are not."""
    PLANNED = "plan.committed"
    LOCKED = "ship.locked"
    """The ship run is on record and holds its locks; nothing is recovered."""
    RECOVERING = "recover.inside"
    """In the transaction that closes what a dead shipper left open, half done."""
    RECOVERED = "recover.committed"
    """One partition is recovered, the next is not."""
    CLAIMING = "claim.inside"
    CLAIMED = "claim.committed"
    HEADERS_SENT = "request.headers_sent"
    """No byte of the body has left."""
    BODY_SENT = "request.body_sent"
    """All of the request has left, nothing of the answer was read."""
    ANSWERED = "request.answered"
    """The answer is known here and nowhere else."""
    FINISHING = "finish.inside"
    SPLITTING = "split.inside"
    """In the transaction that finishes: the batch is split, its halves are not there."""
    FINISHED = "finish.committed"
    SENT = "ship.sent"
    """The run has sent all it is going to; a halt, the breaker and its own end are not on record."""
    REMEMBERING = "destination.inside"
    """In the transaction that writes down a halt or the breaker."""
    MIGRATING = "migrate.inside"
    """In the transaction that brings an older ledger up to date, all of its steps done."""
    MIGRATED = "migrate.committed"
    PRUNING = "prune.inside"
    """In the transaction that prunes a partition: its sums are written, its batches are not all gone."""
    PRUNED = "prune.committed"
    """A partition is pruned, and all of its files are there."""
    FILE_REMOVED = "prune.file_removed"
    """A file is gone, and the ledger takes it to be there."""
    REMEMBERED = "forget.tombstone"
    """Who is to be forgotten is on record; every file is as it was."""
    REWRITTEN = "forget.written"
    """A file without them lasts, and the ledger names the old one."""
    FORGETTING = "forget.inside"
    """In the transaction that names the new files of a partition: its batches are not all changed."""
    FORGOTTEN = "forget.committed"
    """The ledger names the new files, and the old ones are there."""
    REPLACED = "forget.file_removed"
    """An old file is gone, and the ledger has it on its list of files to remove."""
    SNAPSHOT = "backup.dumped"
    """The ledger's tables are in the backup; no partition file was copied since."""
    COPIED = "backup.copied"
    """A copy of a file is whole, and has its temporary name."""
    COMPLETE = "backup.complete"
    """Everything is in the backup but the manifest that names it."""
    CHECKED = "restore.checked"
    """The backup was found to be whole; nothing was restored."""
    FILES_BACK = "restore.files"
    """Every file is in the storage, and the ledger is as it was."""
    LOADING = "restore.inside"
    """In the transaction that fills the ledger, all rows there."""
    RESTORED = "restore.committed"


_OTHERS: Final = ("stage.", "migrate.", "prune.", "forget.", "backup.", "restore.")
SHIPPING: Final = tuple(point for point in CrashPoint if not point.startswith(_OTHERS))
"""The points that an export or a shipment meets, of windows that are read in one go."""


_armed: str | None = None
_passes = 0
"""How often the armed point is passed before it kills."""


def reach(point: CrashPoint) -> None:
    """Kill this process with SIGKILL if this point is armed and its turn has come; else a no-op."""
    if _armed is not None:
        _pass(point)


def arm(setting: str) -> None:
    """Arm one point, as `name` or `name:nth` from 1; an empty text arms none.

    Raises ValueError for an unknown name, and for a turn that is not a number from 1.
    """
    global _armed, _passes  # noqa: PLW0603  one process dies once: this is its only state
    name, _, nth = setting.partition(":")
    turn = int(nth or "1")
    if turn < 1:
        raise ValueError(f"{setting}: the turn of a crash point is a number from 1")
    _armed = CrashPoint(name).value if name else None
    _passes = turn - 1


def _pass(point: CrashPoint) -> None:
    global _passes  # noqa: PLW0603  as above
    if point != _armed:
        return
    if _passes == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _passes -= 1
