"""What a Dagster instance shows of partitions, and which of its runs will still report for themselves."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

import dagster as dg
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES  # of backfills: they have no public name

from statsig_export.dagster.keys import BACKFILL
from statsig_export.ledger.changes import LedgerRun

ENDED_FOR = timedelta(minutes=1)
"""A run that is marked as ended by force may have a request under way still."""
_MOST_OF_A_PARTITION = 100
"""Materializations that are looked through."""
_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION


@dataclass(slots=True)
class Picture:
    """Looked up for one tick, or one run: what was asked for once is remembered."""

    instance: dg.DagsterInstance
    now: float
    """Seconds since the epoch."""
    _runs: dict[str, bool | None] = field(default_factory=dict)
    """Whether each will report; None for one that is no run of Dagster, or was deleted."""
    _told: dict[str, list[dg.AssetMaterialization]] = field(default_factory=dict)
    _backfills: dict[str, bool] = field(default_factory=dict)

    def look_up(self, runs: Collection[str]) -> None:
        """Ask for all of these runs at once, and whether they will report."""
        unknown = [run for run in runs if run not in self._runs]
        if not unknown:
            return
        records = self.instance.get_run_records(dg.RunsFilter(run_ids=unknown))
        found = {record.dagster_run.run_id: record for record in records}
        self._runs |= {run: self._will_report(found[run]) if run in found else None for run in unknown}

    def is_under_way(self, run_id: str) -> bool:
        """Whether it, or another run of its backfill, will report what it did: nobody else should yet."""
        self.look_up([run_id])
        return bool(self._runs[run_id])

    def link(self, run_id: str) -> dg.MetadataValue:
        """A link to a run of Dagster; plain text for any other."""
        self.look_up([run_id])
        is_known = self._runs[run_id] is not None
        return dg.MetadataValue.dagster_run(run_id) if is_known else dg.MetadataValue.text(run_id)

    def newest(self, asset: dg.AssetKey, partitions: Collection[str]) -> dict[str, dg.EventLogRecord]:
        """Partition -> its newest materialization, where it has one."""
        storage = self.instance.event_log_storage
        ids = storage.get_latest_storage_id_by_partition(asset, _MATERIALIZED, partitions=set(partitions))
        if not ids:
            return {}
        wanted = dg.AssetRecordsFilter(asset_key=asset, storage_ids=list(ids.values()))
        records = self.instance.fetch_materializations(wanted, limit=len(ids)).records
        return {str(record.partition_key): record for record in records}

    def told_by(self, run: LedgerRun, asset: dg.AssetKey, partition: str) -> list[dg.AssetMaterialization]:
        """What a run of Dagster has reported of the partition itself, whatever was reported since."""
        if run.orchestrator_run is None:
            return []
        if run.orchestrator_run not in self._told:
            records = self.instance.get_records_for_run(run.orchestrator_run, of_type=_MATERIALIZED).records
            events = [record.asset_materialization for record in records]
            self._told[run.orchestrator_run] = [event for event in events if event is not None]
        told = self._told[run.orchestrator_run]
        ours = [event for event in told if event.asset_key == asset and str(event.partition) == partition]
        return ours if ours and self._shows(asset, partition, run.orchestrator_run) else []

    def _shows(self, asset: dg.AssetKey, partition: str, run_id: str) -> bool:
        """Whether the asset has it too: on SQLite Dagster writes the run's log first, and may be killed in between."""
        of_partition = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition])
        records = self.instance.fetch_materializations(of_partition, limit=_MOST_OF_A_PARTITION).records
        return any(record.run_id == run_id for record in records)

    def _will_report(self, record: dg.RunRecord) -> bool:
        run = record.dagster_run
        if not run.is_finished:
            return True
        if not run.is_success and self.now < (record.end_time or 0) + ENDED_FOR.total_seconds():
            return True
        return BACKFILL in run.tags and self._goes_on(run.tags[BACKFILL])

    def _goes_on(self, backfill_id: str) -> bool:
        if backfill_id not in self._backfills:
            backfill = self.instance.get_backfill(backfill_id)
            self._backfills[backfill_id] = backfill is not None and backfill.status not in BULK_ACTION_TERMINAL_STATUSES
        return self._backfills[backfill_id]


def is_by(event: dg.AssetMaterialization, event_run: str, run: LedgerRun, label: str) -> bool:
    """Whether a materialization that the Dagster run `event_run` reported tells of what `run` did: its own, or one that
    names it under `label`.
    """
    named = getattr(event.metadata.get(label), "value", None)
    return event_run == run.orchestrator_run or named in (run.id, run.by)
