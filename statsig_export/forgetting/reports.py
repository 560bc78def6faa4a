"""What forgetting somebody has changed, or would. Counts, and the ids of events; no id of a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from statsig_export.account import Account


class SentEvent(NamedTuple):
    """An event that was taken out of a partition file, and that the destination has or may have."""

    time_uuid: str
    event_name: str
    category: str
    window: str
    timestamp: datetime
    """Its own."""
    first_sent: datetime
    """When the first request began that may have brought it there."""
    last_sent: datetime
    """When the last one ended."""
    delivered: bool
    """Whether one was accepted; else the result of some is unknown."""


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was changed, or would be."""

    dry_run: bool = False
    people: int = 0
    """Ids that were named, every spelling of one counted once."""
    remembered: bool = False
    """Whether it is on record that they are forgotten."""
    events: int = 0
    """Taken out of partition files."""
    delivered: int = 0
    """Of them: the destination has accepted them."""
    perhaps_delivered: int = 0
    """Of them: nobody knows whether the destination has them."""
    partitions: tuple[str, ...] = ()
    """Those of which something was taken out."""
    account: Account = field(default_factory=Account)
    """Of these partitions now."""
    files: int = 0
    """Files that were written again."""
    removed_files: int = 0
    """Old files that were removed, those that an earlier run left included."""
    shared_files: int = 0
    """Old files that were not removed, since another destination of the ledger has them too."""
    postponed_files: int = 0
    """Old files that somebody wrote again within the last day, perhaps for another destination."""
    busy: tuple[str, ...] = ()
    """Partitions that were left as they are, since a shipper, a prune or another `forget` holds their lock."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """File -> what is wrong with it: it may have events of theirs still."""
    unnamed_files: int = 0
    """Files with events that no partition of the ledger names."""
    unnamed_of_theirs: tuple[str, ...] = ()
    """Of them: those that have events of theirs, or cannot be read."""
    unfinished_files: int = 0
    """Files that an export is writing, or was when it was killed: nobody can say what they hold."""
    other_destinations: tuple[str, ...] = ()
    """Destinations of the ledger in which they are not forgotten by this."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do here."""
        return not (self.busy or self.unreadable or self.postponed_files or self.unnamed_of_theirs)


@dataclass(frozen=True, slots=True)
class ForgottenUnits:
    """How many ids of one unit type are forgotten."""

    unit_type: str
    ids: int
    unfinished: int
    """Of them: some partition file may still have their events."""
    latest: datetime
    """When one of them was last asked for."""
