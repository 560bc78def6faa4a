"""Runs whose process is gone without a word: killed, or their machine died.

Dagster's run monitoring ends such runs by their age, where dagster.yaml enables it. Otherwise they are under way for
ever, and hold their windows, partitions and places. So a run tells in a tag which process it is, and holds a lock of
the ledger. ship_sensor and the schedule look for that process; from another host or container they cannot, and ask for
the lock. Before the tag is set, age tells.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import (
    DESTINATION_TAG,
    EXPORT_JOB,
    LIFE_TAG,
    MAX_RETRIES,
    MAX_RUNTIME,
    NONE,
    OUTCOME_TAG,
    REPLAY_JOB,
    SHIP_JOB,
    WORKER_TAG,
    Names,
    names_of,
)
from statsig_export.dagster.pools import free_places, waiting_for_a_place
from statsig_export.dagster.processes import began, place, process
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.runs import AT_WORK, under_way
from statsig_export.errors import StatsigExportError
from statsig_export.ledger.lives import is_alive
from statsig_export.ledger.transactions import ledger_to_read

UNKNOWN_FOR = timedelta(minutes=3)
"""A run that has been starting, or has logged nothing, for so long, and has not told its process, has none; where the
instance gives a run longer to start, as on a slow machine, not before that."""
FREE_FOR = timedelta(minutes=1)
"""A run whose lock has been free for so long has no process: one that lives takes it anew well before, where the
database was away and forgot it."""
_ONE_PROCESS = frozenset({"in_process", "execute_in_process_executor"})
"""The executors whose steps run in the run's own process."""
_THAT_TELL = (EXPORT_JOB, SHIP_JOB, REPLAY_JOB)
"""The jobs whose first step tells its process: their executor is one of those."""
_OF_ITS_OWN_PROCESS = {dg.DagsterEventType.STEP_WORKER_STARTING, dg.DagsterEventType.STEP_WORKER_STARTED}
"""What is logged of a step that has a process of its own."""
EXPORT_MAX_RUNTIME = timedelta(hours=6)
"""An export run that is gone without a word (its machine died) holds its windows no longer than that."""
EXPORT_MAX_RUNTIME_S = str(round(EXPORT_MAX_RUNTIME.total_seconds()))
GONE = "its process is gone, as a tick has seen: killed, or its machine died. What it left undone is asked for again"


_SECONDS = re.compile(r"[0-9]{1,9}")
_WORKER = re.compile(r"(?P<place>\S+) (?P<pid>[0-9]{1,9}) (?P<began>\S+)(?: (?P<run>\S+))?")
_LIFE = re.compile(r"(?P<run>\S+) (?:holds its lock|has lost it, seen at (?P<since>[0-9]{1,12}))")

Context = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def tell_process(context: Context, export: ExportResource) -> None:
    """Tag the run with its process, unless each step has a process of its own, which may end before the run does. Of a
    run that repeats another, put right what the tags say that it has inherited.
    """
    run = context.run
    mine = {}
    if context.job_def.executor_def.name in _ONE_PROCESS:
        mine[WORKER_TAG] = f"{process(os.getpid())} {run.run_id}"
        with suppress(StatsigExportError):  # the step itself says what is wrong with the configuration or the ledger
            if export.hold_life(run.run_id):
                mine[LIFE_TAG] = f"{run.run_id} holds its lock"
    context.instance.add_run_tags(run.run_id, {**mine, **_put_right(run, context)})


def _put_right(run: dg.DagsterRun, context: Context) -> Mapping[str, str]:
    """What the run before it ended with, and whether that was to be repeated, says nothing of this one."""
    if run.parent_run_id is None:
        return {}
    retries = context.job_def.tags.get(MAX_RETRIES, str(context.instance.run_retries_max_retries))
    inherited = {OUTCOME_TAG: NONE, MAX_RETRIES: retries}
    return {tag: value for tag, value in inherited.items() if tag in run.tags}


def clear_the_dead(instance: dg.DagsterInstance, config: Config, now: datetime) -> None:
    """Report runs whose process is gone as failed, or as canceled where that was asked for; free the places that ended
    runs hold.
    """
    for run in under_way(instance, statuses=AT_WORK):
        if _is_ours(run, config) and _is_dead(instance, run, config, now):
            canceled = run.status is dg.DagsterRunStatus.CANCELING
            (instance.report_run_canceled if canceled else instance.report_run_failed)(run, GONE)
    free_places(instance, config)


def _is_ours(run: dg.DagsterRun, config: Config) -> bool:
    """Another code location may have jobs of the same names."""
    names, destination = names_of(config), config.webhook.name
    exports = run.job_name == names(EXPORT_JOB) and run.tags.get(MAX_RUNTIME) == EXPORT_MAX_RUNTIME_S
    asset = names.events in (run.asset_selection or ())
    return WORKER_TAG in run.tags or run.tags.get(DESTINATION_TAG) == destination or exports or asset


