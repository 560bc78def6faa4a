"""Runs whose process is in another container or on another machine than the tick: a lock of the ledger tells."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import psycopg
import pytest
from dagster_folder import DAYS, Project
from sqlalchemy import make_url
from test_dead_runs import POOLS, happened, started, status

from statsig_export.dagster import processes, workers
from statsig_export.dagster.delivery import jobs
from statsig_export.dagster.keys import EVENTS, LIFE_TAG, WORKER_TAG
from statsig_export.dagster.processes import place
from statsig_export.export.export import export_window
from statsig_export.ledger.database import open_to_read, open_to_write
from statsig_export.ledger.lives import Life, is_alive
from statsig_export.windows import window_from_key

STARTED, FAILED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
STARTING = dg.DagsterRunStatus.STARTING
_HOLDS_A_LIFE = """
import sys
from sqlalchemy import make_url
from statsig_export.ledger.lives import Life
print(Life(make_url(sys.argv[1]), sys.argv[2]).held, flush=True)
sys.stdin.read()
"""


@contextmanager
def elsewhere(project: Project, run: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as this run, and of which the run tells another place."""
    command = [sys.executable, "-c", _HOLDS_A_LIFE, ledger_url(project), run]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"True\n"
        yield worker
        worker.kill()


def ledger_url(project: Project) -> str:
    return project.config.ledger_url().render_as_string(hide_password=False)


def of_another_container(run: str = "") -> str:
    """A process of this machine, under this host name, with the pid of ours; its namespace is another."""
    host, boot, namespace = place().split("/")
    return f"{host}/{boot}/{int(namespace) + 1} {os.getpid()} 1 {run}".strip()


def clear(project: Project, minutes: float = 0) -> None:
    workers.clear_the_dead(project.instance, project.config, datetime.now(UTC) + timedelta(minutes=minutes))


@pytest.fixture
def exported(project: Project) -> Project:
    """There is a ledger."""
    project.fill(DAYS[:1])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    return project


def alive_elsewhere(project: Project, pool: str = POOLS[1]) -> str:
    run = started(project, pool, **{WORKER_TAG: of_another_container()})
    project.instance.add_run_tags(run, {WORKER_TAG: of_another_container(run), LIFE_TAG: f"{run} holds its lock"})
    return run


@pytest.mark.fault("F585")
def test_a_live_run_in_a_container_that_shares_the_ticks_host_name_is_not_taken_for_dead(exported: Project):
    exported.tick()
    told_no_more = started(exported, POOLS[1], **{WORKER_TAG: of_another_container()})
    locked = alive_elsewhere(exported)

    with elsewhere(exported, locked):
        exported.tick()
        clear(exported, 2)
        clear(exported, 60 * 24)
        assert status(exported, locked) is STARTED

    assert status(exported, told_no_more) is FAILED  # a day later, of its age


@pytest.mark.fault("F585")
def test_a_place_is_host_boot_and_pid_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    host, boot, namespace = place().split("/")
    assert (len(boot), namespace.isdigit(), "/" in host) == (36, True, False)

    monkeypatch.setattr(processes, "_BOOT", tmp_path / "hidden")
    unknown = [processes.place.__wrapped__() for _ in range(2)]
    assert len({place(), *unknown}) == 3  # none passes for another


@pytest.mark.fault("F586")
@pytest.mark.parametrize("pool", POOLS)
def test_a_run_that_was_killed_on_another_host_is_ended_within_two_ticks(exported: Project, pool: str):
    exported.tick()
    run = alive_elsewhere(exported, pool)
    with elsewhere(exported, run) as worker:
        clear(exported)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

        clear(exported)
        assert status(exported, run) is STARTED  # its database may have been away: it gets a minute
        clear(exported, 0.5)
        assert status(exported, run) is STARTED
        clear(exported, 1.1)
        assert status(exported, run) is FAILED


@pytest.mark.fault("F586")
def test_a_run_whose_lock_was_away_for_a_moment_begins_anew_to_be_missed(exported: Project):
    exported.tick()
    run = alive_elsewhere(exported)
    clear(exported)
    with elsewhere(exported, run):
        clear(exported, 2)
    clear(exported, 2.1)

    assert status(exported, run) is STARTED


