"""The jobs of a person on duty who has Dagster and no terminal."""

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import asset_node_snaps_from_repo  # what the UI's server gets
from dagster_folder import DAYS, Project, what_failed

from statsig_export.dagster.keys import DELIVERED, EVENTS
from statsig_export.export.export import export_window
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import halted_reason, status
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key


def by_command_line(project: Project, *days: str) -> None:
    project.fill(days)
    for day in days:
        export_window(project.config, window_from_key(day, project.config.windows))
    ship(project.config)


def replay(project: Project, **config: object) -> dg.ExecuteInProcessResult:
    return project.run("replay_batches", {"ops": {"replay": {"config": config}}}, {})


@pytest.mark.fault("F311")
def test_what_the_command_line_exported_and_shipped_shows_in_dagster_after_one_run_of_a_job(project: Project):
    by_command_line(project, *DAYS[:2])

    assert project.run("sync_with_ledger", {}, {}).success

    every = {f"{category}|{day}" for category in Category for day in DAYS[:2]}
    assert project.materialized(*EVENTS.path) == project.materialized(*DELIVERED.path) == every
    assert project.shipped() == {
        f"{category}|{day}" for category in ("gate_exposure", "custom_event") for day in DAYS[:2]
    }


@pytest.mark.fault("F311")
def test_syncing_again_reports_nothing_again(project: Project):
    by_command_line(project, DAYS[0])
    project.run("sync_with_ledger", {}, {})
    before = len(project.instance.fetch_materializations(EVENTS, limit=100).records)

    assert project.run("sync_with_ledger", {}, {}).success

    assert len(project.instance.fetch_materializations(EVENTS, limit=100).records) == before == len(Category)


@pytest.mark.fault("F314")
def test_a_halt_is_lifted_by_a_job(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.receiver.play([Rule(actions=(answer(401),))])
    project.run("ship_batches", {}, {})
    assert halted_reason(project.config)

    assert project.run("resume_destination", {}, {}).success

    assert halted_reason(project.config) is None


@pytest.mark.fault("F314")
@pytest.mark.parametrize("status_code", [200, 401])
def test_a_test_event_is_sent_by_a_job_which_fails_unless_it_is_accepted(project: Project, status_code: int):
    project.receiver.play([Rule(actions=(answer(status_code),))])

    assert project.run("send_test_event", {}, {}).success == (status_code == 200)


@pytest.mark.fault("F314")
def test_old_windows_are_pruned_by_a_job(project: Project):
    by_command_line(project, DAYS[0])
    project.configure('lookback = "10d"', 'lookback = "1h"')
    config = {"ops": {"prune_windows": {"config": {"before": DAYS[2]}}}}

    assert project.run("prune", config, {}).success

    assert {line.partition for line in status(project.config) if line.pruned} >= {f"custom_event|{DAYS[0]}"}


@pytest.mark.fault("F314")
def test_a_range_of_windows_is_replayed_for_the_categories_that_were_named(project: Project):
    by_command_line(project, *DAYS[:3])
    before = len(project.receiver.events())

    result = replay(project, first_window=DAYS[0], last_window=DAYS[1], categories=["gate_exposure"])

    assert result.success
    assert len(project.receiver.events()) - before == 2 * 3


@pytest.mark.fault("F314")
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "no exported partition to send again"),
        ({"partitions": []}, "no exported partition to send again"),
        ({"partitions": [f"gate_exposure|{DAYS[3]}"]}, "partitions that were never exported: 1"),
        ({"partitions": ["nonsense"]}, "'nonsense' is not a partition"),
        ({"first_window": DAYS[3]}, "no exported partition to send again"),
        ({"first_window": "yesterday"}, "'yesterday' is not the key of a window"),
        ({"first_window": DAYS[0], "categories": ["gates"]}, "'gates' is no category"),
    ],
)
def test_a_replay_of_nothing_that_was_exported_is_an_error(project: Project, config: dict[str, object], said: str):
    by_command_line(project, DAYS[0])

    result = replay(project, **config)

    assert not result.success
    assert said in what_failed(result)


