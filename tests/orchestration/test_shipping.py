import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest
from dagster_folder import DAYS, SECRET, Project, everything_logged, what_failed

from statsig_export.dagster import runs
from statsig_export.dagster.delivery import sensors as ship_sensor
from statsig_export.export.export import export_window
from statsig_export.shipping.status import resume
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.windows import window_from_key

_SHIP = """
import json, sys
from statsig_export.dagster.definitions import definitions_for
ship = definitions_for(sys.argv[1]).resolve_job_def("ship_batches")
assert ship.execute_in_process(run_config=json.loads(sys.argv[2])).success
print("pandas" in sys.modules)
"""
SHIPPED = ["fivetran", "statsig_events"]
BOTH = [f"custom_event|{DAYS[0]}", f"gate_exposure|{DAYS[0]}"]


def exported(project: Project, *days: str) -> dg.ExecuteInProcessResult:
    project.fill(days)
    result = project.export_days(days[0], days[-1])
    assert result.success
    return result


def record_run(project: Project, status: dg.DagsterRunStatus, partitions: list[str], **tags: str) -> str:
    """A ship run in the run storage as the daemon would have left it."""
    job = project.definitions().resolve_job_def("ship_batches")
    run = project.instance.create_run_for_job(
        job,
        run_config={"ops": {"ship": {"config": {"partitions": partitions}}}},
        tags={**job.tags, **tags},
        status=status,
    )
    return run.run_id


def test_what_was_exported_is_shipped_by_the_run_that_the_sensor_asks_for(project: Project):
    exported(project, *DAYS[:2])

    (request,), _ = project.tick()
    result = project.carry_out(request)

    assert result.success
    assert len(project.receiver.events()) == 10
    assert project.shipped() == {
        f"{category}|{day}" for category in ("gate_exposure", "custom_event") for day in DAYS[:2]
    }


