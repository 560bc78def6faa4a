"""The lines that the demo ends with, pasted into a shell as they are: from a clone, and from an installed wheel."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_processes import ROOT, DagsterDev, free_port, wait_for
from installed_wheel import install
from processes import kill_of_environment, none_left

from statsig_export.demo.code_location import MAKES, dev_command, verb_command

pytestmark = pytest.mark.acceptance

BARE = {"PATH": "/usr/bin:/bin"}
"""Nothing is activated."""
OF_WHEEL = "statsig_export.dagster.definitions"


def run(command: list[str], folder: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=typed, cwd=folder, env=BARE, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=["clone", "wheel"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """The folder that it was started in, and the commands among its last lines."""
    folder = tmp_path_factory.mktemp("it's a folder")
    python = Path(sys.executable) if request.param == "clone" else install(folder / "an environment").python
    program = python.with_name("statsig-export")
    done = run([str(program), "demo", "--events", "200", "--home", "a demo"], folder)
    assert done.returncode == 0, done.stderr
    _, last = done.stdout.split("\nNext, ")
    yield folder, [line.strip() for line in last.splitlines() if line.startswith("  ")]
    kill_of_environment(str(folder))


@pytest.mark.fault("F383")
def test_the_demos_last_lines_work_in_a_shell_as_they_are_pasted(demo: tuple[Path, list[str]]):
    folder, (load, status, plan, _) = demo

    done = run(["/bin/sh", "-e"], folder, typed=f"{load}\n{status}\n{plan}\n")

    assert done.returncode == 0, done.stderr
    assert "Forwarded" in done.stdout
    assert "0 events would be sent" in done.stdout


@pytest.mark.fault("F383")
@pytest.mark.parametrize("demo", ["wheel"], indirect=True)
def test_its_last_line_opens_the_ui_on_the_same_home(demo: tuple[Path, list[str]]):
    folder, (*_, line) = demo
    ui = DagsterDev(free_port(), OF_WHEEL)
    log = folder / "dev.log"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {line} --port {ui.port} --webhook-port {free_port()}"],
            cwd=folder,
            env=BARE,
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(ui.ready, shell, log)
        shell.terminate()
        shell.wait()
        assert none_left(str(folder))
    finally:
        kill_of_environment(str(folder))


def test_make_dev_is_the_last_line_where_it_shows_the_same_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(ROOT)
    home = (ROOT / MAKES).resolve()

    assert dev_command(home) == "make dev"
    assert dev_command(tmp_path).endswith(f" -m statsig_export.demo.dev {tmp_path}")
    monkeypatch.chdir(tmp_path)
    assert dev_command(home).endswith(f" -m statsig_export.demo.dev {home}")


def test_the_command_is_its_bare_name_where_the_path_finds_it(monkeypatch: pytest.MonkeyPatch):
    beside = str(Path(sys.executable).parent)

    monkeypatch.setenv("PATH", f"{beside}:{os.defpath}")
    assert verb_command() == "statsig-export"
    monkeypatch.setenv("PATH", os.defpath)
    assert verb_command() == f"{beside}/statsig-export"
