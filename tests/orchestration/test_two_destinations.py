"""Two exports on one Dagster instance: in two code locations, in one, and under the same keys by mistake."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeExecutionError
from dagster_folder import DAYS, EXPORT_TOML, SECRET, Project, what_failed
from dagster_processes import daemon, environment, wait_for

from statsig_export.config import load_config
from statsig_export.dagster.claims import HELD_FOR
from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.keys import RANGE_END, RANGE_START, Names
from statsig_export.errors import ConfigError
from statsig_export.export.export import export_window
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key

pytestmark = [pytest.mark.acceptance, pytest.mark.home_on_disk]

CLAIM = "statsig_export/claim/statsig/events"
JOBS = {
    *("export_events", "check_deliveries", "ship_batches", "replay_batches", "verify_ledger", "resume_destination"),
    *("prune", "finish_forgetting", "send_test_event", "sync_with_ledger"),
}
ASSETS = {"source/exposures", "source/custom_events", "statsig/events", "fivetran/statsig_events"}


@pytest.fixture
def other(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A second export of the same source on the same instance: its webhook, its ledger, and the same keys."""
    folder = project.folder / "other"
    folder.mkdir()
    with Receiver(auth=Authentication("hmac", secret=SECRET), strict_delivery=True) as receiver:
        monkeypatch.setenv("OTHER_WEBHOOK_URL", receiver.url)
        made = Project(folder, receiver, project.instance)
        text = EXPORT_TOML.replace("env:FIVETRAN_WEBHOOK_URL", "env:OTHER_WEBHOOK_URL")
        made.config_path.write_text(text.replace("[webhook]", '[webhook]\nname = "other"'))
        yield made


def prefixed(project: Project, prefix: str = "eu") -> Project:
    project.configure("[webhook]", f'[dagster]\nkey_prefix = "{prefix}"\n[webhook]')
    return project


def names(definitions: dg.Definitions) -> dict[str, set[str]]:
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    keys = graph.get_all_asset_keys()
    return {
        "assets": {key.to_user_string() for key in keys},
        "groups": {str(graph.get(key).group_name) for key in keys},
        "jobs": {job.name for job in jobs},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "sensors": {sensor.name for sensor in repository.sensor_defs},
        "resources": set(definitions.resources or {}),
        "ops": {node.name for job in jobs for node in job.nodes},
        "pools": {pool for job in jobs for node in job.nodes for pool in node.definition.pools},
    }


def run(
    project: Project, job: str, definitions: dg.Definitions, names: Names, **tags: str
) -> dg.ExecuteInProcessResult:
    made = definitions.resolve_job_def(names(job))
    return made.execute_in_process(instance=project.instance, tags=tags, raise_on_error=False)


def export_and_ship(project: Project, definitions: dg.Definitions, names: Names) -> None:
    days = {RANGE_START: f"gate_exposure|{DAYS[0]}", RANGE_END: f"custom_event|{DAYS[-1]}"}
    assert run(project, "export_events", definitions, names, **days).success
    requests, _ = tick(project, definitions, names("ship_sensor"))
    assert requests
    for request in requests:
        job = definitions.resolve_job_def(names("ship_batches"))
        assert job.execute_in_process(
            run_config=request.run_config, tags=request.tags, instance=project.instance
        ).success


def tick(project: Project, definitions: dg.Definitions, name: str) -> tuple[list[dg.RunRequest], str]:
    sensor = definitions.get_repository_def().get_sensor_def(name)
    with dg.build_sensor_context(
        instance=project.instance, definitions=definitions, resources=definitions.resources
    ) as context:
        result = sensor.evaluate_tick(context)
    return list(result.run_requests or ()), result.skip_message or ""


def claim(project: Project, **changed: object) -> None:
    """Change the claim that stands on the instance."""
    storage = project.instance.daemon_cursor_storage
    storage.set_cursor_values({CLAIM: json.dumps({**json.loads(storage.get_cursor_values({CLAIM})[CLAIM]), **changed})})


