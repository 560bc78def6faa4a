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
from statsig_export.dagster.runs import LIVE
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
    """The most places that were ever taken, of each pool."""

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
        for name in self._names:
            told = self._instance.event_log_storage.get_concurrency_info(name)
            self.most[name] = max(self.most[name], len(told.active_run_ids))


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


def runs_in(made: Cluster, worker: Any, kind: Callable[[dg.DagsterRun], bool]) -> list[str]:  # noqa: ANN401
    runs = made.instance.get_runs(dg.RunsFilter(statuses=STARTED))
    mine = f"/{place_of(worker)} "
    return [run.run_id for run in runs if kind(run) and mine in run.tags.get(WORKER_TAG, "")]


def killed_in_container(made: Cluster, number: int, kind: Callable[[dg.DagsterRun], bool], queue: str) -> list[str]:
    """Kill a worker while it has runs of the kind, as a container is killed; another one takes its place."""
    worker = made.workers[number]
    lost: list[str] = made.wait_for(lambda: runs_in(made, worker, kind), PATIENCE_S)
    kill_group(worker)
    made.start_worker(queue)
    return lost


def killed(made: Cluster, kind: Callable[[dg.DagsterRun], bool]) -> list[str]:
    """Kill the process of a run of the kind."""

    def working() -> list[dg.DagsterRun]:
        runs = made.instance.get_runs(dg.RunsFilter(statuses=STARTED))
        return [run for run in runs if kind(run) and WORKER_TAG in run.tags]

    run = made.wait_for(working, PATIENCE_S)[0]
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
    with cluster(tmp_path, postgres, HOURS, launcher) as made, running(made):
        if launcher == "celery":
            for queue in ("exports", "exports", SHIP_QUEUE, SHIP_QUEUE):
                made.start_worker(queue)
        pools = Pools(made)
        made.wait_for(pools.have_limits, PATIENCE_S)
        for location in made.locations:
            location.receiver.play([Rule(actions=[Action(delay=0.3)])])
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
        ended = made.instance.get_runs(dg.RunsFilter(run_ids=lost))

    assert {run.status for run in ended} == {dg.DagsterRunStatus.FAILURE}
    assert all(most <= pools.limits()[name] for name, most in pools.most.items()), pools.most
    took = f"{launcher}: {time.monotonic() - began:.0f} s"
    print(f"{took}, {found}, S3: {dict(made.s3.happened)}, pools: {dict(pools.most)}")  # noqa: T201  with -s
