"""The examples of dagster.yaml. That of SQLite runs the daemon in test_daemon.py."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import yaml
from dagster_folder import Project
from dagster_processes import ROOT

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


def test_the_first_tick_gives_the_pool_a_limit(project: Project):
    project.tick()

    assert limits(project) == {"fivetran_webhook": 2}


def test_a_limit_that_somebody_has_set_stays(project: Project):
    project.instance.event_log_storage.set_concurrency_slots("fivetran_webhook", 5)

    project.tick()

    assert limits(project) == {"fivetran_webhook": 5}


def test_each_destination_has_a_pool_of_its_own(project: Project):
    project.configure("[webhook]", '[webhook]\nname = "eu.fivetran-2"')

    project.tick()

    job = project.definitions().resolve_job_def("ship_batches")
    assert job.get_node_named("ship").definition.pool == "eu_fivetran_2_webhook"
    assert limits(project) == {"eu_fivetran_2_webhook": 2}


def limits(project: Project) -> dict[str, int]:
    return {limit.name: limit.limit for limit in project.instance.event_log_storage.get_pool_limits()}
