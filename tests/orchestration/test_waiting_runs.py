"""Ship runs that wait in Dagster's queue: what the sensor says of them. And ranges that no window is in."""

from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.remote_origin import (  # without which there is no run in the queue: Dagster has no public way
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster_folder import DAYS, START, Project

from statsig_export.dagster.keys import DESTINATION_TAG, RANGE_END, RANGE_START
from statsig_export.dagster.runs import being_exported
from statsig_export.export.export import export_window
from statsig_export.windows import window_from_key

ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__"), "ship_batches")
QUEUED = {"partitions": [f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[0]}"]}


@pytest.fixture
def waiting(project: Project) -> Project:
    """With a ship run that carries all that is due, in the queue."""
    project.fill(DAYS[:1])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    project.tick()
    queued(project)
    return project


def queued(project: Project) -> None:
    run = dg.DagsterRun(
        "ship_batches",
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=ORIGIN,
        tags={DESTINATION_TAG: "fivetran"},
        run_config={"ops": {"ship": {"config": QUEUED}}},
    )
    project.instance.add_run(run)


@pytest.mark.fault("F372")
def test_the_sensor_says_that_ship_runs_wait_for_a_place(waiting: Project):
    assert waiting.tick() == ([], "partitions due: 2; ship runs under way: 1, of which 1 wait for a place")


@pytest.mark.fault("F372")
def test_the_sensor_names_a_pool_without_a_place(waiting: Project):
    waiting.instance.event_log_storage.set_concurrency_slots("fivetran_webhook", 0)

    _, said = waiting.tick()

    assert said.endswith("wait for a place: the pool fivetran_webhook has no place (Deployment, Concurrency)")


@pytest.mark.fault("F372")
@pytest.mark.parametrize("settings", [{"concurrency": {"runs": {"max_concurrent_runs": 0}}}])
def test_the_sensor_names_an_instance_that_allows_no_run(
    waiting: Project, tmp_path, settings: Mapping[str, Mapping[str, Mapping[str, int]]]
):
    home = tmp_path / "paused"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home), overrides=settings) as waiting.instance:
        queued(waiting)

        _, said = waiting.tick()

    assert said.endswith("the instance allows no run (concurrency.runs.max_concurrent_runs)")


@pytest.mark.fault("F366")
def test_a_range_of_millennia_in_run_storage_holds_the_windows_that_there_are(project: Project):
    span = {RANGE_START: "gate_exposure|1970-01-01", RANGE_END: "gate_exposure|9999-12-30"}
    project.instance.add_run(dg.DagsterRun("export_events", status=dg.DagsterRunStatus.STARTED, tags=span))

    held = being_exported(project.instance, project.config)

    days = (datetime.now(UTC) - START).days
    assert set(map("gate_exposure|{}".format, DAYS)) <= held
    assert len(held) <= days + 2


@pytest.mark.fault("F373")
def test_a_tick_does_not_read_the_thousands_of_runs_of_others_that_wait(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    asked: list[dg.RunsFilter] = []
    real = dg.DagsterInstance.get_run_records

    def asking(instance: dg.DagsterInstance, filters: dg.RunsFilter, *arguments: object, **named: object) -> object:
        asked.append(filters)
        return real(instance, filters, *arguments, **named)

    monkeypatch.setattr(dg.DagsterInstance, "get_run_records", asking)
    project.tick()

    of_everybody = [filters for filters in asked if filters.job_name is None]
    assert of_everybody
    assert not any(dg.DagsterRunStatus.QUEUED in filters.statuses for filters in of_everybody)
