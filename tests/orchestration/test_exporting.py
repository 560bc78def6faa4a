from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import dagster as dg
import pytest
from dagster_folder import DAYS, Project, everything_logged, what_failed
from sqlalchemy import create_engine, update

from statsig_export.config import Config
from statsig_export.export import processes
from statsig_export.export.processes import Child
from statsig_export.layouts.native_tables import CUSTOM_EVENTS
from statsig_export.shipping.status import due_partitions, status
from statsig_export.vocabulary import Category


def test_a_range_of_windows_and_categories_is_one_run_that_materializes_each_partition(project: Project):
    project.fill()

    result = project.export_days(DAYS[0], DAYS[2])

    assert result.success
    assert project.materialized("statsig", "events") == {
        f"{category}|{day}" for category in Category for day in DAYS[:3]
    }
    assert len(project.instance.get_runs()) == 1


def test_a_window_is_read_once_for_all_categories_of_the_run(project: Project):
    project.fill()

    project.export_days(DAYS[0], DAYS[1])

    gates, events, next_day = (
        project.metadata("statsig", "events", partition=key)["export run"]
        for key in (f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[0]}", f"custom_event|{DAYS[1]}")
    )
    assert gates == events
    assert gates != next_day


def test_a_partition_tells_its_account_and_its_file(project: Project):
    project.fill([DAYS[0]])

    project.export_days(DAYS[0], DAYS[0])

    told = project.metadata("statsig", "events", partition=f"custom_event|{DAYS[0]}")
    assert told["events"] == 3
    assert told["planned"] == told["dagster/partition_row_count"] == 2
    assert told["filtered by"] == {"custom_events.events.debug_ping": 1}
    assert told["failed"] == 0
    assert told["batches"] == 1
    assert isinstance(told["dagster/uri"], str)
    assert told["dagster/uri"].endswith(".parquet")
    assert isinstance(told["digest"], str)
    assert len(told["digest"]) == 64


def test_a_run_exports_as_many_windows_side_by_side_as_export_processes_says(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    started: list[str] = []
    begun = processes._begun

    def seen(does: str, config: Config, work: Callable[[Any, Connection], None], order: object) -> Child:
        started.append(does)
        return begun(does, config, work, order)

    monkeypatch.setattr(processes, "_begun", seen)
    project.fill()
    project.configure("[webhook]", "[export]\nprocesses = 2\n[webhook]")

    result = project.export_days(DAYS[0], DAYS[2])

    assert result.success
    assert started == ["export windows"] * 2
    assert project.materialized("statsig", "events") == {
        f"{category}|{day}" for category in Category for day in DAYS[:3]
    }
    assert project.metadata("statsig", "events", partition=f"gate_exposure|{DAYS[2]}")["planned"] == 3


@pytest.mark.fault("F570")
@pytest.mark.fault("F571")
def test_a_window_in_shards_is_one_partition_per_category_as_ever(project: Project):
    project.fill([DAYS[0]])
    project.configure("[windows]", "[windows]\nshards = 4")
    result = project.export_days(DAYS[0], DAYS[0])
    project.configure("shards = 4", "shards = 1")

    again = project.export_days(DAYS[0], DAYS[0])

    assert result.success
    assert again.success
    told = project.metadata("statsig", "events", partition=f"gate_exposure|{DAYS[0]}")
    assert (told["events"], told["planned"], told["planned before"]) == (3, 0, 3)
    assert sum(due.events for due in due_partitions(project.config)) == 5
    assert project.materialized("statsig", "events") == {f"{category}|{DAYS[0]}" for category in Category}


@pytest.mark.fault("F64")
def test_materializing_a_partition_again_adds_nothing_and_sends_nothing_twice(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])

    project.export_days(DAYS[0], DAYS[0])

    told = project.metadata("statsig", "events", partition=f"gate_exposure|{DAYS[0]}")
    assert (told["planned"], told["planned before"], told["generation"]) == (0, 3, 1)
    assert sum(due.events for due in due_partitions(project.config)) == 5


def test_a_single_partition_runs_by_its_key_alone(project: Project):
    project.fill([DAYS[0]])

    job = project.definitions().resolve_job_def("export_events")
    result = job.execute_in_process(instance=project.instance, partition_key=f"gate_exposure|{DAYS[0]}")

    assert result.success
    assert project.materialized("statsig", "events") == {f"gate_exposure|{DAYS[0]}"}


