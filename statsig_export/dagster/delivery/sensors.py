"""The sensor that starts ship runs.

It keeps no cursor: every tick asks the ledger what is due and the run storage what is under way, so a lost tick, a
failed run or a daemon that was away heals at the next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.delivery.grouping import MAX_RUNS, EndedRun, Group, groups, paused
from statsig_export.dagster.keys import (
    BUSY,
    DESTINATION_TAG,
    EXPORT_RUN_TAG,
    GROUP_TAG,
    HALTED,
    NO_PREFIX,
    OUTCOME_TAG,
    SHIP_JOB,
    SHIP_OP,
    Names,
    names_of,
)
from statsig_export.dagster.pools import limit_of, limit_pools, pool_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.runs import FINISHED, under_way
from statsig_export.dagster.workers import clear_the_dead
from statsig_export.shipping.status import due_partitions, halted_reason, how_it_stands

PAUSED = f"their last runs did nothing for them, the next try waits up to an hour (or launch {SHIP_JOB} by hand)"
_REMEMBERED_RUNS = 100


def ship_sensor_of(status: dg.DefaultSensorStatus, names: Names = NO_PREFIX) -> dg.SensorDefinition:
    return dg.SensorDefinition(
        name=names("ship_sensor"),
        evaluation_fn=names.with_resource(_tick),
        job_name=names(SHIP_JOB),
        minimum_interval_seconds=30,
        default_status=status,
        description="Starts ship runs for partitions with batches that are due, unless a run under way carries them.",
    )


def _tick(context: dg.SensorEvaluationContext, statsig_export: ExportResource) -> dg.SensorResult:
    config, instance, now = statsig_export.config(), context.instance, datetime.now(UTC).timestamp()
    claim_keys(context, config, statsig_export.config_path)
    limit_pools(instance, config)
    clear_the_dead(instance, config, datetime.now(UTC))
    names, due = names_of(config), due_partitions(config)
    if not due:
        return dg.SensorResult(skip_reason=_why_nothing_is_due(config))
    live = under_way(instance, names(SHIP_JOB), _of(config))
    carried = {key for run in live for key in partitions_of(run, names)}
    if _takes_all(live, names) or len(live) >= MAX_RUNS or carried.issuperset(partition.partition for partition in due):
        return dg.SensorResult(skip_reason=f"partitions due: {len(due)}; {_what_is_under_way(instance, config, live)}")
    pausing = paused(_ended_runs(instance, config), now)
    waiting = groups((partition for partition in due if partition.partition not in pausing), carried)
    if not waiting:
        return dg.SensorResult(skip_reason=f"partitions due: {len(due)}; {_why_nothing_is_tried(instance, config)}")
    return dg.SensorResult(run_requests=[_request(config, group) for group in waiting[: MAX_RUNS - len(live)]])


def _of(config: Config) -> dict[str, str]:
    """What tells this destination's runs from those of another code location on the same instance."""
    return {DESTINATION_TAG: config.webhook.name}


def _what_is_under_way(instance: dg.DagsterInstance, config: Config, live: Sequence[dg.DagsterRun]) -> str:
    """How many ship runs; whether they wait for a place, which may be for ever."""
    under_way, queued = (
        f"ship runs under way: {len(live)}",
        [run for run in live if run.status is dg.DagsterRunStatus.QUEUED],
    )
    if not queued:
        return under_way
    pool, runs = pool_of(config), instance.get_concurrency_config().run_queue_config
    if limit_of(instance, pool) == 0:
        why = f": the pool {pool} has no place (Deployment, Concurrency)"
    elif runs is not None and runs.max_concurrent_runs == 0:
        why = ": the instance allows no run (concurrency.runs.max_concurrent_runs)"
    else:
        why = ""
    return f"{under_way}, of which {len(queued)} wait for a place{why}"


def _why_nothing_is_tried(instance: dg.DagsterInstance, config: Config) -> str:
    """Whether the newest run failed by itself, which somebody should look at; not one that was killed, or was busy."""
    newest = [record.dagster_run for record in _ended_records(instance, config)[:1]]
    failed = [run.run_id for run in newest if _failed_by_itself(instance, run)]
    paused = PAUSED.replace(SHIP_JOB, names_of(config)(SHIP_JOB))
    return f"stuck, run {failed[0]} failed; {paused}" if failed else paused


def _failed_by_itself(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    return run.status is dg.DagsterRunStatus.FAILURE and instance.get_run_stats(run.run_id).steps_failed > 0


def _why_nothing_is_due(config: Config) -> str:
    halted = halted_reason(config)
    if halted is not None:
        return f"the destination {config.webhook.name} is halted: {halted}"
    standing = how_it_stands(config)
    if standing.paused_until is not None:
        why = "the webhook's rate limit" if standing.rate_limited else "too many failures in a row"
        until = datetime.fromtimestamp(standing.paused_until, UTC)
        return f"the destination {config.webhook.name} is paused until {until:%Y-%m-%d %H:%M:%S} UTC: {why}"
    return "nothing is due: what is planned has been sent, or waits for its next try"


def partitions_of(run: dg.DagsterRun, names: Names) -> list[str]:
    """The partitions that a ship run was given; none for one that ships all that is due.

    A person may have written the configuration: whatever is null or of another type there names no partition.
    """
    config: object = run.run_config
    for key in ("ops", names(SHIP_OP), "config", "partitions"):
        config = config.get(key) if isinstance(config, Mapping) else None
    return [key for key in config if isinstance(key, str)] if isinstance(config, list) else []


def _takes_all(live: Iterable[dg.DagsterRun], names: Names) -> bool:
    """A run started by hand without partitions ships whatever is due."""
    return any(not partitions_of(run, names) for run in live)


def _ended_runs(instance: dg.DagsterInstance, config: Config) -> list[EndedRun]:
    """The newest first. A refusal halts the destination, so it needs no pause of its own."""
    return [
        EndedRun(
            partitions=frozenset(partitions_of(record.dagster_run, names_of(config))),
            fruitless=_fruitless(record.dagster_run),
            ended=record.end_time or 0.0,
        )
        for record in _ended_records(instance, config)
    ]


def _ended_records(instance: dg.DagsterInstance, config: Config) -> list[dg.RunRecord]:
    """Ours among the newest of the job: asked for the destination's tag, the storage would look up all that ever had
    it, at every tick. Another destination has another job, unless it is one that was renamed.
    """
    ended = dg.RunsFilter(job_name=names_of(config)(SHIP_JOB), statuses=list(FINISHED))
    records = instance.get_run_records(ended, limit=_REMEMBERED_RUNS)
    return [record for record in records if _of(config).items() <= record.dagster_run.tags.items()]


def _fruitless(run: dg.DagsterRun) -> bool:
    outcome = run.tags.get(OUTCOME_TAG)
    return outcome == BUSY or (run.status is dg.DagsterRunStatus.FAILURE and outcome != HALTED)


def _request(config: Config, group: Group) -> dg.RunRequest:
    """Dagster never launches a run_key twice, even when the run was deleted since, so each request has a new one. What
    a run under way carries is not asked for, so a new key starts nothing twice.
    """
    return dg.RunRequest(
        run_key=f"{group.digest}:{uuid4().hex}",
        run_config={"ops": {names_of(config)(SHIP_OP): {"config": {"partitions": list(group.partitions)}}}},
        tags={EXPORT_RUN_TAG: group.export_tag, GROUP_TAG: group.digest, **_of(config)},
    )


ship_sensor = ship_sensor_of(dg.DefaultSensorStatus.STOPPED)
