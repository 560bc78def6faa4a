"""What the schedule asks for after the source was away for longer than a run tries."""

import pytest
from dagster_folder import DAYS, Project, box

from statsig_export.shipping.status import exported

pytestmark = pytest.mark.home_on_disk


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
        (request,) = project.schedule_tick(hour)
        assert not project.run("export_events", {}, {**job.tags, **request.tags}).success
    monkeypatch.setenv("STATSIG_DATABASE_URL", project.environ["STATSIG_DATABASE_URL"])

    (request,) = project.schedule_tick(4)

    assert box(request) == everything
    assert project.run("export_events", {}, {**job.tags, **request.tags}).success
    assert len(exported(project.config)) == len(DAYS) * 6
