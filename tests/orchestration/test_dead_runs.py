"""Runs whose process was killed, on an instance without run monitoring: what they hold, and who frees it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import (
    DagsterEvent,
    EngineEventData,
)  # how a worker tells that it has begun: Dagster has no public way
from dagster_folder import DAYS, Project, box
from dagster_processes import daemon, environment, kill_all, wait_for

from statsig_export.dagster import workers
from statsig_export.dagster.keys import MAX_RUNTIME, RANGE_END, RANGE_START, RETRIED_BY, WORKER_TAG
from statsig_export.dagster.processes import place, process
from statsig_export.dagster.runs import being_exported
from statsig_export.dagster.workers import _OF_ITS_OWN_PROCESS
from statsig_export.export.export import export_window
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import due_partitions
from statsig_export.testing.webhook.faults import Action, Rule
from statsig_export.windows import window_from_key

pytestmark = pytest.mark.home_on_disk

POOLS = ("fivetran_webhook", "fivetran_exports")
EVERYTHING = {RANGE_START: f"gate_exposure|{DAYS[0]}", RANGE_END: f"custom_event|{DAYS[-1]}"}
UNDER_WAY = "the 4 closed windows of the lookback are exported or under way"
STARTED, FAILED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE


@contextmanager
def living_process() -> Iterator[subprocess.Popen[bytes]]:
    """One that lives until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        yield living
        living.kill()


def started(project: Project, pool: str, repeats: str | None = None, *, waits: bool = False, **tags: str) -> str:
    """A run under way that holds or awaits a place of a pool, as a worker makes it. Returns its id."""
    job = "ship_batches" if pool == "fivetran_webhook" else "export_events"
    definition = project.definitions().resolve_job_def(job)
    run = project.instance.create_run_for_job(
        definition, tags={**definition.tags, **tags}, parent_run_id=repeats, root_run_id=repeats
    )
    project.instance.handle_new_event(happened(run, dg.DagsterEventType.PIPELINE_START))
    assert project.instance.event_log_storage.claim_concurrency_slot(pool, run.run_id, "step").is_claimed is not waits
    return run.run_id


def happened(
    run: dg.DagsterRun, kind: dg.DagsterEventType, step: str | None = None, minutes: float = 0
) -> dg.EventLogEntry:
    of_worker = EngineEventData() if kind in _OF_ITS_OWN_PROCESS else None
    event = DagsterEvent(event_type_value=kind.value, job_name=run.job_name, event_specific_data=of_worker)
    return dg.EventLogEntry(
        error_info=None,
        level="debug",
        user_message="",
        run_id=run.run_id,
        timestamp=(datetime.now(UTC) + timedelta(minutes=minutes)).timestamp(),
        job_name=run.job_name,
        step_key=step,
        dagster_event=event,
    )


def holders(project: Project, pool: str) -> set[str]:
    return project.instance.event_log_storage.get_concurrency_info(pool).active_run_ids


def status(project: Project, run: str) -> dg.DagsterRunStatus:
    found = project.instance.get_run_by_id(run)
    assert found is not None
    return found.status


@pytest.mark.fault("F306")
@pytest.mark.parametrize("pool", POOLS)
def test_a_run_whose_process_was_killed_is_ended_and_its_place_is_free_at_the_next_tick(project: Project, pool: str):
    project.tick()
    with living_process() as worker:
        tag = process(worker.pid)
        run = started(project, pool, **{WORKER_TAG: tag})
        project.tick()
        assert (status(project, run), holders(project, pool)) == (STARTED, {run})
    worker.wait()

    project.tick()

    assert (status(project, run), holders(project, pool)) == (FAILED, set())


@pytest.mark.fault("F306")
def test_a_process_that_got_the_number_of_a_killed_one_does_not_pass_for_it(project: Project):
    project.tick()
    mine = process(os.getpid())
    run = started(project, POOLS[0], **{WORKER_TAG: mine + "0"})

    project.tick()

    assert status(project, run) is FAILED


@pytest.mark.fault("F306")
def test_of_a_process_on_another_machine_age_tells(project: Project):
    project.tick()
    run = started(project, POOLS[0], **{WORKER_TAG: "elsewhere 1 1"})
    now = datetime.now(UTC)

    workers.clear_the_dead(project.instance, project.config, now + timedelta(minutes=59))
    assert status(project, run) is STARTED
    workers.clear_the_dead(project.instance, project.config, now + timedelta(minutes=61))
    assert status(project, run) is FAILED


