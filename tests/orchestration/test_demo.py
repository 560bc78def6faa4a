import os
from pathlib import Path

import dagster as dg
import pytest
from dagster_folder import DAYS, SECRET, Project

from statsig_export.account import total
from statsig_export.demo.dagster_stage import DemoRun, run_demo
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.faults import Rule, answer

pytestmark = pytest.mark.acceptance


def demo(project: Project, steps: list[str]) -> DemoRun:
    return run_demo(project.config_path, project.folder / "demo_home", project.environ, steps.append)


def test_the_demo_exports_and_ships_every_closed_window(project: Project):
    project.fill()
    steps: list[str] = []

    done = demo(project, steps)

    assert done.windows == tuple(DAYS)
    assert (len(done.export_runs), len(done.ship_runs), done.ticks, done.failures) == (1, 1, 2, ())
    assert done.last_words.startswith("nothing is due")
    account = total(line.account for line in status(project.config))
    assert (account.forwarded, account.filtered, account.pending) == (20, 4, 0)
    assert len(project.receiver.events()) == 20


def test_the_demo_leaves_its_runs_and_partitions_in_the_instance(project: Project):
    project.fill()

    done = demo(project, [])

    with dg.DagsterInstance.from_config(str(done.dagster_home)) as instance:
        assert {run.run_id for run in instance.get_runs()} == {*done.export_runs, *done.ship_runs}
        assert len(instance.get_materialized_partitions(dg.AssetKey(["statsig", "events"]))) == 24
        assert len(instance.get_materialized_partitions(dg.AssetKey(["fivetran", "statsig_events"]))) == 24


def test_the_demo_prints_nothing_itself(project: Project, capfd: pytest.CaptureFixture[str]):
    project.fill()
    steps: list[str] = []

    demo(project, steps)

    assert capfd.readouterr() == ("", "")
    assert len(steps) == 3


def test_the_demo_reports_a_failed_run_and_comes_to_an_end(project: Project):
    project.fill()
    project.receiver.play([Rule(actions=(answer(401),))])

    done = demo(project, [])

    assert len(done.failures) == 1
    assert done.failures[0].startswith("the webhook refuses the set-up")
    assert "halted" in done.last_words


def test_the_demo_leaves_the_environment_as_it_was(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.fill([DAYS[0]])
    environ = project.environ
    monkeypatch.delenv("FIVETRAN_WEBHOOK_SECRET")
    monkeypatch.setenv("FIVETRAN_WEBHOOK_URL", "before")

    run_demo(project.config_path, project.folder / "demo_home", environ, lambda _: None)

    assert "FIVETRAN_WEBHOOK_SECRET" not in os.environ
    assert "STATSIG_EXPORT_CONFIG" not in os.environ
    assert os.environ["FIVETRAN_WEBHOOK_URL"] == "before"


def test_no_secret_is_left_in_the_instance(project: Project):
    project.fill()
    project.receiver.play([Rule(actions=(answer(401),))])

    done = demo(project, [])

    written = [path.read_bytes() for path in Path(done.dagster_home).rglob("*") if path.is_file()]
    assert written
    assert not any(SECRET.encode() in content or project.receiver.url.encode() in content for content in written)
