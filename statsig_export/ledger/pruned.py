"""What the ledger keeps of pruned partitions, and the refusal to export or replay them.

Their generations stay on record, but the files are gone. Without the files nothing shows which events of the window
were planned, so another export would send all of them again; and there is nothing left to replay.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, insert, select

from statsig_export.errors import ConfigError
from statsig_export.ledger.tables import partitions, pruned_partitions
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key

NOT_PRUNED: Final[ColumnElement[bool]] = partitions.c.id.not_in(select(pruned_partitions.c.partition))
"""The condition on `partitions` that leaves out pruned ones."""


@dataclass(frozen=True, slots=True)
class PrunedPartition:
    """The batches and attempts of a pruned partition, summed up; of its account what they stood for, in events."""

    pruned_ms: int
    forwarded: int
    failed_by: Mapping[str, int]
    """Outcome -> events that failed in delivery."""
    rate_limited: int
    last_error: str | None
    batches: int
    attempts: int
    outcomes: Mapping[str, int]
    """Outcome -> attempts."""
    first_attempt_ms: int | None
    last_attempt_ms: int | None

    @property
    def pruned(self) -> datetime:
        return datetime.fromtimestamp(self.pruned_ms / 1000, UTC)


def pruned_partitions_of(connection: Connection, *which: ColumnElement[bool]) -> dict[int, PrunedPartition]:
    """Id -> what is left, for the pruned ones of the partitions that the conditions choose."""
    wanted = select(pruned_partitions).join(partitions, partitions.c.id == pruned_partitions.c.partition)
    return {
        row.partition: PrunedPartition(
            pruned_ms=row.pruned_ms,
            forwarded=row.forwarded,
            failed_by=json.loads(row.failed_by),
            rate_limited=row.rate_limited,
            last_error=row.last_error,
            batches=row.batches,
            attempts=row.attempts,
            outcomes=json.loads(row.outcomes),
            first_attempt_ms=row.first_attempt_ms,
            last_attempt_ms=row.last_attempt_ms,
        )
        for row in connection.execute(wanted.where(*which))
    }


def keep(connection: Connection, partition: int, left: PrunedPartition, quarantine: str | None) -> None:
    """Record what is left of a partition; `quarantine` is the file that it named, still to be removed."""
    row = {
        "partition": partition,
        "pruned_ms": left.pruned_ms,
        "quarantine": quarantine,
        "forwarded": left.forwarded,
        "failed_by": json.dumps(dict(left.failed_by), sort_keys=True),
        "rate_limited": left.rate_limited,
        "last_error": left.last_error,
        "batches": left.batches,
        "attempts": left.attempts,
        "outcomes": json.dumps(dict(left.outcomes), sort_keys=True),
        "first_attempt_ms": left.first_attempt_ms,
        "last_attempt_ms": left.last_attempt_ms,
    }
    connection.execute(insert(pruned_partitions), [row])


def refuse_pruned(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Raises ConfigError, which names the day, if one of the partitions that the conditions choose was pruned."""
    columns = partitions.c
    wanted = (
        select(columns.category, columns.window, pruned_partitions.c.pruned_ms)
        .join(pruned_partitions, pruned_partitions.c.partition == columns.id)
        .where(*which)
        .order_by(columns.window_start_ms, columns.category)
    )
    found = connection.execute(wanted).all()
    if not found:
        return
    first = partition_key(Category(found[0].category), found[0].window)
    day = datetime.fromtimestamp(found[0].pruned_ms / 1000, UTC)
    others = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    raise ConfigError(
        f"{first} was pruned on {day:%Y-%m-%d}{others}: without their files, pruned partitions can be neither exported"
        " nor sent again",
        hint="leave them out of the range; docs/retention.md says how to send them anew all the same",
    )
