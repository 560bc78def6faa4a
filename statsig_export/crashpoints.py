"""Named crash points: places in the shipped code where a process can be told to die as if the power had gone.

    STATSIG_EXPORT_CRASH=claim.committed:2 statsig-export ship     # SIGKILL at the second claim that was written down

The variable is read once, when this module is imported. Without it a point is a call that finds nothing armed (some
50 ns, once a chunk, a file, a transaction or a request), so the points stay in the code that runs in production: what
the torture kills is what ships. The pure modules have none.
"""

import os
import signal
from enum import StrEnum
from typing import Final

VARIABLE: Final = "STATSIG_EXPORT_CRASH"


class CrashPoint(StrEnum):
    """Around every step that lasts, in the order in which a run meets them."""

    READING = "export.reading"
    """A chunk of the window was judged, and its new events are in the temporary file."""
    FILE_WRITTEN = "file.written"
    """A file is whole, not synced, and has its temporary name."""
    FILE_SYNCED = "file.synced"
    FILE_RENAMED = "file.renamed"
    """It has its final name; the folder is not synced."""
    FILES_PUBLISHED = "export.published"
    """Every file of the run lasts, and the ledger names none of them yet."""
    PLANNING = "plan.inside"
    """In the transaction that plans, after one of its partitions."""
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


SHIPPING: Final = tuple(point for point in CrashPoint if not point.startswith(("migrate.", "prune.")))
"""The points that an export or a shipment meets."""


_armed: str | None = None
_passes = 0
"""How often the armed point is passed before it kills."""


def reach(point: CrashPoint) -> None:
    """Die here, at once and without a trace, when this point is armed and its turn has come."""
    if _armed is not None:
        _pass(point)


def arm(setting: str) -> None:
    """Arm one point, as `name` or `name:nth` from 1; an empty text arms none.

    Raises ValueError for a name that no point has, and for a turn that is no number from 1.
    """
    global _armed, _passes  # noqa: PLW0603  one process dies once: this is its only state
    name, _, nth = setting.partition(":")
    turn = int(nth or "1")
    if turn < 1:
        raise ValueError(f"{setting}: a point is reached for the first time at the earliest")
    _armed = CrashPoint(name).value if name else None
    _passes = turn - 1


def _pass(point: CrashPoint) -> None:
    global _passes  # noqa: PLW0603  as above
    if point != _armed:
        return
    if _passes == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _passes -= 1


arm(os.environ.get(VARIABLE, ""))
