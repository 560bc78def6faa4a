"""Which failed exports Dagster's run retries repeat: asked as its daemon asks, on an instance that retries."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.retries import auto_reexecution_should_retry_run  # the daemon's own question
from dagster_folder import DAYS, Project
from sqlalchemy import create_engine, text

from statsig_export.dagster.keys import EVENTS

CATEGORY = "custom_event"


@pytest.fixture
def retrying(project: Project, tmp_path: Path) -> Iterator[Project]:
    home = tmp_path / "retrying"
    home.mkdir()
    settings = {"run_retries": {"enabled": True, "max_retries": 2}}
    with dg.DagsterInstance.local_temp(str(home), overrides=settings) as project.instance:
        project.fill([DAYS[0]])
        yield project


def is_retried(project: Project, result: dg.ExecuteInProcessResult) -> bool:
    assert not result.success
    run = project.instance.get_run_by_id(result.run_id)
    assert run is not None
    return auto_reexecution_should_retry_run(project.instance, run, None)


def on_source(project: Project, statement: str) -> None:
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def materialize(project: Project, day: str) -> dg.ExecuteInProcessResult:
    """As the UI does: a run of the asset alone, without the job's tags."""
    job = project.definitions().resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        partition_key=f"{CATEGORY}|{day}", asset_selection=[EVENTS], instance=project.instance, raise_on_error=False
    )


@pytest.mark.fault("F308")
def test_a_window_that_has_not_settled_is_one_failed_run(retrying: Project):
    retrying.configure('settle = "1s"', 'settle = "2d"')

    assert not is_retried(retrying, retrying.export(f"{CATEGORY}|{DAYS[-1]}"))
    assert not is_retried(retrying, materialize(retrying, DAYS[-1]))


@pytest.mark.fault("F308")
def test_a_configuration_that_is_refused_is_one_failed_run(retrying: Project):
    retrying.definitions()
    broken = retrying.definitions()
    retrying.configure("[webhook]", "[webhooks]")
    job = broken.resolve_job_def("export_events")

    result = job.execute_in_process(
        partition_key=f"{CATEGORY}|{DAYS[0]}", instance=retrying.instance, raise_on_error=False
    )

    assert not is_retried(retrying, result)


@pytest.mark.fault("F308")
def test_a_table_that_is_not_as_the_layout_says_is_one_failed_run(retrying: Project):
    on_source(retrying, "ALTER TABLE custom_events RENAME COLUMN event_name TO name")

    assert not is_retried(retrying, retrying.export(f"{CATEGORY}|{DAYS[0]}"))
    assert not is_retried(retrying, materialize(retrying, DAYS[0]))


@pytest.mark.fault("F308")
def test_a_source_that_is_away_is_tried_again(retrying: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STATSIG_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")

    assert is_retried(retrying, retrying.export(f"{CATEGORY}|{DAYS[0]}"))
    assert is_retried(retrying, materialize(retrying, DAYS[0]))
