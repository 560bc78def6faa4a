"""Decides the exit code of a verb, and why events are still pending. Pure: reads and prints nothing.

docs/exit-codes.md has the resulting table of verbs and exit codes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from statsig_export.account import Account
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.ledger.records import PartitionStatus
from statsig_export.settings import CheckSettings, WindowSettings
from statsig_export.windows import closed_windows


@dataclass(frozen=True, slots=True)
class Waiting:
    """The pending events of one partition."""

    partition: str
    events: int
    due: datetime | None
    """When the first of them may be sent; None while they are under way, or were when their run died."""
    why: str

    def to_dict(self) -> dict[str, object]:
        """An entry of `pending` in --json reports."""
        due = self.due.isoformat(timespec="seconds") if self.due else None
        return {"partition": self.partition, "events": self.events, "due": due, "why": self.why}


def verdict(checks: CheckSettings, account: Account, *, unsent: int = 0, missing: int = 0) -> int:
    """0 if nothing is pending, nothing asked for is missing, and no more events failed than tolerated; else 1.

    `unsent` includes replays, which are not part of the account.
    """
    unfinished = unsent or account.pending or missing
    return NOT_ALL_DONE if unfinished or not checks.tolerates(account) else DONE


def waiting(
    statuses: Iterable[PartitionStatus],
    now: datetime,
    busy: Collection[str] = (),
    paused_until: float | None = None,
) -> list[Waiting]:
    """What is still to be sent of these partitions, and why; of those in `busy` another run has the lock.

    Nothing is due before the end of a pause (`paused_until`, a Unix time).
    """
    resumed = now if paused_until is None else datetime.fromtimestamp(paused_until, now.tzinfo)
    return [
        Waiting(
            partition=status.partition,
            events=status.unsent,
            due=None if status.due_in is None else max(now + timedelta(seconds=status.due_in), resumed),
            why=_why(status, held=status.partition in busy),
        )
        for status in statuses
        if status.unsent
    ]


def by_reason(partitions: Iterable[Waiting]) -> list[tuple[str, Sequence[Waiting]]]:
    """Reason -> the partitions that wait for it, those with the most events first."""
    groups: dict[str, list[Waiting]] = defaultdict(list)
    for one in partitions:
        groups[one.why].append(one)
    return sorted(groups.items(), key=lambda group: -sum(one.events for one in group[1]))


def not_exported(
    statuses: Iterable[PartitionStatus],
    start: datetime | None,
    end: datetime | None,
    settings: WindowSettings,
    now: datetime,
) -> list[str]:
    """The closed windows of a range that was asked for, of which nothing is in the ledger; none without a range.

    Where an end of the range was left open, it ends with what was exported, if anything was.
    """
    if start is None and end is None:
        return []
    exported = {status.window for status in statuses}
    asked = [
        window
        for window in closed_windows(start or settings.start, end or now, settings, now)
        if (start is None or window.start >= start)
    ]
    known = [place for place, window in enumerate(asked) if window.key in exported]
    if known:
        first = 0 if start is not None else known[0]
        last = len(asked) if end is not None else known[-1]
        asked = asked[first:last]
    return [window.key for window in asked if window.key not in exported]


def _why(status: PartitionStatus, *, held: bool) -> str:
    if held:
        return "held by another run"
    if status.last_error:
        return f"last error: {status.last_error}"
    if status.due_in is None:
        return "under way in another run, or in one that died: the next run recovers it"
    return "not sent yet"