def holder(project: Project) -> str:
    value: str = json.loads(project.instance.daemon_cursor_storage.get_cursor_values({CLAIM})[CLAIM])["destination"]
    return value


@pytest.mark.fault("F320")
def test_without_a_prefix_every_name_is_what_it_was(project: Project):
    found = names(project.definitions())

    assert found["assets"] == ASSETS
    assert found["jobs"] == JOBS
    assert found["groups"] == {"statsig_export"}
    assert found["schedules"] == {"export_schedule", "check_schedule"}
    assert found["sensors"] == {"ship_sensor", "late_rows_sensor", "ledger_sensor"}
    assert found["resources"] == {"statsig_export", "stored_events"}
    assert found["ops"] >= {"ship", "replay", "verify", "source_schemas", "statsig__events"}
    assert found["pools"] == {"fivetran_webhook", "fivetran_exports"}


@pytest.mark.fault("F320")
def test_with_a_prefix_every_name_has_it(project: Project):
    bare = names(project.definitions())

    found = names(prefixed(project, "emea/eu-1").definitions())

    assert found["assets"] == {f"emea/eu-1/{key}" for key in ASSETS}
    for kind in ("jobs", "groups", "schedules", "sensors", "resources", "pools"):
        assert found[kind] == {f"emea_eu_1_{name}" for name in bare[kind]}, kind
    assert not found["ops"] & bare["ops"]


@pytest.mark.fault("F320")
@pytest.mark.parametrize("written", ['"emea/eu"', '["emea", "eu"]'])
def test_a_prefix_is_a_text_with_slashes_or_a_list(project: Project, written: str):
    project.configure("[webhook]", f"[dagster]\nkey_prefix = {written}\n[webhook]")

    assert project.config.dagster.key_prefix == ("emea", "eu")


@pytest.mark.parametrize(
    "written", ['"eu//a"', '"/eu"', '"eu/"', '["e/u"]', '"1eu"', '"_eu"', '"ö"', '["eu", 1]', "7", '" "']
)
def test_a_prefix_that_is_no_asset_key_is_refused(project: Project, written: str):
    project.configure("[webhook]", f"[dagster]\nkey_prefix = {written}\n[webhook]")

    with pytest.raises(ConfigError, match="key_prefix"):
        load_config(project.config_path)


@pytest.mark.fault("F320")
@pytest.mark.parametrize("name", ["other", "fivetran"])
def test_two_destinations_on_one_instance_each_export_and_ship_all_of_theirs(
    project: Project, other: Project, name: str
):
    """Also where both kept the default name and each has a ledger of its own."""
    project.fill()
    other.configure('name = "other"', f'name = "{name}"')
    prefixed(other)

    export_and_ship(project, project.definitions(), Names())
    assert (
        other.materialized("eu", "statsig", "events") == other.materialized("eu", "fivetran", "statsig_events") == set()
    )
    export_and_ship(other, other.definitions(), Names(("eu",)))

    for each, prefix in ((project, ()), (other, ("eu",))):
        assert len(each.receiver.events()) == 5 * len(DAYS)
        assert len(each.materialized(*prefix, "statsig", "events")) == 6 * len(DAYS)
        assert len(each.materialized(*prefix, "fivetran", "statsig_events")) == 6 * len(DAYS)
        assert sum(line.account.forwarded for line in status(each.config)) == 5 * len(DAYS)
    keys = {key.to_user_string() for key in project.instance.all_asset_keys()}
    assert keys >= {"statsig/events", "eu/statsig/events", "eu/fivetran/statsig_events"}
    metadata = other.metadata("eu", "fivetran", "statsig_events", partition=f"gate_exposure|{DAYS[0]}")
    assert metadata["exported partition"] == dg.AssetKey(["eu", "statsig", "events"])
    frame = other.definitions().load_asset_value(["eu", "statsig", "events"], partition_key=f"gate_exposure|{DAYS[0]}")
    assert len(frame) == 3


