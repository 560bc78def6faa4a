"""When something is wrong with an export, how bad it is, whose fault, and what to do. Pure.

Each rule takes figures and gives a finding, or None while all is well. `check`, the asset checks in Dagster and the
alerts differ in the windows they look at; what is too much or too long they are all told here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from statsig_export.account import Account
from statsig_export.settings import CheckSettings
from statsig_export.shipping.reports import DestinationStanding

CRITICAL_FACTOR: Final = 24
"""Events that are pending for so many times the age that is a warning are critical: a day, by default."""


class Level(IntEnum):
    """The exit codes of Nagios plugins. `check` exits with the worst of its findings."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Fault(StrEnum):
    """Whose fault it is, and so who can mend it."""

    CONFIGURATION = "the configuration: export.toml, or a variable that it names"
    SOURCE = "the source: its database, or whoever fills it"
    DESTINATION = "the destination: its URL, its secret, or the other side"
    LEDGER = "the ledger or the storage: their database, disk or bucket"
    SCHEDULE = "whatever starts the exports and shipments: Dagster's daemon, cron"
    FIVETRAN = "Fivetran's connection, or the table that it writes"
    MACHINE = "the machine: a run was killed, or ran out of time or memory"
    OURS = "statsig-export itself: a bug"
    NOBODY = "nobody's"


class Kind(StrEnum):
    """What is found at most once at a time."""

    LEDGER = "ledger"
    HALTED = "halted"
    PAUSED = "paused"
    PENDING = "pending"
    FAILED = "failed"
    NOT_EXPORTED = "not_exported"
    LATE_ROWS = "late_rows"
    NOT_ARRIVED = "not_arrived"
    EMPTY = "empty"
    OTHER_LEDGER = "other_ledger"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. No part of it holds a secret or anything of an event."""

    level: Level
    kind: Kind
    what: str
    fault: Fault
    do: str
    joint: str = ""
    """What stands between the two where one line says both; "" where `what` is enough."""
    partitions: tuple[str, ...] = ()
    """Windows or partitions (`category|window`) that it is about, where it is about some."""

    @property
    def text(self) -> str:
        return f"{self.what}{self.joint}{self.do}" if self.joint else self.what


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is a warning, or critical."""

    checks: CheckSettings
    pending: timedelta
    pending_critical: timedelta
    export: timedelta
    """For so long a window may be closed without having been exported."""

    @classmethod
    def of(
        cls,
        checks: CheckSettings,
        pending: timedelta | None = None,
        critical: timedelta | None = None,
        export: timedelta | None = None,
    ) -> "Limits":
        """Those of `[checks]`, but for what is given."""
        pending = checks.overdue_after if pending is None else pending
        critical = pending * CRITICAL_FACTOR if critical is None else critical
        return cls(checks, pending, critical, checks.overdue_after if export is None else export)


@dataclass(frozen=True, slots=True)
class Figures:
    """The state in the ledger of one destination."""

    destination: str
    standing: DestinationStanding = field(default_factory=DestinationStanding)
    account: Account = field(default_factory=Account)
    """Of the newest exported windows, as far back as `[windows] lookback`."""
    unsent: int = 0
    """Events still to be sent, of all windows and with replays."""
    oldest: timedelta = timedelta()
    """How long the oldest of them is pending."""
    unsent_partitions: Sequence[str] = ()
    skipped: Sequence[str] = ()
    """Closed windows that were never exported since the exports began."""
    behind: int = 0
    """How many of them are newer than the newest exported one."""
    late: int = 0
    """Events that the exports of the last day added to windows that were exported before."""
    planned: int = 0
    """All events that the exports of the last day laid down."""
    missing: int = 0
    """Forwarded events that the latest comparison with Fivetran's table did not find. 0 without one."""
    empty: bool = False
    """Whether nothing was exported yet."""
    no_ledger_at: str = ""
    """Where a ledger should be; "" where there is one."""
    other_ledgers: str | None = ""
    """The ids of other ledgers that have sent to this destination from this storage; "" for none, None where that is
    not known.
    """


def findings(figures: Figures, limits: Limits) -> list[Finding]:
    """All that is wrong, in the order of the pipeline seen from its end."""
    name = figures.destination
    found = [
        halted(name, figures.standing.halted),
        _paused(figures.standing),
        pending(figures.unsent, figures.oldest, limits, figures.unsent_partitions),
        failed(figures.account, limits.checks),
        not_exported(figures.skipped, figures.behind, limits.checks),
        _late_rows(figures.late, figures.planned, limits.checks),
        not_arrived(figures.missing),
        _other_ledger(figures),
    ]
    wrong = [finding for finding in found if finding is not None]
    return wrong if wrong or not figures.empty else [_empty(name, figures.no_ledger_at)]