def test_a_ship_run_has_no_need_of_pandas(project: Project):
    """It is a quarter of the memory of such a process, and of the time until it begins."""
    exported(project, DAYS[0])
    (request,), _ = project.tick()

    command = [sys.executable, "-c", _SHIP, str(project.config_path), json.dumps(request.run_config)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert said.split() == ["False"]
    assert len(project.receiver.events()) == 5


def test_the_sensor_asks_for_nothing_once_all_is_shipped(project: Project):
    exported(project, DAYS[0])
    (request,), _ = project.tick()
    project.carry_out(request)

    assert project.tick() == ([], "nothing is due: what is planned has been sent, or waits for its next try")


def test_a_fresh_project_without_a_ledger_has_nothing_due(project: Project):
    requests, reason = project.tick()

    assert requests == []
    assert reason.startswith("nothing is due")


def test_a_ship_run_carries_the_id_of_the_export_run_and_is_found_by_it(project: Project):
    export_run = exported(project, DAYS[0]).run_id

    (request,), _ = project.tick()
    ship_run = project.carry_out(request).run_id

    found = project.instance.get_runs(dg.RunsFilter(tags={"statsig_export/export_run": export_run}))
    assert [run.run_id for run in found] == [ship_run]


def test_a_shipment_links_to_both_runs_and_tells_what_was_answered(project: Project):
    export_run = exported(project, DAYS[0]).run_id
    (request,), _ = project.tick()

    ship_run = project.carry_out(request).run_id

    told = project.metadata(*SHIPPED, partition=f"gate_exposure|{DAYS[0]}")
    assert (told["export run"], told["ship run"]) == (export_run, ship_run)
    assert (told["delivered events"], told["delivered batches"], told["requests"]) == (3, 2, 2)
    assert told["status 200"] == 2
    assert told["pending"] == told["failed"] == 0
    assert isinstance(told["latency ms (max)"], float)
    assert str(told["file"]).endswith(".parquet")


def test_events_exported_from_the_command_line_are_shipped_too_and_named_without_a_link(project: Project):
    project.fill([DAYS[0]])
    report = export_window(project.config, window_from_key(DAYS[0], project.config.windows))

    (request,), _ = project.tick()
    project.carry_out(request)

    told = project.instance.fetch_materializations(dg.AssetKey(SHIPPED), limit=1).records[0].asset_materialization
    assert told is not None
    link = told.metadata["export run"]
    assert isinstance(link, dg.TextMetadataValue)
    assert link.text == report.run_id


def test_each_export_run_gets_a_ship_run_of_its_own(project: Project):
    first, second = exported(project, DAYS[0]), exported(project, DAYS[1])

    requests, _ = project.tick()

    assert [request.tags["statsig_export/export_run"] for request in requests] == [first.run_id, second.run_id]


def test_late_rows_name_every_export_run_they_came_with(project: Project):
    runs = [exported(project, DAYS[0]).run_id, exported(project, DAYS[0]).run_id]

    (request,), _ = project.tick()

    assert sorted(json.loads(request.tags["statsig_export/export_run"])) == sorted(runs)


@pytest.mark.fault("F66")
def test_partitions_that_a_live_ship_run_carries_are_left_to_it(project: Project):
    exported(project, DAYS[0])
    record_run(project, dg.DagsterRunStatus.STARTED, [f"gate_exposure|{DAYS[0]}"])

    (request,), _ = project.tick()

    assert request.run_config["ops"]["ship"]["config"]["partitions"] == [f"custom_event|{DAYS[0]}"]


def test_nothing_is_asked_for_while_live_runs_carry_everything(project: Project):
    exported(project, DAYS[0])
    record_run(project, dg.DagsterRunStatus.NOT_STARTED, [f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[0]}"])

    assert project.tick() == ([], "partitions due: 2; ship runs under way: 1")


def test_a_run_started_by_hand_for_all_that_is_due_is_not_doubled(project: Project):
    exported(project, DAYS[0])
    record_run(project, dg.DagsterRunStatus.STARTED, [])

    assert project.tick()[0] == []


@pytest.mark.fault("F66")
def test_a_run_that_was_never_submitted_gives_its_partitions_back(project: Project, monkeypatch: pytest.MonkeyPatch):
    exported(project, DAYS[0])
    record_run(project, dg.DagsterRunStatus.NOT_STARTED, [f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[0]}"])
    monkeypatch.setattr(runs, "ABANDONED_AFTER", timedelta(seconds=0))

    assert len(project.tick()[0]) == 1


@pytest.mark.fault("F67")
def test_the_run_key_changes_while_work_remains(project: Project):
    exported(project, DAYS[0])
    (first,), _ = project.tick()
    record_run(project, dg.DagsterRunStatus.CANCELED, [f"gate_exposure|{DAYS[0]}"], **first.tags)

    (second,), _ = project.tick()

    assert second.run_config == first.run_config
    assert second.run_key != first.run_key


@pytest.mark.fault("F290")
def test_a_run_that_somebody_deleted_stops_no_later_one(project: Project):
    """Dagster never launches a run key twice, and remembers it with the runs that are left and with the ticks."""
    exported(project, DAYS[0])
    keys = set()
    for _ in range(4):
        (request,), _ = project.tick()
        run_id = record_run(
            project, dg.DagsterRunStatus.CANCELED, BOTH, **request.tags, **{"dagster/run_key": request.run_key or ""}
        )
        assert request.run_key not in keys
        keys.add(request.run_key)
        if len(keys) == 2:
            project.instance.delete_run(run_id)


STRANGE_CONFIGS = [
    {"ops": {"ship": {"config": {"partitions": None}}}},
    {"ops": {"ship": {"config": None}}},
    {"ops": {"ship": None}},
    {"ops": None},
    {"ops": {"ship": {"config": {"partitions": "gate_exposure|2026-11-01"}}}},
    {"ops": {"ship": {"config": {"partitions": {"env": "PARTITIONS"}}}}},
    {"ops": {"ship": {"config": {"partitions": [None, 7, {"a": 1}, "nonsense"]}}}},
    {"ops": ["ship"]},
]


@pytest.mark.fault("F291")
@pytest.mark.parametrize("status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
def test_no_configuration_that_somebody_wrote_breaks_a_tick(project: Project, status: dg.DagsterRunStatus):
    exported(project, DAYS[0])
    job = project.definitions().resolve_job_def("ship_batches")
    for config in STRANGE_CONFIGS:
        tags = {**job.tags, "statsig_export/group": "", "statsig_export/export_run": "[", "dagster/partition": "?"}
        run = dg.DagsterRun("ship_batches", str(uuid4()), run_config=config, tags=tags, status=status)
        project.instance.add_run(run)

    (request,), _ = project.tick()

    assert sorted(request.run_config["ops"]["ship"]["config"]["partitions"]) == BOTH


@pytest.mark.fault("F291")
def test_partitions_left_blank_in_the_launchpad_ship_all_that_is_due(project: Project):
    exported(project, *DAYS[:2])

    result = project.run("ship_batches", {"ops": {"ship": {"config": {"partitions": None}}}}, {})

    assert result.success
    assert len(project.receiver.events()) == 10


def test_a_group_whose_run_failed_waits_before_it_is_asked_for_again(project: Project):
    exported(project, DAYS[0])
    (request,), _ = project.tick()
    failed = record_run(project, dg.DagsterRunStatus.STARTED, BOTH, **request.tags)
    run = project.instance.get_run_by_id(failed)
    assert run is not None

    project.instance.report_run_failed(run)

    assert project.tick() == ([], f"partitions due: 2; {ship_sensor.PAUSED}")


@pytest.mark.fault("F67")
def test_a_failed_group_is_asked_for_again_after_the_pause(project: Project, monkeypatch: pytest.MonkeyPatch):
    exported(project, DAYS[0])
    (first,), _ = project.tick()
    failed = record_run(project, dg.DagsterRunStatus.STARTED, BOTH, **first.tags)
    run = project.instance.get_run_by_id(failed)
    assert run is not None
    project.instance.report_run_failed(run)
    monkeypatch.setattr(ship_sensor, "datetime", _InAnHour)

    (second,), _ = project.tick()

    assert second.run_key != first.run_key


class _InAnHour(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        assert tz is UTC
        return datetime.now(UTC) + timedelta(hours=1)


def test_a_webhook_that_refuses_the_set_up_fails_the_run_with_one_clear_sentence(project: Project):
    exported(project, DAYS[0])
    project.receiver.play([Rule(actions=(answer(401),))])
    (request,), _ = project.tick()

    result = project.carry_out(request)

    assert not result.success
    assert what_failed(result).startswith("the webhook refuses the set-up (")
    logged = everything_logged(project, result.run_id)
    assert project.receiver.url not in logged
    assert SECRET not in logged


def test_a_halted_destination_starts_no_further_runs_and_the_sensor_says_why(project: Project):
    exported(project, DAYS[0])
    project.receiver.play([Rule(actions=(answer(401),))])
    (request,), _ = project.tick()
    project.carry_out(request)

    requests, reason = project.tick()

    assert requests == []
    assert reason.startswith("the destination fivetran is halted: ")
    assert project.receiver.url not in reason


def test_a_destination_that_somebody_resumed_is_shipped_to_again(project: Project, monkeypatch: pytest.MonkeyPatch):
    exported(project, DAYS[0])
    project.receiver.play([Rule(actions=(answer(401),))])
    (request,), _ = project.tick()
    project.carry_out(request)
    project.receiver.play([])
    resume(project.config)
    monkeypatch.setattr(ship_sensor, "datetime", _InAnHour)

    (again,), _ = project.tick()
    result = project.carry_out(again)

    assert result.success
    assert len(project.receiver.events()) == 5


def test_batches_that_wait_for_their_time_do_not_fail_the_run(project: Project):
    exported(project, DAYS[0])
    project.receiver.play([Rule(actions=(answer(429, **{"Retry-After": "3600"}),))])
    (request,), _ = project.tick()

    result = project.carry_out(request)

    assert result.success
    assert project.shipped() == set()
    assert project.tick()[0] == []


def test_a_missing_secret_fails_the_run_by_its_name(project: Project, monkeypatch: pytest.MonkeyPatch):
    exported(project, DAYS[0])
    (request,), _ = project.tick()
    monkeypatch.delenv("FIVETRAN_WEBHOOK_SECRET")

    result = project.carry_out(request)

    assert not result.success
    assert "FIVETRAN_WEBHOOK_SECRET" in what_failed(result)


@pytest.mark.fault("F302")
def test_shipping_needs_no_variable_of_the_source(project: Project, monkeypatch: pytest.MonkeyPatch):
    exported(project, DAYS[0])
    monkeypatch.delenv("STATSIG_DATABASE_URL")

    (request,), _ = project.tick()
    result = project.carry_out(request)

    assert result.success
    assert len(project.receiver.events()) == 5


@pytest.mark.fault("F302")
def test_exporting_and_its_ticks_need_no_variable_of_the_webhook(project: Project, monkeypatch: pytest.MonkeyPatch):
    for name in ("FIVETRAN_WEBHOOK_URL", "FIVETRAN_WEBHOOK_SECRET"):
        monkeypatch.delenv(name)

    exported(project, DAYS[0])

    assert len(project.tick()[0]) == 1


def test_the_ship_job_has_one_owner_of_retries_and_one_pool(project: Project):
    job = project.definitions().resolve_job_def("ship_batches")

    assert job.tags["dagster/max_retries"] == "0"
    assert job.get_node_named("ship").definition.pool == "fivetran_webhook"


@pytest.mark.fault("F436")
def test_the_run_says_first_what_was_exported_before_privacy_was_turned_on(project: Project):
    exported(project, DAYS[0])
    text = project.config_path.read_text()
    project.config_path.write_text(f'{text}\n[privacy]\ndrop = ["user.email"]\n')

    (request,), _ = project.tick()
    result = project.carry_out(request)
    assert "5 pending events were exported before [privacy] was turned on" in everything_logged(project, result.run_id)
