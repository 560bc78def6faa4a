"""What an export run planned, read back from the ledger."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from statsig_export.delivery.batch import Batch
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan
from statsig_export.ledger.stored_files import STORED, stored_file
from statsig_export.ledger.tables import batches, export_runs, generations, partitions
from statsig_export.vocabulary import Category


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """An export run on record."""

    orchestrator_run: str | None
    rows_read: int
    queries: Mapping[str, str]
    filter_fingerprint: str
    account: Mapping[Category, Mapping[str, Any]]
    """Its own account, as the ledger keeps it."""
    plans: Sequence[PartitionPlan]
    """One for each category that it was for; the batches are those that stand as they were planned."""


def planned_run(database: LedgerDatabase, run_id: str) -> PlannedRun:
    """The run with this id, which the ledger has."""
    columns = generations.c
    added = (
        select(partitions.c.category, columns.partition, columns.generation, *STORED)
        .join(partitions, partitions.c.id == columns.partition)
        .where(columns.export_run == run_id)
        .order_by(columns.generation)
    )
    of_run = select(columns.partition, columns.generation).where(columns.export_run == run_id).subquery()
    same = (of_run.c.partition == batches.c.partition) & (of_run.c.generation == batches.c.generation)
    cut = (
        select(batches.c.partition, batches.c.generation)
        .add_columns(batches.c.batch_id, batches.c.first_row, batches.c.rows, batches.c.body_bytes)
        .join(of_run, same)
        .where(batches.c.parent.is_(None), batches.c.replay_of.is_(None))
        .order_by(batches.c.id)
    )
    planned: dict[str, list[GenerationPlan]] = defaultdict(list)
    of_generation: dict[tuple[int, int], list[Batch]] = defaultdict(list)
    with database.read() as connection:
        run = connection.execute(select(export_runs).where(export_runs.c.id == run_id)).one()
        files = connection.execute(added).all()
        for partition, generation, *batch in connection.execute(cut):
            of_generation[partition, generation].append(Batch(*batch))
    for row in files:
        mine = of_generation[row.partition, row.generation]
        planned[row.category].append(GenerationPlan(row.generation, stored_file(row), mine))
    account = json.loads(run.account)
    return PlannedRun(
        orchestrator_run=run.orchestrator_run,
        rows_read=run.rows_read,
        queries=json.loads(run.queries),
        filter_fingerprint=run.filter_fingerprint,
        account={Category(name): counts for name, counts in account.items()},
        plans=[_plan(Category(name), counts, planned[name]) for name, counts in account.items()],
    )


def _plan(category: Category, counts: Mapping[str, Any], added: Sequence[GenerationPlan]) -> PartitionPlan:
    return PartitionPlan(
        category=category,
        after_generation=0,
        generations=added,
        filtered_by=counts["filtered_by"],
        failed_by=counts["failed_by"],
        quarantine=None,
    )