@pytest.mark.fault("F306")
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("deleted", [False, True])
def test_the_place_of_a_run_that_ended_without_giving_it_back_is_free_at_the_next_tick(
    project: Project, pool: str, deleted
):
    project.tick()
    run = started(project, pool)
    dagster_run = project.instance.get_run_by_id(run)
    assert dagster_run is not None
    project.instance.report_run_failed(dagster_run)
    if deleted:
        project.instance.delete_run(run)
        assert project.instance.event_log_storage.claim_concurrency_slot(pool, run, "again").is_claimed

    project.tick()

    assert holders(project, pool) == set()


@pytest.mark.fault("F306")
def test_what_a_killed_export_run_held_is_asked_for_again(project: Project):
    project.tick()
    window = f"gate_exposure|{DAYS[0]}"
    span = {"dagster/asset_partition_range_start": window, "dagster/asset_partition_range_end": window}
    started(project, POOLS[1], **span, **{WORKER_TAG: process(os.getpid()) + "0"})
    assert being_exported(project.instance, project.config) == {window}

    project.tick()

    assert being_exported(project.instance, project.config) == set()


@pytest.mark.fault("F331")
def test_the_tick_that_the_schedule_missed_asks_for_what_killed_runs_held_before_any_sensor_has_ticked(
    project: Project,
):
    project.tick()
    started(project, POOLS[1], **EVERYTHING, **{WORKER_TAG: process(os.getpid()) + "0"})

    requests = project.schedule_tick()

    assert [box(request) for request in requests] == [
        (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[1]}"),
        (f"gate_exposure|{DAYS[2]}", f"custom_event|{DAYS[3]}"),
    ]


@pytest.mark.fault("F331")
def test_what_dagster_repeats_by_itself_is_not_asked_for_beside_it(project: Project):
    home = project.folder / "retrying"
    home.mkdir()
    retries = {"run_retries": {"enabled": True, "max_retries": 2}}
    with dg.DagsterInstance.local_temp(str(home), overrides=retries) as project.instance:
        project.tick()
        dead = started(project, POOLS[1], **EVERYTHING, **{WORKER_TAG: process(os.getpid()) + "0"})

        assert project.schedule_tick() == UNDER_WAY
        assert status(project, dead) is FAILED

        project.instance.add_run_tags(dead, {RETRIED_BY: "another, which has failed too"})
        assert len(project.schedule_tick()) == 2


@pytest.mark.fault("F331")
@pytest.mark.parametrize("pool", POOLS)
def test_a_run_that_was_killed_before_it_could_tell_its_process_is_ended_after_three_minutes(
    project: Project, pool: str
):
    project.tick()
    run, now = started(project, pool), datetime.now(UTC)

    workers.clear_the_dead(project.instance, project.config, now + timedelta(minutes=2))
    assert status(project, run) is STARTED
    workers.clear_the_dead(project.instance, project.config, now + timedelta(minutes=4))
    assert (status(project, run), holders(project, pool)) == (FAILED, set())


@pytest.mark.fault("F593")
def test_a_run_that_starts_after_a_long_wait_in_the_queue_gets_three_minutes_from_then_on(project: Project):
    project.tick()
    definition = project.definitions().resolve_job_def("export_events")
    run = project.instance.create_run_for_job(definition, tags=definition.tags)
    project.instance.handle_new_event(happened(run, dg.DagsterEventType.PIPELINE_STARTING, minutes=30))

    now = datetime.now(UTC)
    workers.clear_the_dead(project.instance, project.config, now + timedelta(minutes=32))
    assert status(project, run.run_id) is dg.DagsterRunStatus.STARTING
    workers.clear_the_dead(project.instance, project.config, now + timedelta(minutes=34))
    assert status(project, run.run_id) is FAILED


@pytest.mark.fault("F690")
@pytest.mark.parametrize("seconds", [600, 60])
@pytest.mark.parametrize("begun", [False, True], ids=["starting", "silent"])
def test_a_run_has_as_long_to_start_as_the_instance_gives_it_and_never_less_than_three_minutes(
    project: Project,
    tmp_path: Path,
    seconds: int,
    begun: bool,  # noqa: FBT001
):
    patient = {"run_monitoring": {"enabled": True, "start_timeout_seconds": seconds}}
    (tmp_path / "slow").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "slow"), overrides=patient) as project.instance:
        definition = project.definitions().resolve_job_def("export_events")
        run = project.instance.create_run_for_job(definition, tags=definition.tags)
        project.instance.handle_new_event(happened(run, dg.DagsterEventType.PIPELINE_STARTING))
        if begun:
            project.instance.handle_new_event(happened(run, dg.DagsterEventType.PIPELINE_START))
        now, longest = datetime.now(UTC), max(seconds, 180)

        workers.clear_the_dead(project.instance, project.config, now + timedelta(seconds=longest - 60))
        assert status(project, run.run_id) is (STARTED if begun else dg.DagsterRunStatus.STARTING)
        workers.clear_the_dead(project.instance, project.config, now + timedelta(seconds=longest + 60))
        assert status(project, run.run_id) is FAILED


