"""Runs whose process is gone without a word: killed, or their machine died.

Dagster's run monitoring ends such runs by their age, where dagster.yaml enables it. Otherwise they are under way for
ever, and hold their windows, partitions and places. So a run tells in a tag which process it is, and ship_sensor and
the schedule look for that process. On another host it cannot; there, and before the tag is set, age tells.
"""

import os
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import (
    DESTINATION_TAG,
    EXPORT_JOB,
    MAX_RETRIES,
    MAX_RUNTIME,
    NONE,
    OUTCOME_TAG,
    REPLAY_JOB,
    SHIP_JOB,
    WORKER_TAG,
    names_of,
)
from statsig_export.dagster.pools import free_places, waiting_for_a_place
from statsig_export.dagster.runs import AT_WORK, under_way

UNKNOWN_FOR = timedelta(minutes=3)
"""A run that has been starting, or has logged nothing, for so long, and has not told its process, has none."""
_ONE_PROCESS = frozenset({"in_process", "execute_in_process_executor"})
"""The executors whose steps run in the run's own process."""
_THAT_TELL = (EXPORT_JOB, SHIP_JOB, REPLAY_JOB)
"""The jobs whose first step tells its process: their executor is one of those."""
EXPORT_MAX_RUNTIME = timedelta(hours=6)
"""An export run that is gone without a word (its machine died) holds its windows no longer than that."""
EXPORT_MAX_RUNTIME_S = str(round(EXPORT_MAX_RUNTIME.total_seconds()))
GONE = "its process is gone, as a tick has seen: killed, or its machine died. What it left undone is asked for again"


_SECONDS = re.compile(r"[0-9]{1,9}")
_WORKER = re.compile(r"(?P<host>\S+) (?P<pid>[0-9]{1,9}) (?P<began>\S+)(?: (?P<run>\S+))?")


def tell_process(context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> None:
    """Tag the run with its process, unless each step has a process of its own, which may end before the run does. Of a
    run that repeats another, put right what the tags say that it has inherited.
    """
    run, one_process = context.run, context.job_def.executor_def.name in _ONE_PROCESS
    mine = {WORKER_TAG: f"{_process(os.getpid())} {run.run_id}"} if one_process else {}
    context.instance.add_run_tags(run.run_id, {**mine, **_put_right(run, context)})


def _put_right(
    run: dg.DagsterRun, context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext
) -> Mapping[str, str]:
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
    if worker is not None and worker["host"] == _host():
        return worker["began"] != _began(int(worker["pid"]))
    if worker is None and _is_silent(instance, run, config, now):
        return True
    record = instance.get_run_record_by_id(run.run_id)
    if record is None:
        return False
    began = datetime.fromtimestamp(record.start_time or record.create_timestamp.timestamp(), UTC)
    return now - began > _longest(run, known=worker is not None)


def _is_silent(instance: dg.DagsterInstance, run: dg.DagsterRun, config: Config, now: datetime) -> bool:
    """A run of ours that was killed between its start and its first step, which tells the process.

    A living one logs its first step at once, or waits for a place. Only the jobs: with another executor no run tells.
    """
    names = names_of(config)
    if run.status is dg.DagsterRunStatus.STARTING or run.job_name not in {names(job) for job in _THAT_TELL}:
        return False
    if run.run_id in waiting_for_a_place(instance, config):
        return False
    newest = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    return bool(newest) and now.timestamp() - newest[0].event_log_entry.timestamp > UNKNOWN_FOR.total_seconds()


def _worker_of(run: dg.DagsterRun) -> Mapping[str, str] | None:
    """The parts of its tag; None where the run has not told its process: a person may have written the tag, and a run
    that repeats another begins with that one's.
    """
    parts = _WORKER.fullmatch(run.tags.get(WORKER_TAG, ""))
    if parts is None:
        return None
    told_by = parts["run"] or (run.run_id if run.parent_run_id is None else "")  # an older tag has no run
    return parts.groupdict() if told_by == run.run_id else None


def _longest(run: dg.DagsterRun, *, known: bool) -> timedelta:
    """How long a run may be under way."""
    if run.status is dg.DagsterRunStatus.STARTING and not known:
        return UNKNOWN_FOR
    most = run.tags.get(MAX_RUNTIME, "")
    return timedelta(seconds=int(most)) if _SECONDS.fullmatch(most) else EXPORT_MAX_RUNTIME


def _process(pid: int) -> str:
    """Host, pid, and when the process began: another one may get the pid later."""
    return f"{_host()} {pid} {_began(pid)}"


def _began(pid: int) -> str:
    """Clock ticks since the boot, on Linux; elsewhere only whether there is such a process."""
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return "gone"
        except PermissionError:
            pass
        return "there"
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return "gone"
    return "gone" if state == "Z" else fields[18]


def _host() -> str:
    return socket.gethostname().replace(" ", "_")
