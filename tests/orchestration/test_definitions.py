import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster_folder import DAYS, Project

from statsig_export.dagster import StatsigExportComponent
from statsig_export.errors import ConfigError
from statsig_export.windows import window_from_key

ROOT = Path(__file__).parents[2]


def asset_keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def validated(project: Project) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in project.environ}
    environ |= {"STATSIG_EXPORT_CONFIG": str(project.config_path), "PYTHONWARNINGS": "default"}
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(ROOT / "workspace.yaml")]
    return subprocess.run(command, env=environ, cwd=project.folder, capture_output=True, text=True, check=False)


def test_the_assets_are_the_source_tables_the_exported_events_and_what_was_delivered(project: Project):
    assert asset_keys(project.definitions()) == {
        "source/exposures",
        "source/custom_events",
        "statsig/events",
        "fivetran/statsig_events",
    }


def test_the_sdk_log_has_one_source_table(project: Project):
    project.configure("[windows]", 'layout = "sdk_log"\n[windows]')

    assert "source/sdk_events" in asset_keys(project.definitions())
    assert "source/exposures" not in asset_keys(project.definitions())


def test_lineage_runs_from_the_tables_to_the_webhook(project: Project):
    graph = project.definitions().resolve_asset_graph()
    events, delivered = dg.AssetKey(["statsig", "events"]), dg.AssetKey(["fivetran", "statsig_events"])

    assert graph.get(delivered).parent_keys == {events}
    assert {key.path[0] for key in graph.get(events).parent_keys} == {"source"}
    assert graph.get(delivered).is_external
    assert graph.get(delivered).partitions_def == graph.get(events).partitions_def


@pytest.mark.fault("F305")
@pytest.mark.parametrize("automation", [False, True])
def test_jobs_schedules_and_sensors_have_their_names_and_start_by_themselves_only_where_export_toml_says_so(
    project: Project, automation
):
    if automation:
        project.automate()
    repository = project.definitions().get_repository_def()

    assert {"export_events", "ship_batches", "check_deliveries"} <= set(repository.job_names)
    status = dg.DefaultScheduleStatus.RUNNING if automation else dg.DefaultScheduleStatus.STOPPED
    schedules = {schedule.name: schedule.default_status for schedule in repository.schedule_defs}
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    assert schedules == dict.fromkeys(("export_schedule", "check_schedule"), status)
    assert sensors == dict.fromkeys(
        ("ship_sensor", "late_rows_sensor", "ledger_sensor"), dg.DefaultSensorStatus(status.value)
    )


@pytest.mark.fault("F305")
@pytest.mark.acceptance
def test_a_code_location_says_when_it_loads_that_nothing_starts_by_itself(project: Project):
    said = "nothing is exported or shipped by itself here"

    first = validated(project)

    assert said in first.stdout + first.stderr
    project.automate()
    second = validated(project)
    assert said not in second.stdout + second.stderr


@pytest.mark.parametrize(("every", "key"), [("day", DAYS[1]), ("hour", f"{DAYS[1]}-13:00")])
def test_dagster_and_the_library_name_a_window_alike(project: Project, every: str, key: str):
    project.configure("[windows]", f'[windows]\nevery = "{every}"')
    partitions = project.definitions().resolve_asset_graph().get(dg.AssetKey(["statsig", "events"])).partitions_def
    assert isinstance(partitions, dg.MultiPartitionsDefinition)
    (windows,) = [dimension.partitions_def for dimension in partitions.partitions_defs if dimension.name == "window"]
    assert isinstance(windows, dg.TimeWindowPartitionsDefinition)

    ours, theirs = window_from_key(key, project.config.windows), windows.time_window_for_partition_key(key)

    assert (ours.start, ours.end) == (theirs.start, theirs.end)
    assert f"custom_event|{key}" in partitions.get_partition_keys()


@pytest.mark.fault("F71")
def test_the_definitions_load_without_any_secret_and_hold_only_their_names(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    for name in project.environ:
        monkeypatch.delenv(name)

    resource = project.definitions().get_repository_def().get_top_level_resources()["statsig_export"]

    assert resource.config_field.default_value == {
        "config_path": str(project.config_path),
        "source_url": {"env": "STATSIG_DATABASE_URL"},
        "webhook_url": {"env": "FIVETRAN_WEBHOOK_URL"},
        "webhook_secret": {"env": "FIVETRAN_WEBHOOK_SECRET"},
    }


def test_a_missing_configuration_is_a_configuration_error(project: Project):
    project.config_path.unlink()

    with pytest.raises(ConfigError, match="no configuration at"):
        project.definitions()


@pytest.mark.parametrize("named", [False, True])
def test_a_component_takes_its_configuration_from_its_attribute_else_from_the_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch, named
):
    monkeypatch.setenv("STATSIG_EXPORT_CONFIG", str(project.folder / "none.toml" if named else project.config_path))
    component = StatsigExportComponent(config=str(project.config_path) if named else None)

    definitions = dg.build_defs_for_component(component)

    assert asset_keys(definitions) == asset_keys(project.definitions())
    assert definitions.executor is None


@pytest.mark.acceptance
def test_dagster_validates_the_code_location_without_secrets_or_deprecations(project: Project):
    result = validated(project)

    assert result.returncode == 0, result.stderr
    ours = [
        line for line in result.stderr.splitlines() if "Warning" in line and "definitions_validate_command" not in line
    ]
    assert ours == []


@pytest.mark.acceptance
def test_dagster_shows_an_error_in_the_configuration_as_one_sentence(project: Project):
    project.configure("[windows]", "[window]")

    result = validated(project)

    assert result.returncode != 0
    assert f"{project.config_path}: unknown key window (did you mean windows?)" in result.stdout + result.stderr


@pytest.mark.fault("F296")
@pytest.mark.parametrize("settle", ["0s", "2d", "3d", "30d", "366d"])
def test_the_code_location_loads_however_long_windows_settle(project: Project, settle: str):
    project.configure('settle = "1s"', f'settle = "{settle}"')

    assert project.definitions().get_repository_def()


@pytest.mark.fault("F296")
def test_times_that_cannot_work_are_refused_with_the_other_errors_of_the_configuration(project: Project):
    project.configure('settle = "1s"', 'settle = "99999d"')
    project.configure('lookback = "10d"', 'lookback = "9999999d"')

    with pytest.raises(ConfigError, match=r"windows\.settle: expected a duration .*; windows\.lookback: expected"):
        project.definitions()
