"""In Dagster as on the command line: a change of identity fails the next run before it reads, and nothing is sent.

A run of Dagster's takes most of the time, and each partition in it: these have one each, of what tests/delivery has in
full.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta

import dagster as dg
import pytest
from dagster_folder import DAYS, TODAY, Project, box, what_failed

pytestmark = pytest.mark.home_on_disk

DELIVERED, NEXT = DAYS[-2:]
SECTION = "[source.custom_events]\n"
RENAME = "ALTER TABLE custom_events RENAME TO clicks"
TEXT_KEYS = (
    "CREATE VIEW keyed AS SELECT CAST(id AS TEXT) AS id, time_uuid, event_name, user_id, user, value, metadata, "
    "statsig_metadata, timestamp, ingested_at FROM clicks;"
)
BACK = "DROP VIEW keyed; ALTER TABLE clicks RENAME TO custom_events"


def sql(project: Project, script: str) -> None:
    with closing(sqlite3.connect(project.folder / "source.db")) as connection, connection:
        connection.executescript(script)


def exported(project: Project, window: str = DELIVERED) -> dg.ExecuteInProcessResult:
    return project.export(f"custom_event|{window}")


def delivered_day(project: Project) -> list[str]:
    """A day of custom events without ids of their own, exported and shipped; the ids that were sent."""
    project.fill([DELIVERED])
    sql(project, "UPDATE custom_events SET time_uuid = NULL; DELETE FROM exposures;")
    assert exported(project).success
    for request in project.tick()[0]:
        assert project.carry_out(request).success
    return [event["timeUUID"] for event in project.receiver.events()]


def ticked(project: Project) -> list[dg.RunRequest]:
    """What the schedule asks for next, in definitions that were loaded anew."""
    definitions = project.definitions()
    (schedule,) = [each for each in definitions.schedules or () if each.name == "export_schedule"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    with dg.build_schedule_context(
        instance=project.instance,
        scheduled_execution_time=TODAY + timedelta(hours=1),
        repository_def=definitions.get_repository_def(),
        resources={"statsig_export": (definitions.resources or {})["statsig_export"]},
    ) as context:
        return list(schedule.evaluate_tick(context).run_requests or ())


@pytest.mark.fault("F120", "F121")
def test_a_change_of_identity_fails_the_next_run_and_each_way_out_lets_it_go_on(project: Project):
    sent = delivered_day(project)
    before = project.config_path.read_text()
    sql(project, RENAME)
    project.configure("[windows]", f'{SECTION}table = "clicks"\n[windows]')
    refused = exported(project)
    assert not refused.success
    assert 'identity = "custom_events"' in what_failed(refused)
    assert "Nothing was read or sent" in what_failed(refused)

    sql(project, TEXT_KEYS)
    project.configure('table = "clicks"', 'table = "keyed"\nidentity = "custom_events"')
    assert exported(project).success
    sql(project, BACK)
    project.config_path.write_text(before)
    assert exported(project).success
    assert project.tick()[0] == []
    assert [event["timeUUID"] for event in project.receiver.events()] == sent


@pytest.mark.fault("F122")
def test_hours_instead_of_days_fail_on_the_delivered_day_and_begin_where_it_ends(project: Project):
    sent = delivered_day(project)
    project.configure("[windows]", '[windows]\nevery = "hour"')
    requests = ticked(project)
    refused = project.export(box(requests[0])[0])

    assert not refused.success
    assert f'windows.start = "{NEXT}T00:00:00Z"' in what_failed(refused)
    start = project.config.windows.start
    project.configure(f'start = "{start:%Y-%m-%dT%H:%M:%SZ}"', f'start = "{NEXT}T00:00:00Z"')
    (request,) = ticked(project)
    assert box(request)[0] == f"gate_exposure|{NEXT}-00:00"
    assert exported(project, f"{NEXT}-00:00").success
    assert project.tick()[0] == []
    assert [event["timeUUID"] for event in project.receiver.events()] == sent
