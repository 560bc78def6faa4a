"""alerts_sensor and metrics_sensor: ticks over a real instance, whose runs fail, are repeated, and succeed."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from alert_receiver import Taken, http_receiver
from dagster_folder import DAYS, Project

from statsig_export.alerts.incidents import Observation
from statsig_export.dagster.keys import RETRIED_BY, WILL_RETRY
from statsig_export.dagster.metadata import failure
from statsig_export.dagster.watching.failed_runs import FailedRuns
from statsig_export.dagster.watching.failures import fault_of
from statsig_export.errors import (
    ConfigError,
    DestinationError,
    LedgerError,
    PartitionFileError,
    SchemaError,
    SourceError,
)
from statsig_export.export.export import export_window
from statsig_export.monitoring.rules import Fault
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.windows import window_from_key

SOURCE_AWAY = "postgresql://nobody:hidden-password@127.0.0.1:1/none"


@pytest.fixture
def taken(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Taken]:
    with http_receiver() as receiver:
        monkeypatch.setenv("ALERTS_URL", receiver.url)
        project.config_path.write_text(
            project.config_path.read_text()
            + '[alerts]\nafter = "0s"\nover_after = "0s"\ndagster_url = "https://dagster.example"\n'
            + 'webhook = { url = "env:ALERTS_URL" }\n[checks]\noverdue_after = "36500d"\n'
        )
        yield receiver


def tick(project: Project, cursor: str | None = None) -> dg.SensorResult:
    definitions = project.definitions()
    (sensor,) = [each for each in definitions.sensors or () if each.name == "alerts_sensor"]
    resources = {"statsig_export": (definitions.resources or {})["statsig_export"]}
    with dg.build_sensor_context(
        instance=project.instance, definitions=definitions, resources=resources, cursor=cursor
    ) as context:
        return sensor.evaluate_tick(context)


def failing_export(project: Project, monkeypatch: pytest.MonkeyPatch, day: str) -> str:
    with monkeypatch.context() as away:
        away.setenv("STATSIG_DATABASE_URL", SOURCE_AWAY)
        result = project.export_days(day, day)
    assert not result.success
    return result.run_id


def seen(project: Project, later: timedelta = timedelta()) -> list[Observation]:
    return FailedRuns().observations(project.instance, project.config, datetime.now(UTC) + later)


def incidents(taken: Taken) -> list[tuple[str, str]]:
    return [(one["key"].partition(":")[0], one["state"]) for body in taken.documents for one in body["incidents"]]


@pytest.mark.fault("F565")
def test_a_failed_run_is_told_with_whose_fault_and_what_to_do_and_once_more_when_its_work_was_done(
    project: Project, taken: Taken, monkeypatch: pytest.MonkeyPatch
):
    project.fill(DAYS[:2])
    project.export_days(DAYS[0], DAYS[0])
    run = failing_export(project, monkeypatch, DAYS[1])
    first = tick(project)
    second = tick(project, first.cursor)
    assert incidents(taken) == [("run", "began")]
    (told,) = taken.documents[0]["incidents"]
    assert told["fault"] == "source"
    assert told["runs"] == [f"https://dagster.example/runs/{run}"]
    assert "a run of export_events failed" in told["what"]
    assert "hidden-password" not in taken.bodies[0].decode() + (second.skip_message or "")
    assert "a run of export_events failed" in (second.skip_message or "")

    assert project.export_days(DAYS[1], DAYS[1]).success
    third = tick(project, second.cursor)
    tick(project, third.cursor)
    assert incidents(taken) == [("run", "began"), ("run", "over")]


@pytest.mark.fault("F657")
def test_ticks_without_a_ledger_tell_once_that_there_is_none_and_once_when_it_is_over(project: Project, taken: Taken):
    first = tick(project)
    second = tick(project, first.cursor)
    assert "there is no ledger at " in (second.skip_message or "")
    assert incidents(taken) == [("empty", "began")]

    project.fill(DAYS[:1])
    project.export_days(DAYS[0], DAYS[0])
    tick(project, second.cursor)
    assert incidents(taken) == [("empty", "began"), ("empty", "over")]


@pytest.mark.fault("F566")
@pytest.mark.usefixtures("taken")
def test_many_runs_that_fail_for_one_cause_are_one_observation(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.fill([DAYS[0]])
    runs = [failing_export(project, monkeypatch, day) for day in DAYS[:3]]

    (one,) = seen(project)
    assert "(3 runs)" in one.what
    assert list(one.runs) == runs[::-1]


@pytest.mark.fault("F566")
@pytest.mark.usefixtures("taken")
def test_what_the_runs_of_a_backfill_that_went_well_did_does_not_end_the_failure_of_another(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    project.fill()
    failing_export(project, monkeypatch, DAYS[1])
    for day in (DAYS[0], DAYS[2]):
        assert project.export_days(day, day).success

    assert len(seen(project)) == 1


@pytest.mark.usefixtures("taken")
def test_what_the_command_line_exported_since_ends_it_too(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.fill()
    failing_export(project, monkeypatch, DAYS[1])
    export_window(project.config, window_from_key(DAYS[1], project.config.windows))

    assert seen(project) == []


@pytest.mark.fault("F565")
@pytest.mark.usefixtures("taken")
def test_a_run_that_dagster_repeats_is_told_only_where_the_last_one_fails(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    project.fill()
    run = failing_export(project, monkeypatch, DAYS[1])
    project.instance.add_run_tags(run, {WILL_RETRY: "true"})
    assert seen(project) == []
    assert len(seen(project, timedelta(minutes=11))) == 1  # the daemon that should have repeated it is gone
    again = failing_export(project, monkeypatch, DAYS[1])
    project.instance.add_run_tags(run, {RETRIED_BY: again})
    (one,) = seen(project, timedelta(minutes=11))

    assert one.runs == (again,)


def test_a_halt_is_told_as_a_halt_and_not_as_the_failed_run_of_it(project: Project, taken: Taken):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.receiver.play([Rule(actions=[answer(401)])])
    assert not project.run("ship_batches", {}, {}).success
    tick(project)

    assert incidents(taken) == [("halted", "began")]


@pytest.mark.usefixtures("taken")
def test_an_error_of_our_own_is_told_by_its_class_alone(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])

    def broken(*_: object, **__: object) -> None:
        raise KeyError("user-1@example.org")

    with monkeypatch.context() as breaking:
        breaking.setattr("statsig_export.dagster.delivery.jobs.ship", broken)
        assert not project.run("ship_batches", {}, {}).success
    (one,) = seen(project)

    assert (one.fault, "(KeyError)" in one.what) == (Fault.OURS, True)
    assert "example.org" not in str(one)
    project.run("ship_batches", {}, {})
    assert seen(project) == []


@pytest.mark.usefixtures("taken")
def test_a_run_that_was_killed_is_the_machines_fault(project: Project):
    run = project.instance.create_run_for_job(project.definitions().resolve_job_def("ship_batches"))
    project.instance.report_run_failed(run)
    (one,) = seen(project)

    assert one.fault is Fault.MACHINE
    assert "ended without a word" in one.what


@pytest.mark.usefixtures("taken")
def test_a_failure_of_yesterday_and_of_another_destination_is_not_told(project: Project):
    job = project.definitions().resolve_job_def("ship_batches")
    run = project.instance.create_run_for_job(job, tags={"statsig_export/destination": "another"})
    project.instance.report_run_failed(run)
    mine = project.instance.create_run_for_job(job)
    project.instance.report_run_failed(mine)

    assert [one.runs for one in seen(project)] == [(mine.run_id,)]
    assert seen(project, timedelta(days=2)) == []


@pytest.mark.fault("F561")
def test_a_ledger_that_cannot_be_read_fails_no_tick_and_is_told_once(project: Project, taken: Taken):
    project.configure("[webhook]", '[ledger]\nurl = "sqlite:///export.toml"\n[webhook]')
    cursor = None
    for _ in range(3):
        cursor = tick(project, cursor).cursor

    assert incidents(taken) == [("ledger", "began")]


@pytest.mark.fault("F648")
def test_a_tick_says_who_is_still_to_be_told_something(project: Project, taken: Taken):
    project.configure("[webhook]", '[ledger]\nurl = "sqlite:///export.toml"\n[webhook]')
    taken.answers = [500]
    first = tick(project)
    second = tick(project, first.cursor)

    assert "webhook was not told (HTTP 500)" in (first.skip_message or "")
    assert "webhook is still to be told something: the last try has failed" in (second.skip_message or "")


@pytest.mark.fault("F648")
@pytest.mark.usefixtures("taken")
def test_a_tick_does_not_say_that_nothing_is_wrong_while_it_is_too_soon_to_tell_of_the_ledger(project: Project):
    project.configure("[webhook]", '[ledger]\nurl = "sqlite:///export.toml"\n[webhook]')
    project.configure('after = "0s"', 'after = "2m"')

    assert (tick(project).skip_message or "").startswith("not told yet: ")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ConfigError("x"), Fault.CONFIGURATION),
        (SchemaError("x"), Fault.SOURCE),
        (SourceError("x"), Fault.SOURCE),
        (DestinationError("x"), Fault.DESTINATION),
        (LedgerError("x"), Fault.LEDGER),
        (PartitionFileError("x", files={}), Fault.LEDGER),
    ],
)
def test_each_error_of_ours_says_whose_fault_it_is(error, fault: Fault):
    assert fault_of(str(failure(error).metadata["error"].value)) is fault


def test_there_is_no_sensor_where_nobody_is_to_be_told(project: Project):
    assert {"alerts_sensor", "metrics_sensor"}.isdisjoint(each.name for each in project.definitions().sensors or ())


def test_the_metrics_are_written_by_a_sensor_as_the_verb_writes_them(project: Project):
    project.configure("[webhook]", '[metrics]\ntextfile = "metrics.prom"\n[webhook]')
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    definitions = project.definitions()
    (sensor,) = [each for each in definitions.sensors or () if each.name == "metrics_sensor"]
    _, said = project.tick(sensor)
    text = (project.folder / "metrics.prom").read_text()

    assert said.endswith("metrics.prom is written")
    assert 'statsig_export_events{category="gate_exposure",destination="fivetran",state="pending"} 3.0' in text
    project.configure("[webhook]", '[ledger]\nurl = "sqlite:///export.toml"\n[webhook]')
    _, said = project.tick(sensor)
    assert "the ledger cannot be read" in said
    assert 'statsig_export_up{destination="fivetran"} 0.0' in (project.folder / "metrics.prom").read_text()


def test_without_the_extra_the_metrics_sensor_says_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.configure("[webhook]", '[metrics]\ntextfile = "metrics.prom"\n[webhook]')
    (sensor,) = [each for each in project.definitions().sensors or () if each.name == "metrics_sensor"]
    for name in [name for name in sys.modules if name.startswith("statsig_export.metrics.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(ConfigError, match=r"pip install 'statsig-export\[metrics\]'"):
        project.tick(sensor)
