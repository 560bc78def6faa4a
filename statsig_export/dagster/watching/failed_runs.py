"""Failed runs as what is wrong now: those whose work nobody has done since, one observation a cause.

Not by Dagster's run_failure_sensor: it is called once for each failed run, also for one that Dagster is about to
repeat, and has no memory. Here the run storage is asked at each tick what still stands, so that five hundred failed
runs of a backfill are one incident, a run that was repeated and succeeded is none, and nothing is lost while the daemon
or the ledger is away.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg

from statsig_export.alerts.incidents import Observation
from statsig_export.config import Config
from statsig_export.dagster.delivery.sensors import partitions_of
from statsig_export.dagster.keys import (
    ARRIVALS_JOB,
    CHECK_JOB,
    DESTINATION_TAG,
    EXPORT_JOB,
    HALTED,
    OUTCOME_TAG,
    REPLAY_JOB,
    RETRIED_BY,
    SHIP_JOB,
    VERIFY_JOB,
    WILL_RETRY,
    names_of,
)
from statsig_export.dagster.runs import ABANDONED_AFTER, is_export, partition_keys_of
from statsig_export.dagster.watching.failures import Cause, cause_of
from statsig_export.export.gaps import latest_exports
from statsig_export.monitoring.rules import Level

STANDS_FOR = timedelta(days=1)
"""A run that failed so long ago, and nothing like it since, is told no more."""
MOST_RUNS = 1_000
MOST_CAUSES = 20
_SHOWN_RUNS, _SHOWN_PARTITIONS = 3, 10
_JOBS = (EXPORT_JOB, SHIP_JOB, CHECK_JOB, REPLAY_JOB, VERIFY_JOB, ARRIVALS_JOB)
_NUMBERS = re.compile(r"\d+")


@dataclass(slots=True)
class FailedRuns:
    """Watches one code location. Remembers why runs failed: a tick asks only for those that are new."""

    _causes: dict[str, Cause] = field(default_factory=dict)

    def observations(self, instance: dg.DagsterInstance, config: Config, now: datetime) -> list[Observation]:
        """Raises LedgerError: what was exported since, the ledger tells."""
        since = now - STANDS_FOR
        failed = _records(instance, dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since))
        ours = [one for one in failed if _is_ours(one.dagster_run, config) and _is_final(one, now)]
        self._causes = {
            run: cause for run, cause in self._causes.items() if run in {one.dagster_run.run_id for one in ours}
        }
        done = _Done(instance, config, since) if ours else None
        groups: dict[tuple[str, str, str], list[_Failed]] = defaultdict(list)
        for record in ours:
            one = _Failed(record, self._cause(instance, record.dagster_run.run_id))
            if done is not None and not done.since(one):
                groups[one.group].append(one)
        newest_first = sorted(groups.values(), key=lambda group: -group[0].ended)
        return [_observation(group) for group in newest_first[:MOST_CAUSES]]

    def _cause(self, instance: dg.DagsterInstance, run_id: str) -> Cause:
        if run_id not in self._causes:
            self._causes[run_id] = cause_of(instance, run_id)
        return self._causes[run_id]


@dataclass(frozen=True, slots=True)
class _Failed:
    record: dg.RunRecord
    cause: Cause

    @property
    def run(self) -> dg.DagsterRun:
        return self.record.dagster_run

    @property
    def ended(self) -> float:
        return self.record.end_time or self.record.update_timestamp.timestamp()

    @property
    def group(self) -> tuple[str, str, str]:
        """Numbers apart, what it says: a cause that names another window is the same one."""
        return self.run.job_name, self.cause.name, _NUMBERS.sub("#", self.cause.what)


class _Done:
    """What was done since, by later runs and, of exports, by anybody."""

    def __init__(self, instance: dg.DagsterInstance, config: Config, since: datetime) -> None:
        self._instance, self._config, self._since = instance, config, since
        self._exports: Mapping[str, datetime | None] = latest_exports(config)
        self._successes: dict[str, list[tuple[float, set[str]]]] = {}

    def since(self, failed: _Failed) -> bool:
        """Whether all that the run was for was done after it had ended. Of a run without partitions: whether a run of
        its job has succeeded since.
        """
        later = [keys for began, keys in self._of_job(failed.run.job_name) if began >= failed.ended]
        mine = self._keys(failed.run)
        if not mine or any(not keys for keys in later):  # a run without partitions takes all that is due
            return bool(later)
        left = mine.difference(*later)
        if failed.cause.windows:
            left = {key for key in left if key.partition("|")[2] in failed.cause.windows}
        if is_export(failed.run, self._config):
            left = {key for key in left if not self._was_exported(key, failed.ended)}
        return not left

    def _was_exported(self, key: str, after: float) -> bool:
        if key not in self._exports:
            return False
        began = self._exports[key]
        return began is None or began.timestamp() >= after

    def _of_job(self, job: str) -> Sequence[tuple[float, set[str]]]:
        if job not in self._successes:
            ended_well = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=self._since)
            self._successes[job] = [
                (one.start_time or one.create_timestamp.timestamp(), self._keys(one.dagster_run))
                for one in _records(self._instance, ended_well)
                if _is_ours(one.dagster_run, self._config)
            ]
        return self._successes[job]

    def _keys(self, run: dg.DagsterRun) -> set[str]:
        return partition_keys_of(run, self._config) or set(partitions_of(run, names_of(self._config)))


def _records(instance: dg.DagsterInstance, wanted: dg.RunsFilter) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(wanted, limit=MOST_RUNS)


def _is_ours(run: dg.DagsterRun, config: Config) -> bool:
    names, destination = names_of(config), config.webhook.name
    of_a_job = run.job_name in {names(job) for job in _JOBS}
    return is_export(run, config) or (of_a_job and run.tags.get(DESTINATION_TAG, destination) == destination)


def _is_final(record: dg.RunRecord, now: datetime) -> bool:
    """Not one that Dagster has repeated, or is about to; nor one that a halt has failed, which is told as a halt."""
    tags = record.dagster_run.tags
    if RETRIED_BY in tags or tags.get(OUTCOME_TAG) == HALTED:
        return False
    repeating = tags.get(WILL_RETRY) == "true"
    return not repeating or (record.end_time or 0.0) < (now - ABANDONED_AFTER).timestamp()


def _observation(group: Sequence[_Failed]) -> Observation:
    """The newest first, as the run storage has them."""
    newest = group[0]
    job, cause = newest.run.job_name, newest.cause
    job = "a run of Materialize or a backfill" if job.startswith("__") else f"a run of {job}"
    many = f" ({len(group)} runs)" if len(group) > 1 else ""
    key = hashlib.sha256("\0".join(newest.group).encode()).hexdigest()[:16]
    windows = dict.fromkeys(window for one in group for window in one.cause.windows)
    return Observation(
        key=f"run:{key}",
        level=Level.WARNING,
        what=f"{job} failed{many}: {cause.what} ({cause.name})",
        fault=cause.fault,
        do=cause.do,
        partitions=tuple(windows)[:_SHOWN_PARTITIONS],
        runs=tuple(one.run.run_id for one in group[:_SHOWN_RUNS]),
    )