def test_a_category_that_the_filter_switches_off_exports_and_ships_nothing(project: Project):
    project.fill([DAYS[0]])
    project.configure("[filter.custom_events]", "[filter]\nexposures = false\n[filter.custom_events]")

    result = project.export(f"gate_exposure|{DAYS[0]}")

    assert result.success
    told = project.metadata("statsig", "events", partition=f"gate_exposure|{DAYS[0]}")
    assert told["filtered by"] == {"exposures.gate": 3}
    assert due_partitions(project.config) == []


def test_a_window_that_has_not_settled_is_refused_before_any_work(project: Project):
    project.fill()
    project.configure('settle = "1s"', 'settle = "30h"')

    result = project.export_days(DAYS[-1], DAYS[-1])

    said = f"window {DAYS[-1]} was not exported: it is not closed yet, rows may arrive until "
    assert what_failed(result).startswith(said)
    assert project.materialized("statsig", "events") == set()
    assert status(project.config) == []


def test_a_source_that_cannot_be_read_fails_the_run_with_one_sentence(project: Project):
    project.folder.joinpath("source.db").touch()

    result = project.export_days(DAYS[0], DAYS[0])

    assert not result.success
    (failed,) = [event.step_key for event in result.all_events if event.is_step_failure]
    assert failed == "source_schemas"
    said = {check.asset_key.path[-1]: check.description for check in result.get_asset_check_evaluations()}
    assert said["exposures"].startswith("the source database has no table exposures. set [source.exposures] table")
    assert "Traceback" not in everything_logged(project, result.run_id)
    assert project.materialized("statsig", "events") == set()


def test_the_run_is_known_to_the_ledger_by_dagsters_id(project: Project):
    project.fill([DAYS[0]])

    result = project.export_days(DAYS[0], DAYS[0])

    assert {due.export_runs for due in due_partitions(project.config)} == {(result.run_id,)}


def test_a_backfill_is_cut_into_runs_of_a_month(project: Project):
    (events,) = [asset for asset in project.definitions().assets or () if isinstance(asset, dg.AssetsDefinition)]

    assert events.backfill_policy == dg.BackfillPolicy.multi_run(31)


def test_rows_that_no_window_can_hold_are_warned_of_in_the_run(project: Project):
    project.fill([DAYS[0]])
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(update(CUSTOM_EVENTS).where(CUSTOM_EVENTS.c.id == 1).values(ingested_at=None))
    engine.dispose()
    result = project.export(f"custom_event|{DAYS[0]}")

    assert "custom_events: 1 row belongs to no window" in everything_logged(project, result.run_id)


@pytest.mark.fault("F101")
def test_a_window_that_has_lost_a_file_for_good_fails_the_run_after_the_others_were_exported(project: Project):
    project.fill()
    project.export_days(DAYS[0], DAYS[0])
    (file,) = [path for path in project.folder.rglob("*.parquet") if "gate_exposure" in str(path)]
    file.write_bytes(b"")
    project.configure("debug_ping = false", "debug_ping = true")
    on_source(project, "DELETE FROM exposures WHERE id = (SELECT min(id) FROM exposures)")

    result = project.export_days(DAYS[0], DAYS[2])

    assert file.name in what_failed(result)
    exported = {line.partition: line.account for line in status(project.config)}
    assert [exported[f"gate_exposure|{day}"].events for day in DAYS[:3]] == [3, 3, 3]
    assert exported[f"custom_event|{DAYS[0]}"].filtered == 0  # its other categories were exported under the new filter


@pytest.mark.fault("F245")
def test_a_partition_tells_of_the_rows_that_are_in_no_window(project: Project):
    project.fill([DAYS[0]])
    on_source(project, "UPDATE custom_events SET ingested_at = '2999-01-01' WHERE id = 1")

    project.export_days(DAYS[0], DAYS[0])

    told = project.metadata("statsig", "events", partition=f"gate_exposure|{DAYS[0]}")
    assert told["rows in no window"] == {"exposures": {}, "custom_events": {"in_future": 1}}


@pytest.mark.fault("F246")
def test_a_run_fails_whose_rows_are_all_nowhere_and_says_what_they_look_like(project: Project):
    project.fill([DAYS[0]])
    on_source(project, "UPDATE custom_events SET ingested_at = 20260901")
    on_source(project, "UPDATE exposures SET ingested_at = 20260901")

    result = project.export_days(DAYS[0], DAYS[0])

    assert not result.success
    assert "ingested_at looks like YYYYMMDD" in what_failed(result)


def on_source(project: Project, statement: str) -> None:
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
