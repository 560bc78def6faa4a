"""The check `everything_arrived`, the table as an asset, and the job and schedule that hold one against the other."""

import dagster as dg
import pytest
from dagster_folder import DAYS, Project
from landing import EVENTS, Landing, landing_in

from statsig_export.dagster.keys import DELIVERED, LANDED


@pytest.fixture
def landing(project: Project) -> Landing:
    """Fivetran's table, empty; a day is exported and shipped, which is five events."""
    landing = landing_in(project.folder)
    text = project.config_path.read_text()
    project.config_path.write_text(f'{text}\n[arrivals]\nurl = "{landing.url}"\ntable = "{EVENTS}"\ngrace = "0s"\n')
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.run("ship_batches", {}, {})
    return landing


def compared(project: Project) -> tuple[dg.ExecuteInProcessResult, dg.AssetCheckEvaluation]:
    result = project.run("compare_arrivals", {}, {})
    (evaluation,) = result.get_asset_check_evaluations()
    return result, evaluation


@pytest.mark.fault("F492")
def test_what_is_missing_fails_the_check_with_figures_that_plot(project: Project, landing: Landing):
    events = project.receiver.events()
    landing.land([*events[1:], events[2]])

    result, check = compared(project)

    assert result.success, "it blocks nothing"
    assert not check.passed
    assert check.asset_key == DELIVERED
    assert check.description == "Events missing: 1; `statsig-export replay --missing` sends them again."
    figures = {name: value.value for name, value in check.metadata.items()}
    assert (figures["arrived"], figures["missing"], figures["repeated, unexplained"]) == (4, 1, 1)
    assert figures["there, and pending or failed"] == 0


def test_once_all_of_it_is_there_the_check_passes_and_the_table_shows_it(project: Project, landing: Landing):
    landing.land(project.receiver.events())

    _, check = compared(project)
    seen = project.instance.fetch_observations(LANDED, limit=1).records[0].asset_observation

    assert check.passed
    assert seen is not None
    assert seen.metadata["arrived"].value == 5


def test_a_table_that_cannot_be_read_fails_the_run_in_a_sentence(project: Project, landing: Landing):
    landing.run(f"DROP TABLE {EVENTS}")

    result = project.run("compare_arrivals", {}, {})

    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert "there is no table statsig_events" in str(failed.step_failure_data.error)
    assert "Traceback" not in str(failed.step_failure_data.error.message)


def test_the_hourly_checks_leave_the_warehouse_alone(project: Project, landing: Landing):
    landing.run(f"DROP TABLE {EVENTS}")

    result = project.run("check_deliveries", {}, {})

    assert result.success
    assert {check.check_name for check in result.get_asset_check_evaluations()}.isdisjoint({"everything_arrived"})


def test_the_lineage_ends_at_the_table_and_the_schedule_is_there(project: Project, landing: Landing):
    del landing
    definitions = project.definitions()

    graph = definitions.resolve_asset_graph()
    assert graph.get(LANDED).parent_keys == {DELIVERED}
    assert definitions.resolve_schedule_def("arrivals_schedule").job_name == "compare_arrivals"


def test_without_the_table_in_export_toml_there_is_none_of_it(project: Project):
    definitions = project.definitions()

    assert LANDED not in definitions.resolve_asset_graph().get_all_asset_keys()
    assert "compare_arrivals" not in {job.name for job in definitions.resolve_all_job_defs()}
