"""What a comparison says, for people and programs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The last word on some forwarded events: forwarded = arrived + missing + not_yet + unchecked. All are events."""

    forwarded: int = 0
    arrived: int = 0
    """Their id is in the table."""
    missing: int = 0
    """Their id is not there, though a sync has begun and ended after the last attempt of every batch that sent them."""
    not_yet: int = 0
    """Their id is not there, and that sync may be still to come."""
    unchecked: int = 0
    """No comparison has looked for them: their partition was pruned, or none was made since they were sent."""
    repeated_replay: int = 0
    """There more than once after a replay; they are among `arrived`, as are the next two."""
    repeated_unknown: int = 0
    """There more than once after an attempt whose result nobody can know."""
    repeated_other: int = 0
    """There more than once, and nothing on record explains it."""
    unconfirmed: int = 0
    """There, and pending or failed for the ledger: beside the sum."""

    @property
    def repeated(self) -> int:
        return self.repeated_replay + self.repeated_unknown + self.repeated_other

    def __add__(self, other: Self) -> "Arrivals":
        return Arrivals(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    def to_dict(self) -> dict[str, int]:
        return {**asdict(self), "repeated": self.repeated}


@dataclass(frozen=True, slots=True)
class PartitionArrivalsLine:
    """One partition of a report."""

    window: str
    category: str
    arrivals: Arrivals

    def to_dict(self) -> dict[str, object]:
        return {"window": self.window, "category": self.category, **self.arrivals.to_dict()}


@dataclass(frozen=True, slots=True)
class Judged:
    """What says whether an event that is not there is missing, or not there yet."""

    by: Literal["grace", "syncs"]
    """`[arrivals] grace`, or the syncs of the connection that `[arrivals]` names."""
    until_ms: int | None
    """What was last attempted by then is missing where it is not there; None: nothing is."""
    sure_ms: int | None
    """What was last attempted by then a sync had to bring for sure: `until_ms`, unless `grace` says that in place of a
    connection that was not heard. `replay --missing` sends nothing that was attempted later.
    """
    connection: str | None = None
    succeeded: datetime | None = None
    """When a sync of it last succeeded; None where none has, or Fivetran was not heard."""
    failed: datetime | None = None
    began: datetime | None = None
    """The sync that succeeded began then or later, as far as anybody has seen; else `grace` before its end."""
    says: Sequence[str] = ()
    """Sentences: that Fivetran was not heard, that the connection is paused, that its last sync failed."""

    @property
    def until(self) -> datetime | None:
        return None if self.until_ms is None else datetime.fromtimestamp(self.until_ms / 1000, UTC)

    def to_dict(self) -> Mapping[str, object]:
        times = {"until": self.until, "succeeded": self.succeeded, "failed": self.failed, "began": self.began}
        told = {name: None if time is None else time.isoformat() for name, time in times.items()}
        return {"by": self.by, "connection": self.connection, **told, "says": list(self.says)}


@dataclass(frozen=True, slots=True)
class ArrivalsReport:
    """The latest figures of some partitions."""

    partitions: Sequence[PartitionArrivalsLine]
    """Oldest window first."""
    checked: datetime | None
    """When the latest comparison was; None before the first."""
    since: datetime | None
    """What was written to the table before was not looked at."""
    landed: int
    """Rows of the table that were read."""
    alien: int
    """Of these the rows whose id is none of ours."""
    judged: Judged | None = field(default=None, compare=False)
    """By what this comparison judged; None of figures that were only looked up."""

    @property
    def total(self) -> Arrivals:
        return summed(line.arrivals for line in self.partitions)

    def to_dict(self) -> Mapping[str, object]:
        return {
            **self.total.to_dict(),
            "alien": self.alien,
            "landed": self.landed,
            "checked": None if self.checked is None else self.checked.isoformat(),
            "since": None if self.since is None else self.since.isoformat(),
            "judged": None if self.judged is None else self.judged.to_dict(),
            "partitions": [line.to_dict() for line in self.partitions],
        }


def summed(all_arrivals: Iterable[Arrivals]) -> Arrivals:
    total = Arrivals()
    for one in all_arrivals:
        total += one
    return total
