"""The one test with the whole of Dagster: `dagster dev` with its daemon, its web server and runs as processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.request import Request, urlopen

import pytest
from dagster_folder import DAYS, Project

import dagster_project
from dagster_project.automation import RANGE_END, RANGE_START
from dagster_project.demo import INSTANCE_SETTINGS, LOCATION

ROOT = Path(dagster_project.__file__).parent.parent
PATIENCE_S = 180
"""For each stage: on two free cores they take 20 s, 10 s and 40 s."""

LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"
LAUNCH = """
mutation($of: JobOrPipelineSelector!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {selector: $of, mode: "default", runConfigData: {}, executionMetadata: {tags: $tags}}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
  }
}"""
SHIP_RUNS = """
query($tag: ExecutionTag!) {
  runsOrError(filter: {pipelineName: "ship_batches", tags: [$tag]}) { ... on Runs { results { runId status } } }
}"""
DELIVERED = """{
  assetNodes { assetKey { path } partitionStats { numMaterialized } }
}"""

Answer = TypeVar("Answer")


class DagsterDev:
    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, query: str, **variables: object) -> dict[str, object]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
            answer: dict[str, dict[str, object]] = json.load(reply)
        return answer["data"]

    def ready(self) -> bool:
        try:
            entries = self.ask(LOADED)["workspaceOrError"]["locationEntries"]
        except OSError:
            return False
        return entries == [{"name": LOCATION, "loadStatus": "LOADED"}]


def wait_for(what: Callable[[], Answer], process: subprocess.Popen[bytes]) -> Answer:
    """What `what` returns as soon as it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        assert process.poll() is None, "dagster dev ended"
        time.sleep(0.5)
    pytest.fail(f"nothing within {PATIENCE_S} s")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def process(project: Project) -> Iterator[tuple[DagsterDev, subprocess.Popen[bytes]]]:
    home = project.folder / "dev_home"
    home.mkdir()
    (home / "dagster.yaml").write_text(INSTANCE_SETTINGS)
    environ = {**os.environ, "DAGSTER_HOME": str(home), "STATSIG_EXPORT_CONFIG": str(project.config_path)}
    dev = DagsterDev(free_port())
    command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(dev.port)]
    with (project.folder / "dev.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            yield dev, running
        finally:
            running.send_signal(signal.SIGINT)  # asks; a kill would leave its children behind
            running.wait(60)


@pytest.mark.fault("F60")
def test_dagster_dev_exports_what_it_is_told_to_and_its_sensor_ships_it(
    project: Project, process: tuple[DagsterDev, subprocess.Popen[bytes]]
):
    project.fill([DAYS[0]])
    dev, running = process
    wait_for(dev.ready, running)

    selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "pipelineName": "export_events"}
    tags = {RANGE_START: f"gate_exposure|{DAYS[0]}", RANGE_END: f"custom_event|{DAYS[0]}"}
    launched = dev.ask(LAUNCH, of=selector, tags=[{"key": key, "value": value} for key, value in tags.items()])
    assert launched["launchRun"]["__typename"] == "LaunchRunSuccess"
    export_run = launched["launchRun"]["run"]["runId"]

    def shipped() -> list[str]:
        runs = dev.ask(SHIP_RUNS, tag={"key": "statsig_export/export_run", "value": export_run})
        statuses = [run["status"] for run in runs["runsOrError"]["results"]]
        return statuses if statuses and statuses[0] in {"SUCCESS", "FAILURE"} else []

    assert wait_for(shipped, running) == ["SUCCESS"]
    assert len(project.receiver.events()) == 5
    counts = {"/".join(node["assetKey"]["path"]): node["partitionStats"] for node in dev.ask(DELIVERED)["assetNodes"]}
    assert counts["statsig/events"] == {"numMaterialized": 6}
    assert counts["fivetran/statsig_events"] == {"numMaterialized": 2}
