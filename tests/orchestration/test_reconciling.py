"""Runs that delivered and could not say so: the sensor says it, so that Dagster agrees with the ledger."""

from datetime import timedelta

import dagster as dg
import pytest
from dagster_folder import DAYS, Project

from statsig_export.dagster.delivery import reconcile as reconciling
from statsig_export.dagster.delivery.reconcile import RUNS_A_TICK
from statsig_export.export.export import export_window
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.windows import window_from_key

SHIPPED = ["fivetran", "statsig_events"]
BOTH = [f"{category}|{DAYS[0]}" for category in ("custom_event", "gate_exposure")]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "ENDED_FOR", timedelta(seconds=-1))


def exported(project: Project, *days: str) -> None:
    project.fill(days)
    for day in days:
        export_window(project.config, window_from_key(day, project.config.windows))


def killed(project: Project, partitions: list[str], *, canceled: bool = False) -> str:
    """A run that shipped these partitions and ended before it could report them, as Dagster finds out."""
    job = project.definitions().resolve_job_def("ship_batches")
    config = {"ops": {"ship": {"config": {"partitions": partitions}}}}
    status = dg.DagsterRunStatus.STARTED
    run = project.instance.create_run_for_job(job, run_config=config, tags=job.tags, status=status)
    ship(project.config, partitions, orchestrator_run_id=run.run_id)
    if canceled:
        project.instance.report_run_canceled(run)
    else:
        project.instance.report_run_failed(run)
    return run.run_id


def materializations(project: Project) -> list[str]:
    """The partitions of all that was ever reported, as often as it was."""
    records = project.instance.fetch_materializations(dg.AssetKey(SHIPPED), limit=100).records
    return sorted(str(record.partition_key) for record in records)


@pytest.mark.parametrize("canceled", [False, True])
def test_what_a_run_delivered_before_its_end_is_reported_at_the_next_tick(project: Project, *, canceled: bool):
    exported(project, DAYS[0])
    run = killed(project, BOTH, canceled=canceled)
    assert materializations(project) == []

    assert project.tick()[0] == []

    assert materializations(project) == BOTH
    told = project.metadata(*SHIPPED, partition=BOTH[1])
    assert (told["ship run"], told["delivered events"], told["dagster/partition_row_count"]) == (run, 3, 3)


def test_a_run_is_reported_once_however_often_the_sensor_ticks(project: Project):
    exported(project, DAYS[0])
    killed(project, BOTH)

    for _ in range(3):
        project.tick()

    assert materializations(project) == BOTH


def test_what_a_run_reported_itself_is_not_reported_again(project: Project):
    exported(project, *DAYS[:2])
    (first, _), _ = project.tick()
    run_id = project.carry_out(first).run_id
    by_itself = materializations(project)
    run = project.instance.get_run_by_id(run_id)
    assert run is not None
    project.instance.report_run_failed(run)  # what comes last decides: the worker died at the very end

    project.tick()

    assert by_itself == materializations(project) == BOTH


def test_the_rest_that_another_run_ships_counts_with_what_the_killed_one_delivered(project: Project):
    exported(project, DAYS[0])
    killed(project, BOTH[:1])
    (request,), _ = project.tick()

    project.carry_out(request)

    accounts = {line.partition: line.account.forwarded for line in status(project.config)}
    in_dagster = {key: project.metadata(*SHIPPED, partition=key)["dagster/partition_row_count"] for key in BOTH}
    assert in_dagster == {key: accounts[key] for key in BOTH}


def test_a_run_that_delivered_nothing_reports_nothing(project: Project):
    exported(project, DAYS[0])
    killed(project, BOTH)
    project.tick()

    killed(project, BOTH)
    project.tick()

    assert materializations(project) == BOTH


def test_a_run_that_has_just_ended_is_left_for_a_later_tick(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reconciling, "ENDED_FOR", timedelta(minutes=1))
    exported(project, DAYS[0])
    killed(project, BOTH)

    project.tick()

    assert materializations(project) == []


def test_a_tick_looks_at_few_runs_the_oldest_first(project: Project):
    exported(project, *DAYS[:3])
    keys = [f"{category}|{day}" for day in DAYS[:3] for category in ("custom_event", "gate_exposure")]
    for key in keys:
        killed(project, [key])

    project.tick()
    after_one = materializations(project)
    project.tick()

    assert after_one == sorted(keys[:RUNS_A_TICK])
    assert materializations(project) == sorted(keys)
