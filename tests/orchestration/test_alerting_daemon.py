"""The real daemon tells of a halt, is killed -9, and another one tells when it is over: each once."""

from pathlib import Path

import dagster as dg
import pytest
from alert_receiver import http_receiver
from dagster_folder import DAYS, Project
from dagster_processes import daemon, environment, wait_for

from statsig_export.errors import DestinationError
from statsig_export.export.export import export_window
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import resume
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.windows import window_from_key

pytestmark = [pytest.mark.acceptance, pytest.mark.home_on_disk]


def as_if_a_minute_had_passed(instance: dg.DagsterInstance) -> None:
    """Since the sensor has ticked."""
    (state,) = [each for each in instance.all_instigator_state() if each.name == "alerts_sensor"]
    long_ago = {"last_tick_timestamp": 1.0, "last_tick_start_timestamp": 1.0}
    instance.update_instigator_state(state.with_data(state.instigator_data._replace(**long_ago)))


@pytest.mark.fault("F555", "F562")
def test_a_daemon_tells_of_a_halt_once_and_the_one_after_it_when_it_is_over(
    project: Project, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    project.fill([DAYS[0]])
    project.keep_schedule_quiet()
    project.automate()
    export_window(project.config, window_from_key(DAYS[0], project.config.windows))
    project.receiver.play([Rule(actions=[answer(401)])])
    with pytest.raises(DestinationError):
        ship(project.config)
    with http_receiver() as taken:
        monkeypatch.setenv("ALERTS_URL", taken.url)
        alerts = '[alerts]\nafter = "0s"\nover_after = "0s"\nwebhook = { url = "env:ALERTS_URL" }\n'
        checks = '[checks]\noverdue_after = "36500d"\n[metrics]\ntextfile = "metrics.prom"\n'
        project.config_path.write_text(project.config_path.read_text() + alerts + checks)
        environ = environment(Path(dagster_instance.root_directory), project.config_path)
        log, told = project.folder / "daemon.log", []

        def told_of(state: str) -> bool:
            told[:] = [(one["key"], one["state"]) for body in taken.documents for one in body["incidents"]]
            return ("halted", state) in told

        with daemon(environ, log) as first:
            wait_for(lambda: told_of("began"), first, log)
            first.kill()
            first.wait()
        project.receiver.play([])
        resume(project.config)
        ship(project.config)
        as_if_a_minute_had_passed(dagster_instance)
        with daemon(environ, log) as second:
            wait_for(lambda: told_of("over"), second, log)
            wait_for((project.folder / "metrics.prom").exists, second, log)

    assert told == [("halted", "began"), ("halted", "over")]
    assert 'statsig_export_up{destination="fivetran"} 1.0' in (project.folder / "metrics.prom").read_text()
