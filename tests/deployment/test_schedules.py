"""What starts the export by itself, in the kit and on the pages: cron's lines and systemd's units have what they need,
and so has a command by hand.
"""

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from compose_file import FOLDER
from dagster_processes import ROOT

PAGES = ROOT / "docs" / "how-to"
SECRET = "a b&c$d`e;f#g"
PROGRAM = "/opt/statsig-export/bin/statsig-export"


def fenced(page: str, language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", (PAGES / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def block(page: str, holds: str, language: str = "text") -> str:
    (found,) = [text for text in fenced(page, language) if holds in text]
    return found


@dataclass(frozen=True)
class Machine:
    """Stands in for one with the export: its folders are below `folder`, and the program says what it was given."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "environment").write_text(f"FIVETRAN_WEBHOOK_SECRET='{SECRET}'\n")
        self.program("statsig-export", 'echo "$@|$FIVETRAN_WEBHOOK_SECRET|$STATSIG_EXPORT_CONFIG"')

    def program(self, name: str, does: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (self.folder / name).chmod(0o755)

    def run(self, shell: str, command: str, environ: dict[str, str]) -> str:
        here = re.sub(r"/etc/statsig-export|/var/lib/statsig-export|/opt/statsig-export/bin", str(self.folder), command)
        environ = {**environ, "PATH": f"{self.folder}:{environ['PATH']}"}
        ran = subprocess.run([shell, "-c", here], env=environ, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.fault("F667")
@pytest.mark.parametrize(
    ("tab", "verb"),
    [
        ((FOLDER / "cron" / "statsig-export").read_text("utf-8"), "run --last 3d"),
        (block("alerts.md", "/etc/cron.d/"), "alerts"),
    ],
    ids=["run", "alerts"],
)
def test_cron_takes_the_line_and_it_runs_the_export_with_its_environment(machine: Machine, tab: str, verb: str):
    settings = dict(line.split("=", 1) for line in tab.splitlines() if re.match(r"[A-Z_]+=", line))
    (job,) = [line for line in tab.splitlines() if re.match(r"[\d*]", line)]
    minute, *rest, user, command = job.split(maxsplit=6)[:7]
    said = machine.run(settings["SHELL"], command.removesuffix(" > /dev/null"), settings)

    assert re.fullmatch(r"\d+|\*", minute)
    assert (rest, user) == (["*"] * 4, "statsig-export")
    assert "%" not in command  # cron takes it for the end of a line
    assert said == f"{verb}|{SECRET}|/etc/statsig-export/export.toml\n"


@pytest.mark.fault("F665")
def test_a_command_by_hand_is_run_as_the_user_of_the_service_with_its_variables(machine: Machine):
    machine.program("sudo", '[ "$1 $2" = "-u statsig-export" ] && shift 2 && exec "$@"')
    said = machine.run("/bin/sh", block("deploy.md", "sudo -u"), {"PATH": "/usr/bin:/bin"})

    assert said == f"--config {machine.folder}/export.toml status|{SECRET}|\n"


@pytest.mark.fault("F670")
def test_the_shell_reads_the_file_of_the_variables_as_systemd_does(tmp_path: Path):
    """Of a value in single quotes systemd takes all that is between them, as the shell does."""
    text = block("deploy.md", "# /etc/statsig-export/environment")
    values = dict(re.findall(r"^(\w+)='([^'\\\r]*)'$", text, re.MULTILINE))
    (tmp_path / "environment").write_text(text)
    printed = "; ".join(f"printf '%s\\n' \"${name}\"" for name in values)
    read = subprocess.run(
        ["/bin/sh", "-c", f". {tmp_path}/environment; {printed}"], capture_output=True, text=True, check=True
    )

    assert len(values) == len(text.splitlines()) - 1
    assert read.stdout.splitlines() == list(values.values())


def units() -> list[configparser.RawConfigParser]:
    """The services of the kit and of the pages that run the export."""
    pages = [text for page in ("monitor.md", "metrics.md") for text in fenced(page, "ini") if PROGRAM in text]
    assert len(pages) == 2
    found = []
    for text in [(FOLDER / "systemd" / "statsig-export.service").read_text("utf-8"), *pages]:
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
        unit.read_string(text)
        found.append(unit)
    return found


@pytest.mark.fault("F667")
@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit["Service"]["ExecStart"].split()[1])
def test_a_unit_runs_the_export_as_its_user_with_its_configuration_and_variables(
    unit: configparser.RawConfigParser, tmp_path: Path
):
    service = unit["Service"]

    assert (service["Type"], service["User"]) == ("oneshot", "statsig-export")
    assert service["Environment"] == "STATSIG_EXPORT_CONFIG=/etc/statsig-export/export.toml"
    assert service["EnvironmentFile"] == "/etc/statsig-export/environment"
    if service["ExecStart"].split()[1] in {"run", "ship"}:  # 1: something is pending, which is no failure
        assert service["SuccessExitStatus"] == "1"
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        service["ExecStart"] = sys.executable
        with (tmp_path / "one.service").open("w") as file:
            unit.write(file, space_around_delimiters=False)
        told = subprocess.run([analyze, "verify", file.name], capture_output=True, text=True, check=False)
        assert (told.returncode, told.stderr) == (0, "")
