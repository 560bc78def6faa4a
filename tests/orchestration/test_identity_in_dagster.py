"""In Dagster as on the command line: a change of identity fails the next run before it reads, and nothing is sent."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import dagster as dg
import pytest
from dagster_folder import DAYS, TODAY, Project, box, what_failed

DELIVERED, NEXT = DAYS[-2:]
SECTION = "[source.custom_events]\n"
RENAME = "ALTER TABLE custom_events RENAME TO clicks"
BACK = "ALTER TABLE clicks RENAME TO custom_events"


def sql(project: Project, script: str) -> None:
    with closing(sqlite3.connect(project.folder / "source.db")) as connection, connection:
        connection.executescript(script)


def delivered_day(project: Project) -> list[str]:
    """A day of custom events without ids of their own, exported and shipped; the ids that were sent."""
    project.fill([DELIVERED])
    sql(project, "UPDATE custom_events SET time_uuid = NULL; DELETE FROM exposures;")
    assert project.export_days(DELIVERED, DELIVERED).success
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
        resources={"export": (definitions.resources or {})["export"]},
    ) as context:
        return list(schedule.evaluate_tick(context).run_requests or ())


@pytest.mark.fault("F121")
def test_a_change_of_identity_fails_the_next_run_and_each_way_out_lets_it_go_on(project: Project):
    sent = delivered_day(project)
    before = project.config_path.read_text()
    changes = [  # in the file, in the source and back, and the line that says that it is the same
        (("[windows]", f'{SECTION}table = "clicks"\n[windows]'), RENAME, BACK, 'identity = "custom_events"'),
        (("[windows]", f'{SECTION}schema = "main"\n[windows]'), "", "", 'identity = "custom_events"'),
        (("[source]\n", f'{SECTION}[source]\nname = "eu"\n'), "", "", 'identity = "/custom_events"'),
        (("[windows]", f'{SECTION}columns = {{ time_uuid = "user_id" }}\n[windows]'), "", "", ""),
    ]
    for change, there, back, same in changes:
        sql(project, there)
        project.configure(*change)
        refused = project.export_days(DELIVERED, DELIVERED)
        assert not refused.success
        assert same in what_failed(refused)
        assert "Nothing was read or sent" in what_failed(refused)
        if same:
            project.configure(SECTION, f"{SECTION}{same}\n")
            assert project.export_days(DELIVERED, DELIVERED).success
        sql(project, back)
        project.config_path.write_text(before)
    assert project.export_days(DELIVERED, DELIVERED).success
    assert project.tick()[0] == []
    assert [event["timeUUID"] for event in project.receiver.events()] == sent


@pytest.mark.fault("F122")
def test_hours_instead_of_days_fail_on_the_delivered_day_and_begin_where_it_ends(project: Project):
    sent = delivered_day(project)
    project.configure("[windows]", '[windows]\nevery = "hour"')
    requests = ticked(project)
    refused = project.export(*box(requests[0]))

    assert not refused.success
    assert f'windows.start = "{NEXT}T00:00:00Z"' in what_failed(refused)
    start = project.config.windows.start
    project.configure(f'start = "{start:%Y-%m-%dT%H:%M:%SZ}"', f'start = "{NEXT}T00:00:00Z"')
    (request,) = ticked(project)
    assert box(request)[0] == f"gate_exposure|{NEXT}-00:00"
    assert project.export(*box(request)).success
    assert project.tick()[0] == []
    assert [event["timeUUID"] for event in project.receiver.events()] == sent


@pytest.mark.fault("F120")
def test_keys_that_become_text_send_nothing_again(project: Project):
    sent = delivered_day(project)
    sql(
        project,
        "CREATE VIEW keyed AS SELECT CAST(id AS TEXT) AS id, time_uuid, event_name, user_id, user, value, metadata, "
        "statsig_metadata, timestamp, ingested_at FROM custom_events;",
    )
    project.configure("[windows]", '[source.custom_events]\ntable = "keyed"\nidentity = "custom_events"\n[windows]')

    assert project.export_days(DELIVERED, DELIVERED).success
    assert project.tick()[0] == []
    assert [event["timeUUID"] for event in project.receiver.events()] == sent