@pytest.mark.fault("F371")
def test_a_value_that_was_left_blank_in_the_launchpad_is_the_one_it_has_by_default(project: Project):
    project.fill(DAYS[:1])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    blank = {"partitions": None, "last_window": None, "categories": None, "failed_only": None}

    assert replay(project, first_window=DAYS[0], **blank).success
    assert project.run("ship_batches", {"ops": {"ship": {"config": {"partitions": None}}}}, {}).success
    said = what_failed(replay(project, **blank, first_window=None))
    assert said.startswith("no exported partition to send again")


@pytest.mark.fault("F371")
@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"first_window": DAYS[1], "last_window": DAYS[0]},
            f"last_window, {DAYS[0]}, is before first_window, {DAYS[1]}",
        ),
        ({"last_window": DAYS[0]}, "last_window without first_window"),
        ({"categories": ["custom_event"]}, "categories without first_window"),
        ({"partitions": [f"custom_event|{DAYS[0]}"], "last_window": DAYS[0]}, "last_window without first_window"),
    ],
)
def test_a_replay_that_names_half_a_range_or_one_backwards_says_so(
    project: Project, config: dict[str, object], said: str
):
    project.fill(DAYS[:1])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))

    assert what_failed(replay(project, **config)).startswith(said)


@pytest.mark.fault("F371")
def test_a_ship_run_by_hand_of_a_partition_that_was_never_exported_is_an_error(project: Project):
    asked = {"ops": {"ship": {"config": {"partitions": [f"gate_exposure|{DAYS[3]}"]}}}}

    said = what_failed(project.run("ship_batches", asked, {}))

    assert said.startswith(f"partitions that were never exported: 1, such as gate_exposure|{DAYS[3]}")


@pytest.mark.fault("F314")
def test_an_export_without_a_partition_says_what_to_do(project: Project):
    project.fill([DAYS[0]])

    result = project.run("export_events", {}, {})

    assert not result.success
    assert what_failed(result).startswith("no partition was chosen. Materialize on statsig/events")


@pytest.mark.fault("F312", "F326")
def test_the_page_of_what_was_delivered_leads_to_the_jobs_and_the_sensor_that_fill_it(project: Project):
    repository = project.definitions().get_repository_def()
    snaps = asset_node_snaps_from_repo(repository)

    (delivered,) = [snap for snap in snaps if snap.asset_key == DELIVERED]
    assert not delivered.is_executable
    assert delivered.job_names == []  # else Dagster asks for the op of an asset that has none, and its page fails
    for job in ("ship_batches", "replay_batches"):
        assert repository.has_job(job)
        assert f"[{job}](/guess/{job})" in (delivered.description or "")
    selection = repository.get_sensor_def("ledger_sensor").asset_selection
    assert selection is not None
    assert selection.resolve(repository.asset_graph) == {EVENTS, DELIVERED}


@pytest.mark.fault("F315")
def test_a_tick_tells_a_pause_from_idleness(project: Project):
    project.fill([DAYS[0]])
    assert project.tick()[1].startswith("nothing is due")
    project.export_days(DAYS[0], DAYS[0])
    project.receiver.play([Rule(actions=(answer(429, **{"Retry-After": "3600"}),))])
    project.carry_out(project.tick()[0][0])

    reason = project.tick()[1]

    assert reason.startswith("the destination fivetran is paused until ")
    assert reason.endswith("the webhook's rate limit")


@pytest.mark.fault("F315")
def test_a_tick_names_the_run_that_failed_last_while_its_partitions_wait(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    (request,), _ = project.tick()
    for file in project.folder.rglob("*.parquet"):
        file.write_bytes(b"damaged")
    failed = project.carry_out(request)

    asked_for, reason = project.tick()

    assert not failed.success
    assert asked_for == []
    assert f"stuck, run {failed.run_id} failed" in reason