def halted(destination: str, reason: str | None) -> Finding | None:
    if reason is None:
        return None
    what = f"the destination {destination} is halted: {reason}"
    do = "repair the set-up, then run `statsig-export resume`"
    return Finding(Level.CRITICAL, Kind.HALTED, what, Fault.DESTINATION, do, "; ")


def pending(events: int, oldest: timedelta, limits: Limits, partitions: Sequence[str] = ()) -> Finding | None:
    """Events that wait for longer than they may."""
    if not events or oldest <= limits.pending:
        return None
    level = Level.CRITICAL if oldest > limits.pending_critical else Level.WARNING
    what = f"{events:,} events are pending, the oldest for {timedelta(seconds=round(oldest.total_seconds()))}"
    do = "see whether `ship` or ship_sensor still runs; `statsig-export status` has the last error"
    return Finding(level, Kind.PENDING, what, Fault.SCHEDULE, do, partitions=tuple(partitions))


def failed(account: Account, checks: CheckSettings) -> Finding | None:
    """More failed than `[checks] max_failed_share`."""
    if checks.tolerates(account):
        return None
    what = f"{account.failed:,} of {account.events:,} events of the newest windows failed"
    do = "`statsig-export status --failed` lists them"
    return Finding(Level.WARNING, Kind.FAILED, what, Fault.SOURCE, do, ": ")


def not_exported(windows: Sequence[str], behind: int, checks: CheckSettings) -> Finding | None:
    """Closed windows that were not exported. `behind`: those newer than any that was."""
    if not windows:
        return None
    many = checks.max_windows_behind is not None and behind >= checks.max_windows_behind
    what = f"{len(windows):,} closed windows are not exported, the first {windows[0]}"
    do = f"read the failed runs, then `statsig-export run --from {windows[0]} --to ...`"
    level = Level.CRITICAL if many else Level.WARNING
    return Finding(level, Kind.NOT_EXPORTED, what, Fault.SCHEDULE, do, partitions=tuple(windows))


def not_arrived(missing: int) -> Finding | None:
    """Forwarded events that Fivetran's table does not have."""
    if not missing:
        return None
    what = f"{missing:,} forwarded events are missing in the table that Fivetran writes"
    do = "look at the connection in Fivetran; `statsig-export replay --missing` sends them again"
    return Finding(Level.WARNING, Kind.NOT_ARRIVED, what, Fault.FIVETRAN, do, "; ")


def _paused(standing: DestinationStanding) -> Finding | None:
    """A rate limit is no fault."""
    if not standing.paused_until or standing.rate_limited:
        return None
    until = datetime.fromtimestamp(standing.paused_until, UTC)
    what = f"sending pauses until {until:%H:%M} UTC after failures in a row"
    do = "wait; if it goes on, ask the other side, with the time and the webhook-id that `statsig-export trace` shows"
    return Finding(Level.WARNING, Kind.PAUSED, what, Fault.DESTINATION, do)


def _late_rows(late: int, planned: int, checks: CheckSettings) -> Finding | None:
    if not late or late <= checks.max_late_share * planned:
        return None
    what = f"{late:,} of the {planned:,} events that were exported in a day came after their window had been exported"
    do = "they are sent; if it goes on, raise [windows] settle (a wider filter does this once)"
    return Finding(Level.WARNING, Kind.LATE_ROWS, what, Fault.SOURCE, do)


def _other_ledger(figures: Figures) -> Finding | None:
    """A ledger that was lost, or a second one at work: both send again what the other has sent."""
    if not figures.other_ledgers:
        return None
    what = f"another ledger has sent events to {figures.destination} from this storage ({figures.other_ledgers})"
    settled = "once that is settled, remove its folder in receipts/ of the storage (docs/how-to/backup.md)"
    restore = "`statsig-export restore --lost ID`"
    if not figures.empty:
        what = f"{what}: what that one sent may be sent again by this one"
        do = f"if that one is at work, stop one of the two; if it is lost, {restore} into a new ledger; {settled}"
        return Finding(Level.WARNING, Kind.OTHER_LEDGER, what, Fault.LEDGER, do, "; ")
    here = f"there is no ledger at {figures.no_ledger_at}" if figures.no_ledger_at else "this one has exported nothing"
    what = f"{what}, and {here}: the next run sends all of it again"
    do = f"if it is lost, before the next run remove this one, if there is one, and {restore}; {settled}"
    return Finding(Level.CRITICAL, Kind.OTHER_LEDGER, what, Fault.LEDGER, do, "; ")


def _empty(destination: str, no_ledger_at: str) -> Finding:
    what = f"nothing was exported yet for the destination {destination}"
    do = "export a window: `statsig-export run`, or switch export_schedule on"
    if no_ledger_at:
        what = f"{what}: there is no ledger at {no_ledger_at}"
        do = f"{do}; if there should be a ledger, export nothing before it is back: see [ledger] url, then its disk"
    return Finding(Level.UNKNOWN, Kind.EMPTY, what, Fault.SCHEDULE, do)