def _is_dead(instance: dg.DagsterInstance, run: dg.DagsterRun, config: Config, now: datetime) -> bool:
    worker = _worker_of(run)
    if worker is not None and worker["place"] == place():
        return worker["began"] != began(int(worker["pid"]))
    life = _life_of(run)
    if life is not None:
        return _has_lost_its_life(instance, run, config, life["since"], now)
    if worker is None and _is_silent(instance, run, config, now):
        return True
    record = instance.get_run_record_by_id(run.run_id)
    if record is None:
        return False
    launched = instance.get_run_stats(run.run_id).launch_time  # before that it waited in Dagster's queue
    begun = datetime.fromtimestamp(record.start_time or launched or record.create_timestamp.timestamp(), UTC)
    return now - begun > _longest(instance, run, known=worker is not None)


def _has_lost_its_life(
    instance: dg.DagsterInstance, run: dg.DagsterRun, config: Config, since: str | None, now: datetime
) -> bool:
    """Whether its lock was free in a tick before, and is still. Raises LedgerError."""
    with ledger_to_read(config) as ledger:
        alive = ledger is None or is_alive(ledger.database, run.run_id)  # None: another ledger's, says the tag
    if alive and since is not None:
        instance.add_run_tags(run.run_id, {LIFE_TAG: f"{run.run_id} holds its lock"})
    if alive or since is not None:
        return not alive and now - datetime.fromtimestamp(int(since or 0), UTC) >= FREE_FOR
    instance.add_run_tags(run.run_id, {LIFE_TAG: f"{run.run_id} has lost it, seen at {now.timestamp():.0f}"})
    return False


def _is_silent(instance: dg.DagsterInstance, run: dg.DagsterRun, config: Config, now: datetime) -> bool:
    """A run of ours that was killed between its start and its first step, which tells the process.

    A living one logs its first step at once, or waits for a place. Runs without a job of ours (*Materialize*, a
    backfill) tell only with the executors above, and not before the steps of others: one that has logged such is left.
    """
    names = names_of(config)
    if run.status is dg.DagsterRunStatus.STARTING:
        return False
    if run.job_name not in {names(job) for job in _THAT_TELL} and _need_not_tell(instance, run, names):
        return False
    if run.run_id in waiting_for_a_place(instance, config):
        return False
    newest = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    silent = now.timestamp() - newest[0].event_log_entry.timestamp if newest else 0.0
    return silent > _patience(instance).total_seconds()


def _need_not_tell(instance: dg.DagsterInstance, run: dg.DagsterRun, names: Names) -> bool:
    """Whether it has begun another step than ours, or one in a process of its own."""
    if instance.get_records_for_run(run.run_id, of_type=_OF_ITS_OWN_PROCESS, limit=1).records:
        return True
    begun = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_START, limit=1, ascending=False)
    return any(record.event_log_entry.step_key != names.events.to_python_identifier() for record in begun.records)


def _worker_of(run: dg.DagsterRun) -> Mapping[str, str] | None:
    """The parts of its tag; None where the run has not told its process: a person may have written the tag, and a run
    that repeats another begins with that one's.
    """
    parts = _WORKER.fullmatch(run.tags.get(WORKER_TAG, ""))
    if parts is None:
        return None
    told_by = parts["run"] or (run.run_id if run.parent_run_id is None else "")  # an older tag has no run
    return parts.groupdict() if told_by == run.run_id else None


def _life_of(run: dg.DagsterRun) -> Mapping[str, str | None] | None:
    """The parts of its tag, likewise."""
    parts = _LIFE.fullmatch(run.tags.get(LIFE_TAG, ""))
    return parts.groupdict() if parts is not None and parts["run"] == run.run_id else None


def _longest(instance: dg.DagsterInstance, run: dg.DagsterRun, *, known: bool) -> timedelta:
    """How long a run may be under way."""
    if run.status is dg.DagsterRunStatus.STARTING and not known and _starts_at_once(instance):
        return _patience(instance)
    most = run.tags.get(MAX_RUNTIME, "")
    return timedelta(seconds=int(most)) if _SECONDS.fullmatch(most) else EXPORT_MAX_RUNTIME


def _patience(instance: dg.DagsterInstance) -> timedelta:
    """How long a run may be without a word. Where runs wait for a worker or a node, the time that the instance gives
    them to start says nothing of one that has begun.
    """
    if not _starts_at_once(instance):
        return UNKNOWN_FOR
    return max(UNKNOWN_FOR, timedelta(seconds=instance.run_monitoring_start_timeout_seconds))


def _starts_at_once(instance: dg.DagsterInstance) -> bool:
    """Whether a run that is launched has a process at once. Dagster's own launcher starts one; others hand the run to
    a broker or a cluster, where it may wait for a worker, a node or an image.
    """
    launcher = instance.get_ref().run_launcher_data if instance.is_persistent else None
    return launcher is None or launcher.module_name.partition(".")[0] == "dagster"