@pytest.mark.fault("F331")
def test_a_run_that_waits_for_a_place_is_no_dead_one_however_silent_it_is(project: Project):
    project.tick()
    first, second = (started(project, POOLS[1], **{WORKER_TAG: process(os.getpid())}) for _ in range(2))
    third = started(project, POOLS[1], waits=True)

    workers.clear_the_dead(project.instance, project.config, datetime.now(UTC) + timedelta(minutes=59))

    assert {status(project, run) for run in (first, second, third)} == {STARTED}


@pytest.mark.fault("F306")
def test_runs_of_others_are_left_alone_however_old_they_are(project: Project):
    @dg.job
    def theirs() -> None: ...

    run = project.instance.create_run_for_job(theirs)
    project.instance.handle_new_event(happened(run, dg.DagsterEventType.PIPELINE_START))

    workers.clear_the_dead(project.instance, project.config, datetime.now(UTC) + timedelta(days=30))

    assert status(project, run.run_id) is STARTED


@pytest.mark.fault("F365")
def test_a_run_that_repeats_another_is_not_taken_for_its_dead_process(project: Project):
    """Dagster's run retries and *Re-execute* copy the tags."""
    project.tick()
    dead = {WORKER_TAG: process(os.getpid()) + "0"}
    first = started(project, POOLS[1], **dead)
    project.tick()
    assert status(project, first) is FAILED

    again = started(project, POOLS[1], repeats=first, **dead)
    project.tick()

    assert status(project, again) is STARTED


@pytest.mark.fault("F366")
@pytest.mark.parametrize(
    "tags",
    [
        {WORKER_TAG: place()},
        {WORKER_TAG: f"{place()} x y"},
        {WORKER_TAG: f"{place()} {'9' * 30} 1"},
        {WORKER_TAG: ""},
        {MAX_RUNTIME: "9" * 30},
        {MAX_RUNTIME: "\N{SUPERSCRIPT TWO}"},
    ],
)
def test_whatever_people_wrote_into_the_tags_of_a_run_no_tick_fails(project: Project, tags: dict[str, str]):
    project.tick()
    run = started(project, POOLS[0], **tags)

    project.tick()

    assert status(project, run) is STARTED


@pytest.mark.fault("F306")
@pytest.mark.skipif("STATSIG_EXPORT_LONG" not in os.environ, reason="waits for minutes: STATSIG_EXPORT_LONG=1 runs it")
@pytest.mark.parametrize("machine", [False, True], ids=["two workers are killed", "the machine dies"])
def test_a_plain_dagster_dev_recovers_by_itself(project: Project, machine):
    """No dagster.yaml at all: no run monitoring, no retries, the default queue."""
    project.fill(DAYS[:2])
    project.keep_schedule_quiet()
    project.automate()
    for day in DAYS[:2]:
        export_window(project.config, window_from_key(day, project.config.windows))
    project.receiver.play([Rule(actions=(Action(delay=10.0),))])
    home = project.folder / "plain_home"
    home.mkdir()
    environ, log = environment(home, project.config_path), project.folder / "daemon.log"
    with dg.DagsterInstance.from_config(str(home)) as instance:

        def working() -> list[str]:
            runs = instance.get_runs(dg.RunsFilter(statuses=[STARTED]))
            tags = [run.tags[WORKER_TAG] for run in runs if WORKER_TAG in run.tags]
            return tags if len(tags) == (1 if machine else 2) else []

        with daemon(environ, log) as running:
            tags = wait_for(working, running, log)
            if machine:
                kill_all(running)
            else:
                for tag in tags:
                    os.kill(int(tag.split(" ")[1]), 9)
                wait_for(lambda: not due_partitions(project.config), running, log)
        if machine:
            with daemon(environ, log) as again:
                wait_for(lambda: not due_partitions(project.config), again, log, 600)

    assert len({event["timeUUID"] for event in project.receiver.events()}) == 10
    assert verify(project.config).differences == ()
