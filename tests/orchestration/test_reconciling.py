"""`ledger_sensor`: Dagster shows what the ledger holds, whoever exported it and whatever became of a run."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, StepMaterializationData  # as a run logs what it has materialized
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill  # as the daemon stores it
from dagster_folder import DAYS, Project
from sqlalchemy import update

from statsig_export.dagster.events import sensors as late_rows
from statsig_export.dagster.keys import BACKFILL, DELIVERED, EVENTS
from statsig_export.dagster.reconciling import picture
from statsig_export.dagster.reconciling import sensor as reconciling
from statsig_export.dagster.reconciling.sensor import ledger_sensor
from statsig_export.export.export import export_window
from statsig_export.forgetting.forget import forget
from statsig_export.ledger.locks import lock_name, open_locks
from statsig_export.ledger.queries import partition_ids
from statsig_export.ledger.tables import export_runs
from statsig_export.ledger.transactions import ledger_of
from statsig_export.lineage.frames import read_events
from statsig_export.maintenance.prune import prune
from statsig_export.shipping.changes import ledger_changes
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key

SHOWN = reconciling.EVERYTHING_SHOWN
FILLED = ("custom_event", "gate_exposure")
"""The categories that have events."""
BOTH = [f"{category}|{DAYS[0]}" for category in FILLED]
EVERY = sorted(f"{category}|{DAYS[0]}" for category in Category)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "ENDED_FOR", timedelta(seconds=-1))


def exported(project: Project, *days: str) -> None:
    """By the command line."""
    project.fill(days)
    for day in days:
        export_window(project.config, window_from_key(day, project.config.windows))


def tick(project: Project, cursor: str | None = None) -> tuple[str, str]:
    """Evaluate the sensor as the daemon does. Returns its next cursor, and what the tick says."""
    definitions = project.definitions()
    resource = (definitions.resources or {})["statsig_export"]
    with dg.build_sensor_context(
        instance=project.instance, cursor=cursor, definitions=definitions, resources={"statsig_export": resource}
    ) as context:
        done = ledger_sensor.evaluate_tick(context)
    assert not done.run_requests
    return done.cursor or "", done.skip_message or ""


def run_under_way(project: Project, job: str, **tags: str) -> dg.DagsterRun:
    definition = project.definitions().resolve_job_def(job)
    all_tags = {**definition.tags, **tags}
    return project.instance.create_run_for_job(definition, tags=all_tags, status=dg.DagsterRunStatus.STARTED)


def killed(project: Project, partitions: list[str], *, canceled: bool = False) -> str:
    """A run that shipped these partitions and ended before it could report them, as Dagster finds out."""
    run = run_under_way(project, "ship_batches")
    ship(project.config, partitions, orchestrator_run_id=run.run_id)
    end = project.instance.report_run_canceled if canceled else project.instance.report_run_failed
    end(run)
    return run.run_id


def materializations(project: Project, asset: dg.AssetKey = DELIVERED) -> list[str]:
    """The partitions of all that was ever reported, as often as it was; without those that had nothing to send."""
    records = project.instance.fetch_materializations(asset, limit=1_000).records
    shown = [(str(record.partition_key), record.asset_materialization) for record in records]
    return sorted(key for key, event in shown if event and not (event.description or "").startswith("Nothing to send"))


def forwarded(project: Project, partition: str) -> object:
    return project.metadata(*DELIVERED.path, partition=partition)["dagster/partition_row_count"]


@pytest.mark.fault("F325")
def test_what_the_command_line_exported_and_shipped_shows_after_a_tick(project: Project):
    exported(project, *DAYS[:2])
    ship(project.config)

    tick(project)

    every = {f"{category}|{day}" for category in Category for day in DAYS[:2]}
    assert project.materialized(*EVENTS.path) == project.materialized(*DELIVERED.path) == every
    assert project.shipped() == {f"{category}|{day}" for category in FILLED for day in DAYS[:2]}
    told = project.metadata(*DELIVERED.path, partition=BOTH[1])
    assert (told["delivered events"], told["requests"], told["status 200"], told["pending"]) == (3, 2, 2, 0)


@pytest.mark.fault("F454")
def test_what_is_left_once_a_person_is_forgotten_shows_after_a_tick_and_once(project: Project):
    exported(project, *DAYS[:2])
    ship(project.config)
    cursor, _ = tick(project)
    before = project.metadata(*EVENTS.path, partition=BOTH[0])["dagster/partition_row_count"]
    users = read_events(project.config)["user_id"]
    with ledger_of(project.config) as ledger, closing(open_locks(ledger.database.engine)) as locks:
        ids = partition_ids(ledger.database, "fivetran", [(Category.CUSTOM_EVENT, DAYS[0])])
        assert locks.acquire(lock_name(ids[BOTH[0]]))
        assert forget(project.config, [("userID", user) for user in users]).busy == (BOTH[0],)
    assert project.run("finish_forgetting", {}, {}).success
    cursor, said = tick(project, cursor)

    assert said == "materializations reported: 8"  # both assets of both categories of two days
    told = project.metadata(*EVENTS.path, partition=BOTH[0])
    assert (told["dagster/partition_row_count"], told["forgotten"]) == (0, before)
    assert forwarded(project, BOTH[0]) == forwarded(project, BOTH[1]) == 0
    assert tick(project, cursor)[1] == SHOWN
    assert tick(project)[1] == SHOWN


@pytest.mark.fault("F325")
def test_a_ledger_that_does_not_exist_yet_is_no_error_and_is_not_made(project: Project):
    assert tick(project)[1].startswith("there is no ledger yet")
    assert not (project.folder / ".statsig_export").exists()


@pytest.mark.fault("F328")
@pytest.mark.parametrize("keeps_cursor", [True, False])
def test_nothing_is_reported_twice_however_often_the_sensor_ticks(project: Project, *, keeps_cursor: bool):
    exported(project, DAYS[0])
    ship(project.config)
    cursor, _ = tick(project)

    for _ in range(3):
        cursor, said = tick(project, cursor if keeps_cursor else None)
        assert said == SHOWN

    assert materializations(project, EVENTS) == EVERY
    assert materializations(project) == BOTH


@pytest.mark.fault("F330")
def test_a_tick_without_news_asks_dagster_nothing_about_partitions(project: Project, monkeypatch: pytest.MonkeyPatch):
    exported(project, DAYS[0])
    cursor, _ = tick(project)
    monkeypatch.setattr(picture.Picture, "newest", None)

    assert tick(project, cursor) == (cursor, SHOWN)


@pytest.mark.fault("F330")
def test_a_tick_does_a_bounded_part_and_the_next_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reconciling, "BUDGET", timedelta(seconds=-1))
    exported(project, DAYS[0])
    ship(project.config)
    cursor, said = tick(project)
    ticks = 1
    while said != SHOWN:
        assert said == "materializations reported: 1; the next tick goes on"
        cursor, said = tick(project, cursor)
        ticks += 1

    assert ticks == 2 * len(Category) + 1
    assert materializations(project, EVENTS) == EVERY
    assert project.materialized(*DELIVERED.path) == set(EVERY)


@pytest.mark.fault("F330")
@pytest.mark.parametrize("partitions", [1, 4, 5])
def test_a_tick_compares_few_partitions_and_the_next_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch, partitions
):
    monkeypatch.setattr(reconciling, "MOST_A_TICK", partitions)
    monkeypatch.setattr(reconciling, "AT_ONCE", partitions)
    exported(project, *DAYS[:2])
    cursor, said = tick(project)
    assert said.endswith("; the next tick goes on")
    assert len(materializations(project, EVENTS)) == partitions
    while said != SHOWN:
        cursor, said = tick(project, cursor)

    assert len(materializations(project, EVENTS)) == len(project.materialized(*EVENTS.path)) == 2 * len(Category)


@pytest.mark.fault("F325")
def test_what_is_shipped_and_replayed_later_shows_too(project: Project):
    exported(project, DAYS[0])
    cursor, _ = tick(project)
    ship(project.config, BOTH[:1])
    cursor, _ = tick(project, cursor)
    assert materializations(project) == BOTH[:1]
    ship(project.config)
    cursor, _ = tick(project, cursor)
    assert materializations(project) == BOTH

    replay(project.config, BOTH[:1])
    tick(project, cursor)

    assert materializations(project) == [BOTH[0], *BOTH]
    assert [forwarded(project, key) for key in BOTH] == [2, 3]


@pytest.mark.fault("F325")
def test_a_window_that_the_command_line_exports_again_shows_its_new_events(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    cursor, said = tick(project)
    assert said == SHOWN
    exported(project, DAYS[0])  # as many rows once more

    tick(project, cursor)

    assert project.metadata(*EVENTS.path, partition=BOTH[1])["dagster/partition_row_count"] == 6


@pytest.mark.fault("F328")
def test_what_runs_of_dagster_report_by_themselves_is_not_reported_again(project: Project):
    project.fill(DAYS[:2])
    project.export_days(DAYS[0], DAYS[1])
    for request in project.tick()[0]:
        project.carry_out(request)
    before = materializations(project), materializations(project, EVENTS)

    assert tick(project)[1] == SHOWN

    assert (materializations(project), materializations(project, EVENTS)) == before


@pytest.mark.fault("F328")
def test_a_run_under_way_is_left_to_report_for_itself_and_shown_if_it_does_not(project: Project):
    project.fill([DAYS[0]])
    run = run_under_way(project, "export_events")
    export_window(project.config, window_from_key(DAYS[0], project.config.windows), orchestrator_run_id=run.run_id)
    cursor, said = tick(project)
    assert said == f"{SHOWN}, but for runs that will report for themselves: 1"
    assert tick(project, cursor) == (cursor, said)
    assert materializations(project, EVENTS) == []

    project.instance.report_run_failed(run)
    cursor, _ = tick(project, cursor)

    assert materializations(project, EVENTS) == EVERY
    assert tick(project, cursor)[1] == SHOWN


@pytest.mark.fault("F327")
def test_an_export_run_that_is_killed_between_the_ledger_and_its_report_is_shown_with_a_link_to_it(project: Project):
    project.fill([DAYS[0]])
    run = run_under_way(project, "export_events")
    export_window(project.config, window_from_key(DAYS[0], project.config.windows), orchestrator_run_id=run.run_id)
    project.instance.report_run_failed(run)

    tick(project)

    assert materializations(project, EVENTS) == EVERY
    told = project.metadata(*EVENTS.path, partition=BOTH[1])
    assert (told["export run"], told["dagster/partition_row_count"], told["events"]) == (run.run_id, 3, 3)
    assert project.materialized(*DELIVERED.path) == {key for key in EVERY if key not in BOTH}


@pytest.mark.fault("F327", "F331")
def test_what_dagster_wrote_to_a_runs_log_and_not_to_the_asset_when_it_was_killed_is_shown(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    """On SQLite these are two databases, one written after the other."""
    project.fill([DAYS[0]])
    run = run_under_way(project, "export_events")
    export_window(project.config, window_from_key(DAYS[0], project.config.windows), orchestrator_run_id=run.run_id)
    with monkeypatch.context() as dying:
        dying.setattr(project.instance.event_log_storage, "index_transaction", _killed)
        with pytest.raises(KeyboardInterrupt):
            project.instance.report_dagster_event(_materialized(BOTH[0]), run.run_id)
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    assert len(project.instance.get_records_for_run(run.run_id, of_type=kind).records) == 1
    project.instance.report_run_failed(run)

    tick(project)

    assert materializations(project, EVENTS) == EVERY


def _killed() -> NoReturn:
    raise KeyboardInterrupt


def _materialized(partition: str) -> DagsterEvent:
    event = StepMaterializationData(dg.AssetMaterialization(EVENTS, partition=partition))
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION.value
    return DagsterEvent(event_type_value=kind, job_name="export_events", event_specific_data=event)


@pytest.mark.fault("F328")
def test_what_a_backfill_is_still_going_to_report_is_left_to_it(project: Project):
    """Its first run exports all categories; the others, which may not be launched yet, report what they find."""
    project.fill([DAYS[0]])
    backfill = PartitionBackfill(
        "later", BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=0.0
    )
    project.instance.add_backfill(backfill)
    run = run_under_way(project, "export_events", **{BACKFILL: "later"})
    export_window(project.config, window_from_key(DAYS[0], project.config.windows), orchestrator_run_id=run.run_id)
    project.instance.report_run_failed(run)
    cursor, _ = tick(project)
    assert materializations(project, EVENTS) == []

    project.instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))
    tick(project, cursor)

    assert materializations(project, EVENTS) == EVERY


@pytest.mark.fault("F328")
def test_the_job_and_the_sensor_report_nothing_of_each_other_again(project: Project):
    exported(project, *DAYS[:2])
    ship(project.config, BOTH)
    cursor, _ = tick(project)
    ship(project.config)
    assert project.run("sync_with_ledger", {}, {}).success

    assert tick(project, cursor)[1] == SHOWN
    assert project.run("sync_with_ledger", {}, {}).success

    every = sorted(f"{category}|{day}" for category in Category for day in DAYS[:2])
    assert materializations(project, EVENTS) == every
    assert materializations(project) == sorted(f"{category}|{day}" for category in FILLED for day in DAYS[:2])


@pytest.mark.fault("F328")
def test_a_tick_beside_a_run_of_the_job_leaves_the_work_to_it(project: Project):
    exported(project, DAYS[0])
    with ledger_changes(project.config) as ledger:
        assert ledger is not None
        with ledger.alone() as alone:
            assert alone
            cursor, said = tick(project)
    assert said == "another tick, or a run of sync_with_ledger, is showing what the ledger holds"
    assert materializations(project, EVENTS) == []

    tick(project, cursor)

    assert materializations(project, EVENTS) == EVERY


@pytest.mark.fault("F325")
def test_the_job_shows_again_what_was_deleted_with_its_run(project: Project):
    project.fill([DAYS[0]])
    run_id = project.export_days(DAYS[0], DAYS[0]).run_id
    cursor, _ = tick(project)
    project.instance.delete_run(run_id)
    assert materializations(project, EVENTS) == []
    assert tick(project, cursor)[1] == SHOWN  # the ledger has no news

    assert project.run("sync_with_ledger", {}, {}).success

    assert materializations(project, EVENTS) == EVERY


@pytest.mark.fault("F329")
@pytest.mark.parametrize("text", ["", "12", "null", "[]", '{"of": 1}', '{"of":"x","place":{},"waits_for":3,"walk":[]}'])
def test_a_cursor_that_somebody_wrote_or_another_ledger_left_begins_anew(project: Project, text: str):
    exported(project, DAYS[0])

    tick(project, text)

    assert materializations(project, EVENTS) == EVERY


@pytest.mark.fault("F329")
def test_a_cursor_over_another_destination_begins_anew(project: Project):
    exported(project, DAYS[0])
    cursor, _ = tick(project)
    project.configure("[webhook]", '[webhook]\nname = "second"')
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))

    tick(project, json.dumps({**json.loads(cursor), "of": "another"}))

    assert materializations(project, EVENTS) == sorted(EVERY * 2)


@pytest.mark.fault("F329")
def test_a_materialization_that_somebody_reported_by_hand_hides_nothing(project: Project):
    exported(project, DAYS[0])
    ship(project.config)
    for asset in (EVENTS, DELIVERED):
        by_hand = dg.AssetMaterialization(asset, partition=BOTH[1], metadata={"export run": {"odd": 1}, "ship run": 3})
        project.instance.report_runless_asset_event(by_hand)

    tick(project)

    assert forwarded(project, BOTH[1]) == 3
    assert project.metadata(*EVENTS.path, partition=BOTH[1])["events"] == 3


@pytest.mark.fault("F329")
def test_windows_from_before_a_later_start_are_not_shown(project: Project):
    exported(project, *DAYS[:2])
    project.configure(f'start = "{DAYS[0]}', f'start = "{DAYS[1]}')

    tick(project)

    assert project.materialized(*EVENTS.path) == {f"{category}|{DAYS[1]}" for category in Category}


@pytest.mark.fault("F329")
@pytest.mark.parametrize("hours", [-48, 48])
def test_an_export_by_a_machine_whose_clock_is_wrong_shows_all_the_same(project: Project, hours: int):
    exported(project, DAYS[0])
    with ledger_of(project.config) as ledger, ledger.database.write() as connection:
        connection.execute(update(export_runs).values(finished_ms=export_runs.c.finished_ms - 3_600_000))
    ship(project.config)
    cursor, _ = tick(project)
    exported(project, DAYS[1])
    with ledger_of(project.config) as ledger, ledger.database.write() as connection:
        wrong = export_runs.c.finished_ms + hours * 3_600_000
        connection.execute(update(export_runs).where(export_runs.c.window == DAYS[1]).values(finished_ms=wrong))
    cursor, _ = tick(project, cursor)
    assert len(materializations(project, EVENTS)) == 2 * len(Category)
    exported(project, DAYS[2])

    cursor, _ = tick(project, cursor)

    assert len(materializations(project, EVENTS)) == 3 * len(Category)
    assert tick(project, cursor)[1] == SHOWN


@pytest.mark.fault("F325")
def test_what_was_pruned_before_it_was_shown_shows_how_much_was_delivered(project: Project):
    exported(project, DAYS[0])
    ship(project.config)
    project.configure('lookback = "10d"', 'lookback = "1h"')
    before = datetime.fromisoformat(DAYS[1]).replace(tzinfo=UTC)
    assert prune(project.config, before, datetime.now(UTC)).pruned

    cursor, _ = tick(project)

    assert [forwarded(project, key) for key in BOTH] == [2, 3]
    assert tick(project, cursor)[1] == SHOWN


@pytest.mark.fault("F327")
@pytest.mark.parametrize("canceled", [False, True])
def test_what_a_run_delivered_before_its_end_is_reported_at_the_next_tick(project: Project, *, canceled: bool):
    exported(project, DAYS[0])
    run = killed(project, BOTH, canceled=canceled)
    assert materializations(project) == []

    tick(project)

    assert materializations(project) == BOTH
    told = project.metadata(*DELIVERED.path, partition=BOTH[1])
    assert (told["ship run"], told["delivered events"], told["dagster/partition_row_count"]) == (run, 3, 3)


@pytest.mark.fault("F328")
def test_what_a_run_reported_itself_is_not_reported_again_though_it_failed_at_its_very_end(project: Project):
    exported(project, *DAYS[:2])
    (first, _), _ = project.tick()
    run_id = project.carry_out(first).run_id
    by_itself = materializations(project)
    run = project.instance.get_run_by_id(run_id)
    assert run is not None
    project.instance.report_run_failed(run)  # what comes last decides: the worker died at the very end

    tick(project)

    assert by_itself == materializations(project) == BOTH


def test_the_rest_that_another_run_ships_counts_with_what_the_killed_one_delivered(project: Project):
    exported(project, DAYS[0])
    killed(project, BOTH[:1])
    (request,), _ = project.tick()
    project.carry_out(request)

    tick(project)

    accounts = {line.partition: line.account.forwarded for line in status(project.config)}
    assert {key: forwarded(project, key) for key in BOTH} == {key: accounts[key] for key in BOTH}


def test_a_run_that_delivered_nothing_reports_nothing(project: Project):
    exported(project, DAYS[0])
    killed(project, BOTH)
    cursor, _ = tick(project)

    killed(project, BOTH)
    tick(project, cursor)

    assert materializations(project) == BOTH


def test_a_run_that_has_just_been_ended_is_left_for_a_later_tick(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(picture, "ENDED_FOR", timedelta(minutes=1))
    exported(project, DAYS[0])
    killed(project, BOTH)
    cursor, _ = tick(project)
    assert materializations(project) == []

    monkeypatch.setattr(picture, "ENDED_FOR", timedelta(seconds=-1))
    tick(project, cursor)

    assert materializations(project) == BOTH


@pytest.mark.fault("F333")
def test_a_tick_that_was_cut_off_counts_though_its_cursor_is_lost(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reconciling, "BUDGET", timedelta(seconds=-1))
    exported(project, DAYS[0])
    tick(project)

    for _ in range(2 * len(Category)):
        tick(project)

    assert materializations(project, EVENTS) == EVERY


@pytest.mark.fault("F333")
def test_a_tick_stops_before_a_proxy_cuts_it_off():
    assert max(reconciling.BUDGET, late_rows.BUDGET) <= timedelta(seconds=10)


@pytest.mark.fault("F332")
def test_the_metadata_of_a_partition_says_that_it_has_nothing_to_send(project: Project):
    exported(project, DAYS[0])

    tick(project)

    told = project.metadata(*DELIVERED.path, partition=f"layer_exposure|{DAYS[0]}")
    assert told["nothing to send"] == "the window has no event of this category that the filter lets through"
