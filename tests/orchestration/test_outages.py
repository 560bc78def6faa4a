"""What the schedule asks for after the source was away for longer than a run tries."""

from datetime import timedelta

import dagster as dg
import pytest
from dagster_folder import DAYS, TODAY, Project, box

from statsig_export.shipping.status import exported


def ticked(project: Project, hours: int) -> list[dg.RunRequest]:
    """The schedule's requests so many hours after the last midnight."""
    definitions = project.definitions()
    (schedule,) = [each for each in definitions.schedules or () if each.name == "export_schedule"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    with dg.build_schedule_context(
        instance=project.instance,
        scheduled_execution_time=TODAY + timedelta(hours=hours),
        repository_def=definitions.get_repository_def(),
        resources={"statsig_export": (definitions.resources or {})["statsig_export"]},
    ) as context:
        return list(schedule.evaluate_tick(context).run_requests or ())


@pytest.mark.fault("F367")
def test_after_hours_without_the_source_one_tick_asks_for_all_that_is_missing(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    """Only a run that was killed is cut: one that says why it failed was not killed by a window."""
    project.fill()
    everything = (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[-1]}")
    job = project.definitions().resolve_job_def("export_events")
    monkeypatch.setenv("STATSIG_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    for hour in range(1, 4):
        (request,) = ticked(project, hour)
        assert not project.run("export_events", {}, {**job.tags, **request.tags}).success
    monkeypatch.setenv("STATSIG_DATABASE_URL", project.environ["STATSIG_DATABASE_URL"])

    (request,) = ticked(project, 4)

    assert box(request) == everything
    assert project.run("export_events", {}, {**job.tags, **request.tags}).success
    assert len(exported(project.config)) == len(DAYS) * 6
