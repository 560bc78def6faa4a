"""Runs of one backfill over several categories: as Dagster cuts it, and what each of them reads and reports."""

import time

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests_with_backfill_policies
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import PartitionBackfill
from dagster_folder import DAYS, Project

from statsig_export.dagster.events.backfills import work_of
from statsig_export.dagster.keys import BACKFILL, EVENTS, PARTITION, RANGE_END, RANGE_START
from statsig_export.ledger.tables import export_runs
from statsig_export.ledger.transactions import ledger_of
from statsig_export.vocabulary import Category

pytestmark = pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`")  # Dagster's, of itself
KEYS = [f"{category}|{day}" for category in Category for day in DAYS]


def launched(project: Project, keys: list[str]) -> list[dict[str, str]]:
    """The tags of the backfill's runs, as the daemon launches them."""
    graph = project.definitions().resolve_asset_graph()
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="bf",
        asset_graph=graph,
        partition_names=keys,
        asset_selection=[EVENTS],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=project.instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    project.instance.add_backfill(backfill)
    wanted = [AssetKeyPartitionKey(EVENTS, key) for key in keys]
    requests = build_run_requests_with_backfill_policies(wanted, graph, project.instance)
    return [{**request.tags, BACKFILL: "bf"} for request in sorted(requests, key=lambda request: str(request.tags))]


def export_runs_of(project: Project) -> int:
    with ledger_of(project.config) as ledger, ledger.database.read() as connection:
        return len(connection.execute(export_runs.select()).all())


@pytest.mark.fault("F309")
def test_the_runs_of_a_backfill_read_each_window_once_and_report_every_partition(project: Project):
    project.fill()
    runs = launched(project, KEYS)

    results = [project.run("export_events", {}, tags) for tags in runs]

    assert len(runs) > 1
    assert all(result.success for result in results)
    assert export_runs_of(project) == len(DAYS)
    assert project.materialized(*EVENTS.path) == set(KEYS)
    told = project.metadata(*EVENTS.path, partition=f"custom_event|{DAYS[0]}")
    assert (told["dagster/partition_row_count"], told["events"], told["filtered"]) == (2, 3, 1)


@pytest.mark.fault("F309")
def test_categories_that_the_backfill_did_not_ask_for_are_left_alone(project: Project):
    project.fill()
    wanted = [key for key in KEYS if key.startswith(("gate_exposure", "custom_event"))]

    for tags in launched(project, wanted):
        assert project.run("export_events", {}, tags).success

    with ledger_of(project.config) as ledger, ledger.database.read() as connection:
        accounts = [row.account for row in connection.execute(export_runs.select())]
    assert all("layer_exposure" not in account for account in accounts)
    assert len(accounts) == len(DAYS)


@pytest.mark.fault("F309")
def test_two_runs_over_the_same_windows_begin_at_different_ends(project: Project):
    project.fill()
    launched(project, KEYS)
    run = dg.DagsterRun(job_name="export_events", run_id="r", tags={BACKFILL: "bf"})

    works = [
        work_of(project.instance, run, [f"{category}|{day}" for day in DAYS], project.config)
        for category in list(Category)[:2]
    ]

    assert [work.backwards for work in works] == [False, True]


@pytest.mark.fault("F309")
def test_a_run_of_a_backfill_that_is_done_again_by_hand_exports_again(project: Project):
    project.fill()
    first, *_ = launched(project, KEYS)
    assert project.run("export_events", {}, first).success
    before = export_runs_of(project)
    again = dg.DagsterRun(job_name="e", run_id="r", tags=first, parent_run_id="p", root_run_id="p")
    keys = [first.get(PARTITION) or first[RANGE_START], first.get(PARTITION) or first[RANGE_END]]

    work = work_of(project.instance, again, keys, project.config)

    assert before
    assert work.since is None


@pytest.mark.fault("F310")
def test_partitions_with_nothing_to_send_are_not_missing(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.run("ship_batches", {}, {})

    every = {f"{category}|{DAYS[0]}" for category in Category}
    assert project.materialized("fivetran", "statsig_events") == every
    assert project.shipped() == {f"gate_exposure|{DAYS[0]}", f"custom_event|{DAYS[0]}"}


@pytest.mark.fault("F313")
def test_the_metadata_of_a_run_is_small_and_what_is_the_runs_is_said_once(project: Project):
    project.fill()
    project.export_days()
    wanted = dg.AssetRecordsFilter(asset_key=EVENTS)
    records = project.instance.fetch_materializations(wanted, limit=100).records
    sizes = [
        len(dg.serialize_value(record.asset_materialization)) for record in records if record.asset_materialization
    ]
    assert len(sizes) == len(KEYS)
    assert sum(size > 5_000 for size in sizes) == 1
