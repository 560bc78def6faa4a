"""The part of a plan's transaction that adds to the partitions of a window: as many statements for six as for one."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.batch import Batch
from statsig_export.delivery.rules import State
from statsig_export.errors import StalePlanError
from statsig_export.ledger.forgotten import rewritten_ms, see_forgotten
from statsig_export.ledger.list_parameters import among, among_given
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan
from statsig_export.ledger.pruned import refuse_pruned
from statsig_export.ledger.records import ExportRun
from statsig_export.ledger.shards import record_shards_read
from statsig_export.ledger.tables import batches, generations, partitions
from statsig_export.windows import partition_key

_Ids = Mapping[str, int]
"""Category -> the id of its partition."""
_SEEN: Final = ("export_run", "filtered_by", "failed_by", "quarantine")
"""What a partition has of its latest export."""
_SEE_AGAIN: Final = (
    update(partitions)
    .where(partitions.c.id == bindparam("known"))
    .values({name: bindparam(f"new_{name}") for name in _SEEN})
)

_OF_WINDOW: Final = (
    select(partitions.c.category, partitions.c.id)
    .where(partitions.c.destination == bindparam("named"), partitions.c.window == bindparam("of"))
    .where(among_given(partitions.c.category, "categories"))
    .order_by(partitions.c.id)
    .with_for_update()
)


def plan_partitions(connection: Connection, run: ExportRun, plans: Sequence[PartitionPlan]) -> None:
    """Record what a run adds to the partitions of its window; their rows are locked until the transaction ends.

    Raises ConfigError where one of them was pruned; StalePlanError where one has a newer generation, or somebody was
    taken out of its files, since the run read them.
    """
    known = _ids(connection, run, plans)
    _refuse_stale(connection, run, plans, known)
    again = [plan for plan in plans if plan.category in known]
    new = [plan for plan in plans if plan.category not in known]
    if again:
        connection.execute(_SEE_AGAIN, [{"known": known[plan.category], **_seen(run, plan, "new_")} for plan in again])
    if new:
        connection.execute(insert(partitions), [_partition_row(run, plan) for plan in new])
        known = _ids(connection, run, plans)
    see_forgotten(connection, {known[plan.category]: plan.forgotten for plan in plans})
    _plan_generations(connection, run, [(known[plan.category], one) for plan in plans for one in plan.generations])


def batch_row(batch: Batch, partition: int, generation: int, now_ms: int) -> dict[str, object]:
    """The row of a batch that is planned now."""
    return {
        "batch_id": batch.batch_id,
        "partition": partition,
        "generation": generation,
        "first_row": batch.first_row,
        "rows": batch.rows,
        "body_bytes": batch.body_bytes,
        "state": State.PLANNED.value,
        "planned_ms": now_ms,
        "due_ms": now_ms,
    }


def _ids(connection: Connection, run: ExportRun, plans: Sequence[PartitionPlan]) -> _Ids:
    """Those of the plans' partitions that there are already."""
    categories = [plan.category.value for plan in plans]
    wanted = {"named": run.destination, "of": run.window.key, "categories": categories}
    return {row.category: row.id for row in connection.execute(_OF_WINDOW, wanted)}


def _refuse_stale(connection: Connection, run: ExportRun, plans: Sequence[PartitionPlan], known: _Ids) -> None:
    """Looks once the rows of the partitions are locked: before that it could see what is no more."""
    newest: dict[int, int] = {}
    if known:
        refuse_pruned(connection, among(partitions.c.id, known.values()))
        of, number = generations.c.partition, func.max(generations.c.generation)
        found = connection.execute(select(of, number).where(among(of, known.values())).group_by(of))
        newest = {row[0]: row[1] for row in found}
    rewritten = rewritten_ms(connection, known.values())
    for plan in plans:
        key, partition = partition_key(plan.category, run.window.key), known.get(plan.category, 0)
        if newest.get(partition, 0) != plan.after_generation:
            raise StalePlanError(f"{key} has a newer generation", hint="export it again")
        if rewritten.get(partition) != plan.after_rewritten_ms:
            raise StalePlanError(f"somebody's events were taken out of {key}", hint="export it again")


def _plan_generations(connection: Connection, run: ExportRun, planned: Sequence[tuple[int, GenerationPlan]]) -> None:
    """`planned`: the id of a partition, and what is added to it."""
    if not planned:
        return
    connection.execute(insert(generations), [_generation_row(run, *one) for one in planned])
    record_shards_read(connection, [(partition, one.number, one.shard) for partition, one in planned if one.shard])
    reach(CrashPoint.PLANNING)
    rows = [
        batch_row(batch, partition, one.number, run.finished_ms) for partition, one in planned for batch in one.batches
    ]
    connection.execute(insert(batches), rows)


def _partition_row(run: ExportRun, plan: PartitionPlan) -> dict[str, object]:
    return {
        "destination": run.destination,
        "category": plan.category.value,
        "window": run.window.key,
        "window_start_ms": round(run.window.start.timestamp() * 1000),
        **_seen(run, plan),
    }


def _seen(run: ExportRun, plan: PartitionPlan, prefix: str = "") -> dict[str, object]:
    """The columns of `_SEEN`, under the names of a statement's parameters."""
    filtered, failed = (json.dumps(dict(counts), sort_keys=True) for counts in (plan.filtered_by, plan.failed_by))
    values = (run.id, filtered, failed, plan.quarantine)
    return {f"{prefix}{name}": value for name, value in zip(_SEEN, values, strict=True)}


def _generation_row(run: ExportRun, partition: int, plan: GenerationPlan) -> dict[str, object]:
    return {
        "partition": partition,
        "generation": plan.number,
        "file": plan.file.path,
        "digest": plan.file.digest,
        "rows": plan.file.rows,
        "bytes": plan.file.bytes,
        "export_run": run.id,
    }
