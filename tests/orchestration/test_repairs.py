"""Replaying and verifying from Dagster."""

from collections import Counter

import dagster as dg
import pytest
from dagster_folder import DAYS, Project, what_failed

from statsig_export.export.export import export_window
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.windows import window_from_key

GATES, EVENTS = f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[0]}"


@pytest.fixture
def shipped(project: Project) -> Project:
    project.fill([DAYS[0]])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    assert project.run("ship_batches", {}, {}).success
    return project


def replayed(project: Project, *partitions: str, failed_only: bool = False) -> dg.ExecuteInProcessResult:
    config = {"partitions": list(partitions), "failed_only": failed_only}
    return project.run("replay_batches", {"ops": {"replay": {"config": config}}}, {})


def test_a_replay_sends_the_same_requests_again_and_the_account_stays(shipped: Project):
    before = status(shipped.config)
    first = Counter(request.sha256 for request in shipped.receiver.requests)

    result = replayed(shipped, GATES)

    assert result.success
    again = Counter(request.sha256 for request in shipped.receiver.requests) - first
    assert sum(again.values()) == 2
    assert set(again) <= set(first)
    assert [line.account for line in status(shipped.config)] == [line.account for line in before]
    told = shipped.metadata("fivetran", "statsig_events", partition=GATES)
    assert (told["ship run"], told["delivered events"], told["dagster/partition_row_count"]) == (result.run_id, 3, 3)


def test_a_replay_of_what_failed_sends_that_alone(project: Project):
    project.fill([DAYS[0]])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    project.receiver.play([Rule(event_name="purchase", actions=(answer(400),))])
    project.run("ship_batches", {}, {})
    project.receiver.play([])

    result = replayed(project, GATES, EVENTS, failed_only=True)

    assert result.success
    assert Counter(event["eventName"] for event in project.receiver.events()) == {
        "statsig::gate_exposure": 3,
        "purchase": 2,
    }


def test_a_replay_of_something_that_is_no_partition_is_refused_with_a_sentence(shipped: Project):
    result = replayed(shipped, "gates|yesterday")

    assert what_failed(result).startswith("'gates|yesterday' is not a partition")


def test_verify_ends_well_while_nothing_differs_and_changes_nothing(shipped: Project):
    before = status(shipped.config)

    assert shipped.run("verify_ledger", {}, {}).success
    assert status(shipped.config) == before


def test_verify_fails_when_a_file_is_gone_and_names_the_partition(shipped: Project):
    (file,) = [path for path in shipped.folder.rglob("*.parquet") if "gate_exposure" in str(path)]
    file.unlink()

    result = shipped.run("verify_ledger", {}, {})

    assert what_failed(result).startswith("differences in the ledger: ")
    assert GATES in what_failed(result)


@pytest.mark.fault("F102")
def test_a_ship_run_that_cannot_read_a_file_reports_the_others_first_and_then_fails_with_its_name(project: Project):
    project.fill([DAYS[0]])
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    (file,) = [path for path in project.folder.rglob("*.parquet") if "gate_exposure" in str(path)]
    kept = file.read_bytes()
    file.unlink()

    result = project.run("ship_batches", {}, {})

    assert not result.success
    assert file.name in what_failed(result)
    assert project.metadata("fivetran", "statsig_events", partition=EVENTS)["pending"] == 0
    file.write_bytes(kept)
    assert project.run("ship_batches", {}, {}).success
    assert project.metadata("fivetran", "statsig_events", partition=GATES)["delivered events"] == 3