@pytest.mark.fault("F321")
def test_two_exports_are_merged_into_one_code_location(project: Project, other: Project):
    project.fill()
    both = dg.Definitions.merge(
        definitions_for(prefixed(project, "us").config_path), definitions_for(prefixed(other).config_path)
    )
    dg.Definitions.validate_loadable(both)

    export_and_ship(project, both, Names(("us",)))
    export_and_ship(other, both, Names(("eu",)))

    assert len(project.receiver.events()) == len(other.receiver.events()) == 5 * len(DAYS)
    for prefix in ("us", "eu"):
        assert run(project, "verify_ledger", both, Names((prefix,))).success
        assert run(project, "check_deliveries", both, Names((prefix,))).success
        assert run(project, "sync_with_ledger", both, Names((prefix,))).success
        assert tick(project, both, f"{prefix}_late_rows_sensor")[0] == []


@pytest.mark.fault("F321")
@pytest.mark.fault("F325")
def test_the_sensor_of_each_export_shows_what_its_own_ledger_holds(project: Project, other: Project):
    """Both destinations have the default name: only the ledgers and the prefix tell them apart."""
    other.configure('name = "other"', 'name = "fivetran"')
    project.fill(DAYS[:1])
    prefixed(other)
    for each in (project, other):
        export_window(each.config, window_from_key(DAYS[0], each.config.windows))
    ship(other.config)

    tick(project, project.definitions(), "ledger_sensor")
    tick(other, other.definitions(), "eu_ledger_sensor")

    shown = {f"{category}|{DAYS[0]}" for category in Category}
    assert project.materialized("statsig", "events") == project.materialized("eu", "statsig", "events") == shown
    assert project.shipped() == set()
    assert project.shipped_under("eu") == {f"{category}|{DAYS[0]}" for category in ("gate_exposure", "custom_event")}


@pytest.mark.fault("F322")
def test_a_second_export_under_the_same_keys_is_refused_and_told_what_to_do(project: Project, other: Project):
    project.fill()
    export_and_ship(project, project.definitions(), Names())

    with pytest.raises(ConfigError) as refused:
        tick(other, other.definitions(), "ship_sensor")
    exported = other.export_days()
    shipped = run(other, "ship_batches", other.definitions(), Names())
    replayed = other.run("replay_batches", {}, {})

    for said in (str(refused.value), what_failed(exported), what_failed(shipped), what_failed(replayed)):
        assert '"other"' in said
        assert '"fivetran"' in said
        assert "set [dagster] key_prefix" in said
    with pytest.raises(ConfigError, match="key_prefix"):
        tick(other, other.definitions(), "late_rows_sensor")
    with (
        dg.build_schedule_context(
            instance=other.instance,
            resources=other.definitions().resources,
            scheduled_execution_time=datetime.now(UTC),
        ) as context,
        pytest.raises(DagsterUserCodeExecutionError) as unscheduled,
    ):
        other.definitions().get_repository_def().get_schedule_def("export_schedule").evaluate_tick(context)
    assert "key_prefix" in str(unscheduled.value.__cause__)
    assert other.receiver.requests == []
    assert tick(project, project.definitions(), "ship_sensor")[0] == []
    assert holder(project) == "fivetran"


@pytest.mark.fault("F322")
def test_a_prefix_is_what_heals_it(project: Project, other: Project):
    project.fill()
    export_and_ship(project, project.definitions(), Names())
    assert not other.export_days().success

    export_and_ship(prefixed(other), other.definitions(), Names(("eu",)))

    assert len(other.receiver.events()) == 5 * len(DAYS)


@pytest.mark.fault("F323")
def test_a_location_that_renames_its_destination_keeps_its_keys(project: Project):
    project.fill()
    assert project.export_days().success

    project.configure("[webhook]", '[webhook]\nname = "renamed"')

    assert project.export_days().success
    assert holder(project) == "renamed"


