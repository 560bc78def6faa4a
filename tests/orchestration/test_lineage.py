import json

import dagster as dg
import pytest
from dagster_folder import DAYS, Project
from sqlalchemy import create_engine, insert

from statsig_export.dagster.events.assets import FILE_COLUMNS
from statsig_export.dagster.io_manager import StoredEvents
from statsig_export.dagster.keys import DELIVERED, EVENTS
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.native_tables import SDK_EVENTS, create_tables
from statsig_export.lineage.columns import feeding_columns
from statsig_export.windows import window_from_key

GATES = f"gate_exposure|{DAYS[0]}"
LAST = f"custom_event|{DAYS[0]}"
"""Of a run: what is said once a run is said with it."""


def materialization(project: Project, key: dg.AssetKey, partition: str = GATES) -> dg.AssetMaterialization:
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    event = project.instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert event is not None
    return event


def test_one_click_leads_from_a_shipment_to_the_export_its_file_and_the_source(project: Project):
    project.fill([DAYS[0]])
    exported = project.export_days(DAYS[0], DAYS[0])
    shipped = project.run("ship_batches", {}, {})

    shipment = materialization(project, DELIVERED).metadata
    assert shipment["ship run"] == dg.MetadataValue.dagster_run(shipped.run_id)
    assert shipment["export run"] == dg.MetadataValue.dagster_run(exported.run_id)
    assert shipment["exported partition"] == dg.MetadataValue.asset(EVENTS)
    export = materialization(project, EVENTS).metadata
    assert str(export["file"].value).endswith(str(shipment["file"].value))
    assert shipment["digest"] == export["digest"]
    assert "FROM exposures" in materialization(project, EVENTS, LAST).metadata["queries"].value["exposures"].replace(
        '"', ""
    )
    window = window_from_key(DAYS[0], project.config.windows)
    assert (export["window start"].value, export["window end"].value) == (
        window.start.timestamp(),
        window.end.timestamp(),
    )


def test_what_the_ui_plots_over_time_is_a_number(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.run("ship_batches", {}, {})

    shipment = materialization(project, DELIVERED).metadata
    plotted = {
        name for name, value in shipment.items() if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue)
    }
    assert plotted >= {
        "requests",
        "status 200",
        "accepted",
        "delivered events",
        "latency ms (median)",
        "dagster/row_count",
    }


@pytest.mark.parametrize(("layout", "position"), [(name, at) for name in LAYOUTS for at in range(len(LAYOUTS[name]))])
def test_every_column_that_is_read_feeds_a_column_of_the_file_and_nothing_else_does(layout: str, position: int):
    table = LAYOUTS[layout][position]
    feeding = feeding_columns(table)

    assert set(feeding) <= {column.name for column in FILE_COLUMNS.columns}
    assert {"time_uuid", "event_name", "timestamp", "event"} <= set(feeding)
    read = {rule.column for rule in table.selected_rules}
    assert set(feeding["event"]) == read
    assert all(set(columns) <= read for columns in feeding.values())


def test_columns_can_be_followed_from_the_webhook_to_the_tables(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.run("ship_batches", {}, {})

    sent = materialization(project, DELIVERED).metadata["dagster/column_lineage"].value
    assert sent.deps_by_column["userID"] == [dg.TableColumnDep(asset_key=EVENTS, column_name="event")]
    laid_down = materialization(project, EVENTS, LAST).metadata["dagster/column_lineage"].value
    exposures = dg.AssetKey(["source", "exposures"])
    assert dg.TableColumnDep(asset_key=exposures, column_name="gate_value") in laid_down.deps_by_column["event"]
    assert dg.TableColumnDep(asset_key=exposures, column_name="unit_type") in laid_down.deps_by_column["unit_id"]


def test_assets_say_what_they_are_who_owns_them_and_where_their_code_is(project: Project):
    project.configure("[webhook]", '[dagster]\nowners = ["team:data"]\n[webhook]')
    graph = project.definitions().resolve_asset_graph()

    assert graph.get(EVENTS).kinds == {"python", "parquet"}
    assert graph.get(DELIVERED).kinds == {"fivetran"}
    assert list(graph.get(EVENTS).owners) == list(graph.get(DELIVERED).owners) == ["team:data"]
    references = graph.get(EVENTS).metadata["dagster/code_references"].code_references
    assert any(reference.file_path.endswith("statsig_export/dagster/events/assets.py") for reference in references)
    assert all(graph.get(key).description for key in graph.get_all_asset_keys())


def test_exported_partitions_are_read_back_as_frames(project: Project):
    project.fill(DAYS[:2])
    project.export_days(DAYS[0], DAYS[1])
    definitions = project.definitions()

    one = definitions.load_asset_value(["statsig", "events"], partition_key=GATES, instance=project.instance)
    every = definitions.load_asset_value(["statsig", "events"], instance=project.instance)

    assert set(one["category"]) == {"gate_exposure"}
    assert set(one["window"]) == {DAYS[0]}
    assert json.loads(one["event"][0])["eventName"] == "statsig::gate_exposure"
    assert (len(one), len(every)) == (3, 10)


def test_reading_back_needs_no_secret(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    for name in project.environ:
        monkeypatch.delenv(name)

    events = project.definitions().load_asset_value(["statsig", "events"], partition_key=GATES)

    assert len(events) == 3


def test_an_asset_cannot_be_written_through_what_reads_it_back(project: Project):
    reader = StoredEvents(config_path=str(project.config_path))

    with pytest.raises(dg.DagsterInvariantViolationError, match="the export writes its own files"):
        reader.handle_output(dg.build_output_context(), ["an event"])


def test_a_source_with_one_table_for_all_events_has_its_lineage_too(project: Project):
    project.configure('url = "env:STATSIG_DATABASE_URL"', 'url = "env:STATSIG_DATABASE_URL"\nlayout = "sdk_log"')
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    create_tables(engine, "sdk_log")
    noon = project.config.windows.start.replace(hour=12, tzinfo=None)
    event = {"eventName": "purchase", "user": {"userID": "u"}, "time": 1_795_176_000_250}
    with engine.begin() as connection:
        connection.execute(insert(SDK_EVENTS), [{"event": event, "received_at": noon, "statsig_metadata": {}}])
    engine.dispose()

    project.export_days(DAYS[0], DAYS[0])

    lineage = materialization(project, EVENTS, f"custom_event|{DAYS[0]}").metadata["dagster/column_lineage"].value
    deps = lineage.deps_by_column["event_name"]
    assert deps == [dg.TableColumnDep(asset_key=dg.AssetKey(["source", "sdk_events"]), column_name="event")]


@pytest.mark.fault("F298")
def test_a_column_that_is_read_as_the_key_and_as_the_time_uuid_exports(project: Project):
    project.fill([DAYS[0]])
    project.configure(
        "[windows]", '[source.custom_events]\ncolumns = { time_uuid = "id", user_id = "event_name" }\n[windows]'
    )

    assert project.export_days(DAYS[0], DAYS[0]).success
