"""`make dev`: Dagster's UI on the demo's home, until somebody ends it; then no process is left."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from dagster_processes import ROOT, DagsterDev, free_port, wait_for
from processes import kill_of_environment, none_left, of_environment, terminal

from statsig_export.demo.dagster_stage import INSTANCE_SETTINGS
from statsig_export.demo.home import Home, fill, new_home, read_environment, running_webhook

pytestmark = pytest.mark.acceptance

SERVICES = ("dagster_webserver", "dagster._daemon", "code-server", "dagster api grpc")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """As the demo leaves it, with nothing exported."""
    home = new_home(tmp_path / "a demo")
    fill(home, 20)
    with running_webhook(home):
        home.dagster.mkdir()
    (home.dagster / "dagster.yaml").write_text(INSTANCE_SETTINGS)
    return home


def make_dev(home: Home, port: int) -> list[str]:
    return ["make", "dev", f"DEMO_HOME={home.folder}", f"PORT={port}", f"WEBHOOK_PORT={free_port()}"]


def of_nobody() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("STATSIG_", "DAGSTER_", "MAKE"))}


def services_of(home: Home) -> set[str]:
    """Those of Dagster's that run on the home."""
    commands = " ".join(of_environment(str(home.folder)).values())
    return {service for service in SERVICES if service in commands}


@pytest.mark.fault("F381")
def test_make_dev_takes_the_ports_it_is_given_and_leaves_no_process_when_it_is_told_to_end(home: Home, tmp_path: Path):
    dev, log, before = DagsterDev(free_port()), tmp_path / "dev.log", read_environment(home.environment)
    with log.open("wb") as output:
        make = subprocess.Popen(
            make_dev(home, dev.port), cwd=ROOT, env=of_nobody(), stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(dev.ready, make, log)
        started = services_of(home)
        make.send_signal(signal.SIGTERM)
        make.wait()

        assert started == set(SERVICES)
        assert none_left(str(home.folder))
    finally:
        kill_of_environment(str(home.folder))
        make.wait()
    assert read_environment(home.environment)["FIVETRAN_WEBHOOK_URL"] != before["FIVETRAN_WEBHOOK_URL"]
    assert f"{home.environment} has the webhook's new port" in log.read_text()


@pytest.mark.fault("F381")
def test_make_dev_whose_terminal_closes_leaves_no_process(home: Home):
    with terminal(make_dev(home, free_port()), of_nobody(), ROOT) as make:
        wait_for(lambda: services_of(home) == set(SERVICES), make, Path(os.devnull))
    try:
        assert none_left(str(home.folder))
    finally:
        kill_of_environment(str(home.folder))
        make.wait()


def dev(*words: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "statsig_export.demo.dev", *words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.fault("F382")
def test_a_taken_port_is_named_with_what_to_do(home: Home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        of_ui = dev(str(home.folder), "--port", port, environ=of_nobody())
        of_webhook = dev(str(home.folder), "--port", str(free_port()), "--webhook-port", port, environ=of_nobody())

    assert (of_ui.returncode, of_webhook.returncode) == (2, 2)
    assert of_ui.stderr == (
        f"port {port}, for Dagster's UI, cannot be used (Address already in use). "
        "end what has it, or name another with --port (`make dev PORT=3001`)\n"
    )
    assert f"port {port}, for the stand-in webhook, cannot be used (Address already in use)" in of_webhook.stderr
    assert "make dev WEBHOOK_PORT=" in of_webhook.stderr
    assert f":{port}/" not in home.environment.read_text()


@pytest.mark.fault("F382")
def test_a_port_that_none_can_have_is_refused(home: Home):
    refused = dev(str(home.folder), "--port", "99999", environ=of_nobody())

    assert refused.returncode == 2
    assert "99999 is not in the range" in refused.stderr


@pytest.mark.fault("F382")
def test_a_folder_without_a_demo_is_told_how_to_get_one(tmp_path: Path):
    missing = dev(str(tmp_path / "no demo"), "--port", str(free_port()), environ=of_nobody())
    (tmp_path / "environment").write_text("DAGSTER_HOME=/x\n")
    broken = dev(str(tmp_path), "--port", str(free_port()), environ=of_nobody())

    assert (missing.returncode, broken.returncode) == (2, 2)
    assert f"statsig-export demo --home '{tmp_path}/no demo'` makes one" in missing.stderr
    assert "does not set FIVETRAN_WEBHOOK_URL" in broken.stderr
