"""A connection of Fivetran in Dagster: the lineage that it joins, the code location without it, and its syncs."""

import socket
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import dagster_fivetran
import pytest
from dagster_fivetran import DagsterFivetranTranslator, FivetranWorkspace, build_fivetran_assets_definitions
from dagster_folder import DAYS, Project
from fivetran_api import CONNECTION, KEY, SECRET, Fault, FivetranApi, fivetran_api
from landing import EVENTS, Landing, landing_in

from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.fivetran import joined_translator, landed_table_asset
from statsig_export.dagster.keys import DELIVERED, LANDED
from statsig_export.dagster.syncs import sync_sensors
from statsig_export.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")  # dagster-fivetran's own, of Dagster
TABLE = dg.AssetKey(["statsig", "statsig_events"])
SHIPPED_SINCE = dg.AutomationCondition.any_deps_updated().since(dg.AutomationCondition.newly_requested())
AFTER_A_SHIPMENT = SHIPPED_SINCE & ~dg.AutomationCondition.in_progress()
HOUR = timedelta(hours=1)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FivetranApi]:
    with fivetran_api() as api:
        monkeypatch.setattr(dagster_fivetran.resources, "FIVETRAN_API_BASE", api.url)
        yield api


@pytest.fixture
def landing(project: Project, api: FivetranApi, monkeypatch: pytest.MonkeyPatch) -> Landing:
    landing = landing_in(project.folder)
    arrivals = (
        f'[arrivals]\nurl = "{landing.url}"\nschema = "main"\ntable = "{EVENTS}"\nconnection = "{CONNECTION}"\n'
        f'api_url = "{api.url}"\nasset_key = ["statsig", "statsig_events"]\n'
    )
    project.config_path.write_text(f"{project.config_path.read_text()}\n{arrivals}")
    monkeypatch.setenv("FIVETRAN_API_KEY", KEY)
    monkeypatch.setenv("FIVETRAN_API_SECRET", SECRET)
    return landing


@pytest.fixture
def shipped(project: Project, landing: Landing) -> Landing:
    """A day is exported and shipped, which is five events; none has landed."""
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.run("ship_batches", {}, {})
    return landing


def workspace(**settings: object) -> FivetranWorkspace:
    return FivetranWorkspace(account_id="account", api_key=KEY, api_secret=SECRET, request_max_retries=0, **settings)


def lineage(*definitions: dg.Definitions) -> dict[dg.AssetKey, set[dg.AssetKey]]:
    graph = dg.Definitions.merge(*definitions).resolve_asset_graph()
    return {key: set(graph.get(key).parent_keys) for key in (TABLE, LANDED)}


@pytest.mark.fault("F414")
def test_the_code_location_asks_fivetran_nothing_while_it_is_loaded(
    project: Project, landing: Landing, api: FivetranApi, monkeypatch: pytest.MonkeyPatch
):
    del landing
    monkeypatch.delenv("FIVETRAN_API_KEY")
    api.always = Fault(kind="drip")

    graph = definitions_for(project.config_path).resolve_asset_graph()

    assert graph.get(LANDED).parent_keys == {DELIVERED, TABLE}
    assert api.requests == []


@pytest.mark.fault("F414")
def test_a_team_with_a_workspace_of_its_own_has_one_lineage_merged_or_not(
    project: Project, landing: Landing, api: FivetranApi
):
    del landing
    ours = definitions_for(project.config_path)
    specs = workspace().load_asset_specs(joined_translator(project.config_path))
    theirs = dg.Definitions(assets=specs)
    plain = dg.Definitions(assets=workspace().load_asset_specs(DagsterFivetranTranslator()))

    assert lineage(ours, theirs) == {TABLE: {DELIVERED}, LANDED: {DELIVERED, TABLE}}
    assert lineage(ours, plain) == {TABLE: set(), LANDED: {DELIVERED, TABLE}}, "also with a translator of its own"
    assert api.requests, "its workspace does ask"


@pytest.mark.fault("F414")
def test_a_sync_by_dagster_fivetran_fills_the_joined_table(project: Project, landing: Landing, api: FivetranApi):
    del landing
    api.connection.at_once = True
    assets = build_fivetran_assets_definitions(
        workspace=workspace(), dagster_fivetran_translator=joined_translator(project.config_path)
    )

    result = dg.materialize(assets, resources={"fivetran": workspace()}, instance=project.instance)

    assert result.success
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [TABLE]
    assert api.connection.schedule_type == "manual", "its workspace turns the schedule off unless told otherwise"


@pytest.mark.fault("F414")
def test_the_table_as_an_asset_is_loaded_without_fivetran_and_filled_with_it(
    project: Project, landing: Landing, api: FivetranApi
):
    del landing
    asset = landed_table_asset(project.config_path, automation_condition=AFTER_A_SHIPMENT)
    made = dg.Definitions(assets=[asset], resources={"fivetran": workspace()})
    assert lineage(definitions_for(project.config_path), made) == {TABLE: {DELIVERED}, LANDED: {DELIVERED, TABLE}}
    assert api.requests == []
    api.connection.at_once = True

    keeping = workspace(disable_schedule_on_trigger=False)
    result = dg.materialize([asset], resources={"fivetran": keeping}, instance=project.instance)

    assert [event.asset_key for event in result.get_asset_materialization_events()] == [TABLE]
    assert (api.connection.syncs, api.connection.schedule_type) == (1, "auto")


