"""Runs that repeat another one, by hand or by Dagster's run retries: they begin with its tags."""

import os

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution import api  # how a worker executes a run that somebody else has made: no public way
from dagster_folder import DAYS, Project

from statsig_export.dagster.keys import GROUP_TAG, MAX_RETRIES, OUTCOME_TAG, PARTITION, WORKER_TAG
from statsig_export.dagster.processes import process
from statsig_export.export.export import export_window
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.windows import window_from_key


def repeat(project: Project, job_name: str, tags: dict[str, str]) -> dg.DagsterRun:
    """A run that repeats another with these tags, executed as a worker does. Returns it as it ended."""
    job = project.definitions().resolve_job_def(job_name)
    parent = project.instance.create_run_for_job(job).run_id
    run = project.instance.create_run_for_job(job, tags={**job.tags, **tags}, parent_run_id=parent, root_run_id=parent)
    list(api.execute_run_iterator(InMemoryJob(job), run, project.instance))
    ended = project.instance.get_run_by_id(run.run_id)
    assert ended is not None
    return ended


@pytest.mark.fault("F365")
def test_a_run_that_repeats_another_tells_its_own_process_and_not_how_the_other_ended(project: Project):
    project.fill()
    tags = {WORKER_TAG: "elsewhere 1 1 other", OUTCOME_TAG: "halted", MAX_RETRIES: "0"}

    run = repeat(project, "export_events", {**tags, PARTITION: f"gate_exposure|{DAYS[0]}"})

    assert run.is_success
    assert run.tags[OUTCOME_TAG] == "none"
    assert run.tags[WORKER_TAG] == f"{process(os.getpid())} {run.run_id}"
    assert run.tags[MAX_RETRIES] == "2"


@pytest.mark.fault("F374")
def test_a_run_that_is_resumed_in_another_process_tells_that_one(project: Project):
    """Run monitoring resumes a run whose worker died, where the launcher can."""
    project.fill(DAYS[:1])
    job = project.definitions().resolve_job_def("ship_batches")
    run = project.instance.create_run_for_job(job, tags=job.tags)
    project.instance.add_run_tags(run.run_id, {WORKER_TAG: f"elsewhere 1 1 {run.run_id}"})
    resumed = project.instance.get_run_by_id(run.run_id)
    assert resumed is not None

    list(api.execute_run_iterator(InMemoryJob(job), resumed, project.instance))

    ended = project.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.tags[WORKER_TAG] == f"{process(os.getpid())} {run.run_id}"


@pytest.mark.fault("F365")
def test_a_ship_run_that_somebody_repeats_says_that_the_destination_is_halted(project: Project):
    project.fill([DAYS[0]])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    project.receiver.play([Rule(actions=(answer(401),))])
    (request,) = project.tick()[0]
    assert not project.carry_out(request).success

    run = repeat(project, "ship_batches", {**request.tags, OUTCOME_TAG: "halted"})

    assert GROUP_TAG in run.tags
    assert run.status is dg.DagsterRunStatus.FAILURE
