"""Dagster's own processes: the daemon, and `dagster dev` with its web server."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.request import Request, urlopen

import dagster as dg
import pytest

from statsig_export.demo.code_location import LOCATION

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240
"""For each thing waited for: the longest takes 40 s on two free cores, and they are rarely free."""

TELLING = ("WARNING", "ERROR", "RUN_FAILURE", "BackfillDaemon", "Monitoring")
"""What of a log is shown although it is not its end."""

LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"
BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename ... on LaunchBackfillSuccess { backfillId } }
}"""
RUNS = """
query($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status tags { key value } } } }
}"""
Answer = TypeVar("Answer")


class DagsterDev:
    """The web server of a `dagster dev`, asked as the UI asks it."""

    def __init__(self, port: int, location: str = LOCATION) -> None:
        self.port, self.location = port, location

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **variables: object) -> dict[str, object]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        with urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
            answer: dict[str, dict[str, object]] = json.load(reply)
        return answer["data"]

    def ready(self) -> bool:
        try:
            entries = self.ask(LOADED)["workspaceOrError"]["locationEntries"]
        except OSError:
            return False
        return entries == [{"name": self.location, "loadStatus": "LOADED"}]


def backfill(dev: DagsterDev, category: str, days: list[str]) -> str:
    """As the dialog behind *Materialize* launches it. Returns its id."""
    params = {
        "assetSelection": [{"path": ["statsig", "events"]}],
        "partitionNames": [f"{category}|{day}" for day in days],
        "fromFailure": False,
        "tags": [],
    }
    launched = dev.ask(BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess"
    backfill_id: str = launched["backfillId"]
    return backfill_id


def ended(dev: DagsterDev, **wanted: object) -> list[dict[str, str]]:
    """The tags of these runs, once there are any and all of them have ended well."""
    runs = dev.ask(RUNS, filter=wanted)["runsOrError"]["results"]
    assert "FAILURE" not in {run["status"] for run in runs}
    if {run["status"] for run in runs} != {"SUCCESS"}:
        return []
    return [{"id": run["runId"], **{tag["key"]: tag["value"] for tag in run["tags"]}} for run in runs]


def wait_for(
    what: Callable[[], Answer], process: subprocess.Popen[bytes], log: Path, patience: float = PATIENCE_S
) -> Answer:
    """What `what` returns as soon as it is true."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        assert process.poll() is None, f"it has ended:\n{_end_of(log)}"
        time.sleep(0.2)
    pytest.fail(f"nothing within {patience:.0f} s:\n{_end_of(log)}")


def environment(home: Path, config_path: Path) -> dict[str, str]:
    return {**os.environ, "DAGSTER_HOME": str(home), "STATSIG_EXPORT_CONFIG": str(config_path)}


@contextmanager
def dagster_dev(environ: Mapping[str, str], log: Path) -> Iterator[tuple[DagsterDev, subprocess.Popen[bytes]]]:
    """`dagster dev`: the daemon, the web server and the code server. At the end all of them are killed."""
    dev = DagsterDev(free_port())
    with log.open("wb") as output:
        running = _start(["dagster", "dev", "--host", "127.0.0.1", "--port", str(dev.port)], environ, output)
        try:
            yield dev, running
        finally:
            kill_all(running)


@contextmanager
def daemon(
    environ: Mapping[str, str], log: Path, workspace: Path = ROOT / "workspace.yaml"
) -> Iterator[subprocess.Popen[bytes]]:
    """`dagster-daemon run`. At the end it and all that it started are killed, whatever became of it meanwhile."""
    with log.open("ab") as output:
        running = _start(["dagster._daemon", "run", "--workspace", str(workspace)], environ, output)
        try:
            yield running
        finally:
            kill_all(running)


def as_if_away_for(instance: dg.DagsterInstance, hours: int) -> None:
    """Turn the schedule's past back: what it has ticked for is that long ago."""
    (state,) = [each for each in instance.all_instigator_state() if each.name == "export_schedule"]
    earlier = state.instigator_data
    data = earlier._replace(start_timestamp=earlier.start_timestamp - hours * 3_600, last_iteration_timestamp=None)
    instance.update_instigator_state(state.with_data(data))


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """The process and its descendants at once, as when their machine dies: they share the session that it leads."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _start(command: list[str], environ: Mapping[str, str], output: object) -> subprocess.Popen[bytes]:
    """`python -m` something of Dagster's, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, env=environ, stdout=output, stderr=output, start_new_session=True
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _end_of(log: Path) -> str:
    """The last lines, below what the earlier ones complain of and tell of backfills."""
    lines = log.read_text(errors="replace").splitlines()
    telling = [line for line in lines[:-40] if any(word in line for word in TELLING)]
    return "\n".join([*telling[-60:], "...", *lines[-40:]])