@pytest.mark.fault("F414")
@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # of the report, which a shipment makes
def test_with_the_condition_of_the_page_each_shipment_asks_for_a_sync(project: Project, landing: Landing):
    del landing
    asset = landed_table_asset(project.config_path, automation_condition=AFTER_A_SHIPMENT)
    made = dg.Definitions.merge(
        definitions_for(project.config_path), dg.Definitions(assets=[asset], resources={"fivetran": workspace()})
    )
    before = dg.evaluate_automation_conditions(made, project.instance)
    partition = dg.MultiPartitionKey({"category": "custom_event", "window": DAYS[0]})
    project.instance.report_runless_asset_event(dg.AssetMaterialization(DELIVERED, partition=partition))
    after = dg.evaluate_automation_conditions(made, project.instance, cursor=before.cursor)
    again = dg.evaluate_automation_conditions(made, project.instance, cursor=after.cursor)

    assert [one.total_requested for one in (before, after, again)] == [0, 1, 0]


@pytest.mark.fault("F410")
def test_the_asset_stops_no_running_sync(
    project: Project, landing: Landing, api: FivetranApi, monkeypatch: pytest.MonkeyPatch
):
    del landing
    api.connection.at_once = True
    api.connection.begin()
    monkeypatch.setattr("statsig_export.dagster.fivetran.time.sleep", lambda _: api.connection.end(api.now()))

    asset = landed_table_asset(project.config_path)
    result = dg.materialize([asset], resources={"fivetran": workspace()}, instance=project.instance)

    assert result.success
    assert (api.connection.syncs, api.connection.restarted) == (1, 0)


@pytest.mark.fault("F414")
def test_without_a_connection_nothing_is_joined_and_the_error_says_so(project: Project):
    with pytest.raises(ConfigError, match=r"export.toml has no \[arrivals\]"):
        joined_translator(project.config_path)


@pytest.mark.fault("F414")
def test_a_table_that_is_called_as_an_asset_of_ours_is_not_joined_and_that_is_said(
    project: Project, landing: Landing, caplog: pytest.LogCaptureFixture
):
    del landing
    project.configure('["statsig", "statsig_events"]', '["fivetran", "statsig_events"]')

    graph = definitions_for(project.config_path).resolve_asset_graph()

    assert graph.get(LANDED).parent_keys == {DELIVERED}
    assert "name that in arrivals.asset_key" in caplog.text


@pytest.mark.fault("F407")
def test_the_check_goes_by_the_syncs_and_says_how_the_connection_stands(
    project: Project, shipped: Landing, api: FivetranApi
):
    del shipped
    api.connection.succeeded_at, api.connection.paused = api.now() - HOUR, True

    result = project.run("compare_arrivals", {}, {})
    (check,) = result.get_asset_check_evaluations()
    figures = {name: value.value for name, value in check.metadata.items()}

    assert check.passed
    assert (figures["not yet"], figures["missing"], figures["judged by"]) == (5, 0, "syncs")
    assert "is paused" in (check.description or "")


@pytest.mark.fault("F411")
def test_the_sensor_asks_for_a_sync_and_what_goes_wrong_is_said_by_its_ticks(
    project: Project, shipped: Landing, api: FivetranApi, monkeypatch: pytest.MonkeyPatch
):
    del shipped
    assert not sync_sensors(project.config), "off by default"
    project.configure(f'api_url = "{api.url}"\n', f'api_url = "{api.url}"\nsync_after_shipment = true\n')
    (sensor,) = sync_sensors(project.config)
    assert project.tick(sensor) == ([], "Nothing was shipped that a sync could bring."), "it waits for a minute"
    monkeypatch.setattr("statsig_export.reconciliation.sync_request.QUEUED_MS", 0)

    api.faults = [Fault(500)]
    failed, asked, again = (project.tick(sensor)[1] for _ in range(3))

    assert "it has a fault of its own (500)" in failed
    assert "Fivetran was asked for a sync of connection_id. Its own schedule is off" in asked
    assert "is syncing" in again
    assert (api.connection.syncs, api.connection.restarted) == (1, 0)
    assert "sync_sensor" in {one.name for one in project.definitions().sensors or ()}


def test_a_workspace_that_cannot_reach_fivetran_ends_the_code_location_that_loads_it(
    project: Project, landing: Landing, monkeypatch: pytest.MonkeyPatch
):
    """Not ours, and why docs/how-to/arrivals.md leads to `landed_table_asset`; a later version may be better."""
    del landing
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(dagster_fivetran.resources, "FIVETRAN_API_BASE", f"http://127.0.0.1:{port}")

    with pytest.raises(UnboundLocalError):
        workspace().load_asset_specs(joined_translator(project.config_path))
    assert landed_table_asset(project.config_path).keys == {TABLE}
