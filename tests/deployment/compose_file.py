"""deploy/compose.yaml as `docker compose` reads it, and its services as processes of this machine."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dagster_processes import ROOT, kill_all

FOLDER = ROOT / "deploy"
FILE = FOLDER / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401  whatever YAML has
    """Every ${NAME}, ${NAME:-default} and ${NAME:?message} in its place. Raises KeyError with the message."""
    if isinstance(value, Mapping):
        return {key: interpolated(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, variables) for inner in value]
    if not isinstance(value, str):
        return value

    def found(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if variables.get(name):
            return variables[name]
        if kind == "-":
            return str(rest)
        raise KeyError(rest if kind == "?" else name)

    return _VARIABLE.sub(found, value)


def binds(service: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The files of this folder that a service mounts, and where."""
    for volume in service.get("volumes", ()):
        source, target, *_ = volume.split(":")
        if source.startswith("./"):
            yield FOLDER / source, target


@dataclass
class Machine:
    """Stands in for the containers: their paths are folders below `folder`, their names and ports are of loopback."""

    folder: Path
    names: Mapping[str, str]
    """What a text of the containers is here: names, ports and paths, the longest first."""

    def here(self, text: str) -> str:
        for there, mine in self.names.items():
            text = text.replace(there, mine)
        return text

    def mount(self, service: Mapping[str, Any]) -> None:
        for source, target in binds(service):
            mine = Path(self.here(target))
            mine.parent.mkdir(parents=True, exist_ok=True)
            mine.write_text(self.here(source.read_text("utf-8")), "utf-8")

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """Nothing of this machine but the programs: what the service has in the file, and the image's own."""
        given = {name: self.here(str(value)) for name, value in service["environment"].items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
        return {"PATH": path, "HOME": str(self.folder), "PYTHONUNBUFFERED": "1", **given}

    @contextmanager
    def started(self, name: str, service: Mapping[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
        """The service's command, with its environment alone; killed at the end with all that it started."""
        self.mount(service)
        work = Path(self.here("/var/lib/statsig-export"))
        work.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [self.here(word) for word in service["command"]]
            running = subprocess.Popen(
                [shutil.which(command[0], path=self.environment(service)["PATH"]) or command[0], *command[1:]],
                cwd=work,
                env=self.environment(service),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                yield running
            finally:
                kill_all(running)

    def healthy(self, service: Mapping[str, Any]) -> bool:
        """What the service's own check says."""
        kind, *command = service["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(service, [self.here(word) for word in command]).returncode == 0

    def run(self, service: Mapping[str, Any], command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        environ = self.environment(service)
        program = shutil.which(command[0], path=environ["PATH"]) or command[0]
        return subprocess.run(
            [program, *command[1:]], env=environ, cwd=self.folder, capture_output=True, text=True, check=False
        )


@contextmanager
def several() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
