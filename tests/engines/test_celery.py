"""Celery workers and a Redis, for real: queues, a broker that gives a run to a second worker, a worker that dies."""

import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from cluster import SHIP_QUEUE, Cluster, cluster, kill_group
from dagster._core.definitions.reconstruct import ReconstructableRepository  # how a worker finds the code
from dagster._core.launcher import LaunchRunContext

from statsig_export.dagster import workers
from statsig_export.dagster.keys import LIFE_TAG, SHIP_JOB
from statsig_export.export.export import export_windows
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import due_partitions
from statsig_export.testing.webhook.faults import Action, Rule
from statsig_export.windows import window_from_key

pytestmark = pytest.mark.acceptance

HOURS = 2
DUPLICATE = "Ignoring a duplicate run"
STARTED = dg.DagsterRunStatus.STARTED
VISIBLE_AGAIN_S = 8


@pytest.fixture
def made(tmp_path: Path, postgres: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:  # noqa: ANN401
    """Two exported windows of the first location; workers that have not started; a broker that waits for a second."""
    before = dict(os.environ)
    options = {"visibility_timeout": VISIBLE_AGAIN_S, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
    launcher = {"config": {"config_source": {"broker_transport_options": options}}}
    try:
        with cluster(tmp_path, postgres, HOURS, "celery", run_launcher=launcher) as made:
            worker = yaml.safe_load((tmp_path / "celery-worker.yaml").read_text())
            worker["execution"]["config"]["config_source"]["broker_transport_options"] = options
            (tmp_path / "celery-worker.yaml").write_text(yaml.safe_dump(worker))
            monkeypatch.syspath_prepend(str(tmp_path))
            monkeypatch.delitem(sys.modules, "location_fivetran", raising=False)
            config = made.locations[0].config
            windows = [window_from_key(key, config.windows) for key in made.windows]
            list(export_windows(config, dict.fromkeys(windows)))
            yield made
            for process in made.workers:
                kill_group(process)
    finally:
        os.environ.clear()
        os.environ.update(before)


def launched(made: Cluster, job: str) -> str:
    """A run of the first location, given to the broker as the daemon does."""
    repository = ReconstructableRepository.for_module("location_fivetran", "defs", str(made.folder))
    found = repository.get_reconstructable_job(job)
    tags = found.get_definition().run_tags
    run = made.instance.create_run_for_job(found.get_definition(), tags=tags, job_code_origin=found.get_python_origin())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from its second run on, the launcher names its task twice: Celery warns
        made.instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    return run.run_id


def until(made: Cluster, what: Callable[[], Any], patience: float = 180) -> Any:  # noqa: ANN401
    deadline = time.monotonic() + patience
    while not (found := what()):
        said = "\n".join(path.read_text()[-3_000:] for path in sorted(made.folder.glob("worker*.log")))
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    return found


def status(made: Cluster, run: str) -> dg.DagsterRunStatus:
    found = made.instance.get_run_by_id(run)
    assert found is not None
    return found.status


def said(made: Cluster, run: str) -> str:
    return "\n".join(entry.message or entry.user_message for entry in made.instance.all_logs(run))


def missed(made: Cluster, run: str) -> bool:
    """Whether a tick has found its lock free."""
    workers.clear_the_dead(made.instance, made.locations[0].config, datetime.now(UTC))
    found = made.instance.get_run_by_id(run)
    return found is not None and "has lost it" in found.tags[LIFE_TAG]


@pytest.mark.fault("F592")
def test_a_run_that_the_broker_gives_to_a_second_worker_is_carried_out_once(made: Cluster):
    location = made.locations[0]
    location.receiver.play([Rule(actions=[Action(delay=8.0)])])
    made.start_worker("exports")
    run = launched(made, SHIP_JOB)  # to the queue that export.toml names: nobody is there yet
    made.start_worker(SHIP_QUEUE)
    made.start_worker(SHIP_QUEUE)
    until(made, lambda: location.receiver.connections)
    assert "Celery Queue" in said(made, run) or SHIP_QUEUE in said(made, run)
    until(made, lambda: DUPLICATE in said(made, run))
    assert status(made, run) is STARTED

    until(made, lambda: status(made, run).value in {"SUCCESS", "FAILURE"})
    assert status(made, run) is dg.DagsterRunStatus.SUCCESS
    assert set(Counter(event["timeUUID"] for event in location.receiver.events()).values()) == {1}
    assert len(location.receiver.events()) == HOURS * 6
    assert verify(location.config).differences == ()


@pytest.mark.fault("F586", "F592")
def test_a_worker_that_is_killed_with_its_container_is_found_and_its_run_comes_back_to_nobody(made: Cluster):
    location = made.locations[0]
    location.receiver.play([Rule(actions=[Action(delay=60.0)])])
    worker = made.start_worker(SHIP_QUEUE, processes=1)  # it takes nothing else meanwhile
    run = launched(made, SHIP_JOB)
    until(made, lambda: location.receiver.connections)
    found = made.instance.get_run_by_id(run)
    assert found is not None
    assert found.tags[LIFE_TAG] == f"{run} holds its lock"
    config, now = location.config, datetime.now(UTC)
    workers.clear_the_dead(made.instance, config, now + timedelta(hours=30))
    assert status(made, run) is STARTED  # alive, whatever the tick's own namespace knows of its pid

    kill_group(worker)
    until(made, lambda: missed(made, run))
    workers.clear_the_dead(made.instance, config, datetime.now(UTC) + workers.FREE_FOR + timedelta(seconds=1))
    assert status(made, run) is dg.DagsterRunStatus.FAILURE

    location.receiver.play([])
    made.start_worker(SHIP_QUEUE)
    until(made, lambda: "already finished" in said(made, run))  # the broker has given it to the next worker
    assert due_partitions(config)
    again = launched(made, SHIP_JOB)
    until(made, lambda: status(made, again).value in {"SUCCESS", "FAILURE"})
    assert {event["timeUUID"] for event in location.receiver.events()}
    assert len({event["timeUUID"] for event in location.receiver.events()}) == HOURS * 6
    assert verify(config).differences == ()