@pytest.mark.fault("F323")
@pytest.mark.parametrize("here", ["us", None])
def test_the_same_export_in_another_location_is_no_other(project: Project, here: str | None):
    """As when a location is renamed, or a schedule ticks, which is not told its location."""
    project.fill()
    assert project.export_days().success
    tick(project, project.definitions(), "ship_sensor")  # the first run began before there was a ledger
    claim(project, location=here, file="/elsewhere/export.toml")

    tick(project, project.definitions(), "ship_sensor")

    assert holder(project) == "fivetran"


@pytest.mark.fault("F323")
def test_a_claim_whose_location_is_gone_is_taken_over(project: Project, other: Project):
    project.fill()
    assert project.export_days().success
    claim(project, time=time.time() - HELD_FOR.total_seconds() - 1)

    assert other.export_days().success

    assert holder(other) == "other"


@pytest.mark.fault("F323")
@pytest.mark.parametrize("written", ["", "null", "[]", "{", '{"destination": "another version"}', "7"])
def test_a_claim_that_cannot_be_read_stops_nobody(project: Project, written: str):
    project.instance.daemon_cursor_storage.set_cursor_values({CLAIM: written})

    tick(project, project.definitions(), "ship_sensor")

    assert holder(project) == "fivetran"


@pytest.mark.fault("F324")
def test_a_prefix_that_was_changed_applies_once_the_location_is_reloaded(project: Project):
    """Until then the sensor starts the job that there is, and knows its runs."""
    project.fill()
    loaded = project.definitions()
    assert project.export_days().success

    prefixed(project)
    (request,), _ = tick(project, loaded, "ship_sensor")
    project.instance.add_run(
        dg.DagsterRun(
            "ship_batches", run_config=request.run_config, tags=request.tags, status=dg.DagsterRunStatus.STARTED
        )
    )

    assert tick(project, loaded, "ship_sensor") == ([], "partitions due: 8; ship runs under way: 1")


@pytest.mark.fault("F320", "F322")
def test_the_daemon_ships_for_two_locations_and_refuses_a_third_under_the_same_keys(project: Project, other: Project):
    project.fill(DAYS[:1])
    third = Project(project.folder / "third", other.receiver, project.instance)
    third.folder.mkdir()
    third.config_path.write_text(other.config_path.read_text().replace('"other"', '"third"'))
    prefixed(other).configure("[dagster]", "[dagster]\nautomation = true")
    workspace, home = project.folder / "workspace.yaml", Path(project.instance.root_directory)
    for each in (project, third):
        each.automate()
    for each in (project, other, third):
        each.keep_schedule_quiet()
        export_window(each.config, window_from_key(DAYS[0], each.config.windows))
        (each.folder / "located.py").write_text(
            "import dagster as dg\nfrom statsig_export.dagster.definitions import definitions_for\n"
            f"defs = definitions_for({str(each.config_path)!r}, executor=dg.in_process_executor)\n"
        )
    located = {"us": project, "eu": other, "third": third}
    tick(project, project.definitions(), "ship_sensor")
    claim(project, location="us")
    workspace.write_text(
        "load_from:\n"
        + "".join(
            f"  - python_file:\n      relative_path: {each.folder / 'located.py'}\n      location_name: {name}\n"
            for name, each in located.items()
        )
    )
    log = project.folder / "daemon.log"

    def refused() -> str:
        return next((text for text in log.read_text().splitlines() if "both use the asset keys" in text), "")

    with daemon(environment(home, project.config_path), log, workspace) as running:
        wait_for(lambda: len(project.receiver.events()) == len(other.receiver.events()) == 5, running, log)
        wait_for(refused, running, log)
        wait_for(lambda: len(project.shipped()) == len(other.shipped_under("eu")) == 2, running, log)

    assert 'the destination "third" of third and the destination "fivetran" of us' in refused()
    assert project.shipped() == other.shipped_under("eu")
    assert status(third.config)[0].account.forwarded == 0
