"""Everything shared at once, for real: PostgreSQL, object storage that fails, two code locations, workers that die."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import oracle
import pytest
from cluster import SHIP_QUEUE, Cluster, cluster, kill_group, running
from unreliable_s3 import NONE, sometimes

from statsig_export.dagster.keys import EXPORT_JOB, SHIP_JOB, WORKER_TAG
from statsig_export.dagster.pools import export_pool_of, pool_of
from statsig_export.dagster.runs import AT_WORK, LIVE
from statsig_export.shipping.status import due_partitions, exported
from statsig_export.testing.webhook.faults import Action, Rule

HOURS = 48
EVENTS_AN_HOUR = 6
PATIENCE_S = 1_200
STARTED = [dg.DagsterRunStatus.STARTED]


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As before, after the test: a cluster sets the variables of this process as well."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    monkeypatch.undo()


def ships(run: dg.DagsterRun) -> bool:
    return run.job_name.endswith(SHIP_JOB)


def exports(run: dg.DagsterRun) -> bool:
    return run.job_name.endswith(EXPORT_JOB) or "dagster/backfill" in run.tags


class Pools:
    """How many runs of each pool were under way at once, at most: with `granularity: run` a place is a run's."""

    def __init__(self, cluster: Cluster) -> None:
        self._instance = cluster.instance
        self._names = [pool(each.config) for each in cluster.locations for pool in (pool_of, export_pool_of)]
        self.most: Counter[str] = Counter()

    def limits(self) -> dict[str, int]:
        known = {limit.name: limit.limit for limit in self._instance.event_log_storage.get_pool_limits()}
        return {name: known[name] for name in self._names if name in known}

    def have_limits(self) -> bool:
        return len(self.limits()) == len(self._names)

    def look(self) -> None:
        runs = self._instance.get_runs(dg.RunsFilter(statuses=AT_WORK))
        places = [run.run_op_concurrency.all_pools or () for run in runs if run.run_op_concurrency is not None]
        now = Counter(pool for pools in places for pool in pools)
        self.most |= Counter({name: now[name] for name in self._names})


def finished(made: Cluster, backfills: list[str]) -> bool:
    if not all(made.backfilled(each) for each in backfills) or made.instance.get_runs_count(
        dg.RunsFilter(statuses=LIVE)
    ):
        return False
    held = [len({line.window for line in exported(each.config) if line.planned}) for each in made.locations]
    return all(count >= HOURS for count in held) and not any(due_partitions(each.config) for each in made.locations)


def place_of(worker: Any) -> str:  # noqa: ANN401
    """The number of the PID namespace of what a worker's first process has started, else of this machine."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    return str(Path(f"/proc/{children[0] if children else 'self'}/ns/pid").readlink()).strip("pid:[]")


def sending(made: Cluster, kind: Callable[[dg.DagsterRun], bool]) -> bool:
    """Whether a request is under way, where it is a shipment that is looked for."""
    return kind is not ships or any(location.receiver.connections for location in made.locations)


def runs_in(made: Cluster, worker: Any, kind: Callable[[dg.DagsterRun], bool]) -> list[str]:  # noqa: ANN401
    runs = made.instance.get_runs(dg.RunsFilter(statuses=STARTED))
    mine = f"/{place_of(worker)} "
    return [run.run_id for run in runs if kind(run) and mine in run.tags.get(WORKER_TAG, "")]


def killed_in_container(made: Cluster, number: int, kind: Callable[[dg.DagsterRun], bool], queue: str) -> list[str]:
    """Kill a worker while it has runs of the kind, as a container is killed; another one takes its place."""
    worker = made.workers[number]
    lost: list[str] = made.wait_for(lambda: sending(made, kind) and runs_in(made, worker, kind), PATIENCE_S)
    kill_group(worker)
    made.start_worker(queue)
    return lost


def killed(made: Cluster, kind: Callable[[dg.DagsterRun], bool]) -> list[str]:
    """Kill the process of a run of the kind."""

    def working() -> list[dg.DagsterRun]:
        runs = made.instance.get_runs(dg.RunsFilter(statuses=STARTED))
        return [run for run in runs if kind(run) and WORKER_TAG in run.tags]

    run = made.wait_for(lambda: sending(made, kind) and working(), PATIENCE_S)[0]
    os.kill(int(run.tags[WORKER_TAG].split(" ")[1]), signal.SIGKILL)
    return [run.run_id]


@pytest.mark.fault("F590")
@pytest.mark.skipif("STATSIG_EXPORT_LONG" not in os.environ, reason="waits for minutes: STATSIG_EXPORT_LONG=1 runs it")
@pytest.mark.parametrize("launcher", ["own", "celery"])
@pytest.mark.usefixtures("environ")
def test_backfills_of_two_code_locations_survive_killed_workers_and_a_storage_that_fails(
    tmp_path: Path,
    postgres: Any,  # noqa: ANN401
    launcher: str,
):
    began = time.monotonic()
    patient = {"start_timeout_seconds": 600}  # on a machine that does other things, too
    with cluster(tmp_path, postgres, HOURS, launcher, run_monitoring=patient) as made, running(made):
        if launcher == "celery":
            for queue in ("exports", "exports", SHIP_QUEUE, SHIP_QUEUE):
                made.start_worker(queue)
        pools = Pools(made)
        made.wait_for(pools.have_limits, PATIENCE_S)
        for location in made.locations:
            location.receiver.play([Rule(actions=[Action(delay=0.8)])])
        made.s3.fault, made.s3.delay = sometimes(0.05), 0.05
        backfills = [made.backfill(location, {}) for location in made.locations]
        if launcher == "celery":
            lost = killed_in_container(made, 0, exports, "exports")
            lost += killed_in_container(made, 2, ships, SHIP_QUEUE)
        else:
            lost = killed(made, exports) + killed(made, ships) + killed(made, exports)

        def done() -> bool:
            pools.look()
            return finished(made, backfills)

        made.wait_for(done, PATIENCE_S)
        made.s3.fault = lambda _: NONE
        found = [oracle.check(location, HOURS * EVENTS_AN_HOUR) for location in made.locations]
        ended, limits = made.instance.get_runs(dg.RunsFilter(run_ids=lost)), pools.limits()

    assert {run.status for run in ended} == {dg.DagsterRunStatus.FAILURE}
    assert all(pools.most[name] <= limit for name, limit in limits.items()), pools.most
    assert 2 in pools.most.values()  # looked at the right thing
    took = f"{launcher}: {time.monotonic() - began:.0f} s"
    print(f"{took}, {found}, S3: {dict(made.s3.happened)}, pools: {dict(pools.most)}")  # noqa: T201  with -s
