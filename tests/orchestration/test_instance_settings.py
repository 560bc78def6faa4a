"""The examples of dagster.yaml. That of SQLite runs the daemon in test_daemon.py."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_folder import Project
from dagster_processes import ROOT

from statsig_export.config import Config
from statsig_export.dagster.pools import limit_pools
from statsig_export.dagster.workers import UNKNOWN_FOR
from statsig_export.demo.dagster_stage import INSTANCE_SETTINGS

SQLITE, POSTGRES = (ROOT / "deploy" / f"dagster-{name}.yaml" for name in ("sqlite", "postgres"))


def settings(path: Path) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load(path.read_text())
    return loaded


def contains(whole: object, part: object) -> bool:
    if isinstance(whole, Mapping) and isinstance(part, Mapping):
        return all(contains(whole.get(key), value) for key, value in part.items())
    return whole == part


def test_the_two_examples_differ_in_their_storage_alone():
    postgres = settings(POSTGRES)

    storage = postgres.pop("storage")

    assert postgres == settings(SQLITE)
    assert contains(storage, {"postgres": {"postgres_db": {"scheme": "postgresql+psycopg2"}}})


def test_the_demo_has_no_setting_that_the_example_lacks():
    assert contains(settings(SQLITE), yaml.safe_load(INSTANCE_SETTINGS))


def test_dagster_takes_the_example_as_it_is(tmp_path: Path):
    (tmp_path / "dagster.yaml").write_text(SQLITE.read_text())

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.global_op_concurrency_default_limit == 2


def test_the_first_tick_gives_the_pools_a_limit(project: Project):
    project.tick()

    assert limits(project) == {"fivetran_webhook": 2, "fivetran_exports": 2}


def test_a_limit_that_somebody_has_set_stays(project: Project):
    project.instance.event_log_storage.set_concurrency_slots("fivetran_webhook", 5)

    project.tick()

    assert limits(project)["fivetran_webhook"] == 5


@pytest.mark.fault("F676")
@pytest.mark.parametrize("example", ["sqlite", "postgres", "demo"])
def test_a_busy_machine_has_as_long_to_start_a_run_as_a_tick_waits_for_its_process(tmp_path: Path, example: str):
    text = {"sqlite": SQLITE.read_text(), "postgres": POSTGRES.read_text(), "demo": INSTANCE_SETTINGS}[example]
    monitoring = {"run_monitoring": yaml.safe_load(text)["run_monitoring"]}

    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=monitoring) as instance:
        assert instance.run_monitoring_start_timeout_seconds >= UNKNOWN_FOR.total_seconds()


@pytest.mark.fault("F307")
@pytest.mark.parametrize(
    ("default", "places", "exports"), [(None, 4, 2), (6, 4, 3), (None, 2, 1), (None, 1, 1), (3, 0, 3), (0, 4, 0)]
)
def test_exports_leave_a_place_to_the_ship_runs_whatever_the_instance_allows(
    tmp_path: Path, default: int | None, places: int, exports: int
):
    pools = {} if default is None else {"pools": {"default_limit": default}}
    runs = {"runs": {"max_concurrent_runs": places}} if places else {}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"concurrency": {**pools, **runs}}) as instance:
        limit_pools(instance, Config())

        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}

    assert limits == {"fivetran_webhook": 2 if default is None else default, "fivetran_exports": exports}


@pytest.mark.fault("F370")
@pytest.mark.parametrize(
    ("before", "places", "exports"), [(2, 2, 1), (9, 4, 3), (2, 1, 1), (2, 4, 2), (0, 2, 0), (5, 0, 5)]
)
def test_exports_leave_a_place_to_the_ship_runs_though_the_instance_allows_fewer_runs_than_it_did(
    tmp_path: Path, before: int, places: int, exports: int
):
    runs = {"runs": {"max_concurrent_runs": places}} if places else {}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"concurrency": runs}) as instance:
        instance.event_log_storage.set_concurrency_slots("fivetran_exports", before)

        limit_pools(instance, Config())

        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}

    assert limits["fivetran_exports"] == exports


@pytest.mark.fault("F307")
def test_every_first_step_of_an_export_is_in_the_pool_so_that_runs_wait_in_the_queue(project: Project):
    job = project.definitions().resolve_job_def("export_events")
    run = project.instance.create_run_for_job(job)

    assert run.run_op_concurrency is not None
    assert run.run_op_concurrency.all_pools == {"fivetran_exports"}
    assert not run.run_op_concurrency.has_unconstrained_root_nodes


def test_each_destination_has_a_pool_of_its_own(project: Project):
    project.configure("[webhook]", '[webhook]\nname = "eu.fivetran-2"')

    project.tick()

    job = project.definitions().resolve_job_def("ship_batches")
    assert job.get_node_named("ship").definition.pool == "eu_fivetran_2_webhook"
    assert limits(project) == {"eu_fivetran_2_webhook": 2, "eu_fivetran_2_exports": 2}


def limits(project: Project) -> dict[str, int]:
    return {limit.name: limit.limit for limit in project.instance.event_log_storage.get_pool_limits()}
