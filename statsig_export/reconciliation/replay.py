"""Sends again what did not arrive: the rows alone that are missing, with the same ids, as replays."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from statsig_export.config import Config
from statsig_export.delivery.batch import Batch
from statsig_export.delivery.batches import batch_id, body
from statsig_export.delivery.rules import DEFAULT_POLICY, RetryPolicy
from statsig_export.errors import PartitionFileError
from statsig_export.ledger import arrivals as ledger_arrivals
from statsig_export.ledger import queries
from statsig_export.ledger.arrivals import SentBatch
from statsig_export.ledger.records import ReplayPlan, Selection
from statsig_export.ledger.replays import open_to_parts, plan_parts, refuse_pruned_of
from statsig_export.ledger.transactions import Ledger, ledger_of
from statsig_export.reconciliation.check import compare
from statsig_export.reconciliation.comparison import Comparison, Rows
from statsig_export.reconciliation.reports import Judged
from statsig_export.reconciliation.segments import Segment
from statsig_export.runs import REAL_TIME, Job, RunStart, Timing, no_progress, observed
from statsig_export.shipping.context import ShipContext
from statsig_export.shipping.replay import replay_of_planned
from statsig_export.shipping.reports import ReplayReport
from statsig_export.storage.storage import Storage
from statsig_export.windows import partition_keys, split_partition_key

Parts = Mapping[int, Mapping[int, Sequence[tuple[int, Batch]]]]
"""Partition -> batch -> the generation and the rows of each batch that sends some of it again."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing of some partitions, as it was just compared."""

    parts: Parts
    compared: frozenset[SentBatch]
    """What the ledger had of each batch when it was compared."""
    unreadable: Sequence[PartitionFileError]
    """Files of these partitions that are lost: whether their events are missing nobody knows."""
    judged: Judged
    withheld: int
    """Events that are missing by `grace` alone, of a connection that was not heard: not among `parts`."""

    @property
    def says(self) -> Sequence[str]:
        """How the connection stands, and what is not sent for that."""
        if not self.withheld:
            return self.judged.says
        held = (
            f"{self.withheld:,} events that are missing by `grace` alone are not sent: a sync may still bring them. "
            "Mend the access to Fivetran's API, or take connection out of [arrivals] to go by `grace`."
        )
        return (*self.judged.says, held)

    @property
    def plan(self) -> ReplayPlan:
        cut = [batch for of in self.parts.values() for some in of.values() for _, batch in some]
        return ReplayPlan(events=sum(batch.rows for batch in cut), requests=len(cut))


def missing(config: Config, selection: Selection, keys: Sequence[str], *, now_ms: int | None = None) -> Missing:
    """Compare the partitions of the selection, record it, and say what is missing of `keys`. Sends nothing.

    Raises ConfigError, also if one of `keys` was pruned, SourceError, LedgerError, StorageError.
    """
    with ledger_of(config) as ledger:
        return _missing(config, ledger, selection, keys, REAL_TIME.now_ms() if now_ms is None else now_ms)


def replay_missing(  # noqa: PLR0913  what replay takes, and the selection
    config: Config,
    selection: Selection,
    keys: Sequence[str],
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
    timing: Timing = REAL_TIME,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> ReplayReport:
    """Compare, then send the events of these partitions (`category|window`, within the selection) that are missing, and
    anything else that is due there. What is missing of a batch is one request for each run of its rows that follow one
    another. Raises what `check_arrivals` and `replay` raise.
    """
    context = ShipContext(orchestrator_run_id, on_progress or no_progress, timing, policy)
    keys = partition_keys(keys)
    start = RunStart(Job.REPLAY, config, orchestrator_run_id, keys)
    return observed(start, partial(_replay, config, selection, keys, context))


def _replay(config: Config, selection: Selection, keys: Sequence[str], context: ShipContext) -> ReplayReport:
    now_ms = context.timing.now_ms()
    with ledger_of(config) as ledger:
        found = _missing(config, ledger, selection, keys, now_ms)
        replayed = sum(
            plan_parts(ledger.database, one, parts, found.compared, now_ms) for one, parts in found.parts.items()
        )
    report = replay_of_planned(config, keys, context, replayed)
    return replace(report, unreadable=tuple(found.unreadable), says=tuple(found.says), withheld=found.withheld)


def _missing(config: Config, ledger: Ledger, selection: Selection, keys: Sequence[str], now_ms: int) -> Missing:
    wanted = [split_partition_key(key) for key in keys]
    ids = set(queries.partition_ids(ledger.database, config.webhook.name, wanted).values())
    refuse_pruned_of(ledger.database, sorted(ids))
    compared = compare(config, ledger.database, selection, now_ms, keep_missing=True)
    ledger_arrivals.record(ledger.database, config.webhook.name, compared.comparison.by_batch(), compared.check)
    parts: dict[int, dict[int, list[tuple[int, Batch]]]] = defaultdict(lambda: defaultdict(list))
    comparison = compared.sure
    found = {number: comparison.segments[number] for number in comparison.missing_in()}
    touched = sorted({segment.partition for segment in found.values()} & ids)
    may_be_sent = open_to_parts(ledger.database, touched, compared.batches)
    chosen = [number for number, segment in found.items() if segment.batch in may_be_sent]
    with Storage(config.storage_url()) as storage:
        for segment, rows in _by_batch(comparison.missing_rows(chosen), found):
            file = compared.files[segment.partition, segment.generation]
            for first_row, count in _runs(rows):
                made = body(storage.read_events(file, first_row, count))
                batch = Batch(batch_id(config.webhook.name, made), first_row, count, len(made))
                parts[segment.partition][segment.batch].append((segment.generation, batch))
    unreadable = [error for (partition, _), error in compared.unreadable.items() if partition in ids]
    withheld = 0
    if compared.sure is not compared.comparison:
        withheld = _missing_of(compared.comparison, ids) - _missing_of(compared.sure, ids)
    return Missing(parts, compared.batches, unreadable, compared.judged, withheld)


def _missing_of(comparison: Comparison, ids: Collection[int]) -> int:
    """Events of these partitions that are missing, each once."""
    mine = [number for number in comparison.missing_in() if comparison.segments[number].partition in ids]
    return sum(len(rows) for rows in comparison.missing_rows(mine).values())


def _by_batch(missing: Mapping[int, Rows], found: Mapping[int, Segment]) -> Iterator[tuple[Segment, Rows]]:
    """The missing rows of each batch together, and one of its segments: where an earlier replay ended is no reason for
    another request.
    """
    together: dict[int, list[int]] = defaultdict(list)
    for number in missing:
        together[found[number].batch].append(number)
    for numbers in together.values():
        yield found[numbers[0]], np.sort(np.concatenate([missing[number] for number in numbers]))


def _runs(rows: Rows) -> Iterator[tuple[int, int]]:
    """First row and length of each run of rows that follow one another."""
    breaks = np.flatnonzero(np.diff(rows) > 1) + 1
    for run in np.split(rows, breaks):
        yield int(run[0]), len(run)