@pytest.mark.fault("F586")
def test_a_run_tells_that_it_holds_the_lock_and_gives_it_back_at_its_end(
    exported: Project, monkeypatch: pytest.MonkeyPatch
):
    held: list[bool] = []

    def look(*_: object, **__: object) -> None:
        (run,) = exported.instance.get_runs(dg.RunsFilter(statuses=[STARTED]))
        held.append(run.tags[LIFE_TAG] == f"{run.run_id} holds its lock")
        held.append(alive(exported, run.run_id))

    monkeypatch.setattr(jobs, "warn_of_other_rules", look)
    result = exported.run("ship_batches", {}, {})

    assert (held, result.success) == ([True, True], True)
    assert not alive(exported, result.run_id)


def alive(project: Project, run: str) -> bool:
    database = open_to_read(project.config.ledger_url())
    assert database is not None
    with closing(database):
        return is_alive(database, run)


@pytest.mark.fault("F586")
def test_a_life_that_the_database_ended_is_taken_anew_while_its_process_lives(postgres_url: str):
    url = make_url(postgres_url)
    with closing(open_to_write(url)) as database, Life(url, "run", look_every_s=0.01) as life:
        assert life.held
        _end_who_holds_locks(postgres_url)
        # the last look of the life may have been before
        for _ in range(1_000):
            if is_alive(database, "run"):
                break
        else:
            pytest.fail("it was not taken anew")
        assert not Life(url, "run").held
    with closing(open_to_read(url)) as database:  # type: ignore[type-var]
        assert not is_alive(database, "run")


def _end_who_holds_locks(url: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")


@pytest.mark.fault("F586")
def test_the_first_run_of_all_has_a_life_though_there_was_no_ledger(project: Project):
    with Life(project.config.ledger_url(), "run") as life:
        assert life.held
        assert alive(project, "run")


@pytest.mark.fault("F586")
@pytest.mark.parametrize(
    ("events", "dead"),
    [
        ([], True),
        ([("statsig__events", dg.DagsterEventType.STEP_START)], True),  # a moment later it would have told
        ([("theirs", dg.DagsterEventType.STEP_START)], False),
        (
            [
                ("statsig__events", dg.DagsterEventType.STEP_WORKER_STARTED),
                ("statsig__events", dg.DagsterEventType.STEP_START),
            ],
            False,
        ),
    ],
)
def test_a_backfills_run_that_was_killed_before_it_could_tell_is_ended_after_three_minutes(
    project: Project,
    events: list[tuple[str, dg.DagsterEventType]],
    dead: bool,  # noqa: FBT001
):
    """It runs under no job of ours, with whatever executor, and may hold steps of others."""
    project.tick()
    run = dg.DagsterRun("__ASSET_JOB", str(uuid4()), asset_selection=frozenset([EVENTS]))
    project.instance.run_storage.add_run(run)
    project.instance.handle_new_event(happened(run, dg.DagsterEventType.PIPELINE_START))
    for step, kind in events:
        project.instance.handle_new_event(happened(run, kind, step))

    clear(project, 2)
    assert status(project, run.run_id) is STARTED
    clear(project, 4)
    assert status(project, run.run_id) is (FAILED if dead else STARTED)


@pytest.mark.fault("F587")
def test_a_run_that_waits_in_a_broker_or_for_a_node_is_not_taken_for_dead(project: Project, tmp_path: Path):
    home = tmp_path / "queued"
    home.mkdir()
    elsewhere = {"run_launcher": {"module": "some_engine.launcher", "class": "QueuedRunLauncher", "config": {}}}
    for overrides, ends in ((elsewhere, False), ({}, True)):
        with dg.DagsterInstance.local_temp(str(home), overrides=overrides) as project.instance:
            job = project.definitions().resolve_job_def("export_events")
            run = project.instance.create_run_for_job(job, tags=job.tags, status=STARTING)
            clear(project, 59)
            assert status(project, run.run_id) is (FAILED if ends else STARTING)
