"""Where the demo is shown: by this repository's own code location, or by the package's where only that is installed."""

import shutil
import sys
from pathlib import Path
from shlex import quote

NAME = "statsig-export"
MAKES = Path(".statsig_export/demo")
"""The home that `make demo` and `make dev` have, and the verb by itself."""
WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"
"""Beside the package in the repository. A wheel has none."""
IN_REPOSITORY = WORKSPACE.is_file()
LOCATION = "dagster_project.definitions" if IN_REPOSITORY else "statsig_export.dagster.definitions"
"""The name that Dagster gives the location: its module's."""
TARGET = ("--workspace", str(WORKSPACE)) if IN_REPOSITORY else ("--module-name", LOCATION)
"""The options by which Dagster's commands load it, in whatever folder."""


def dev_command(home: Path) -> str:
    """What a person types in this folder, in a shell, to see the demo's home in the Dagster UI."""
    root = WORKSPACE.parent.resolve()
    if IN_REPOSITORY and Path.cwd() == root and home == root / MAKES:
        return "make dev"
    return f"{quote(sys.executable)} -m statsig_export.demo.dev {quote(str(home))}"


def verb_command() -> str:
    """What a person types in a shell, whether the environment is activated or not, before a verb."""
    started = Path(sys.argv[0])
    program = (started if started.name == NAME else Path(sys.executable).with_name(NAME)).absolute()
    on_path = shutil.which(NAME)
    if on_path is not None and Path(on_path).resolve() == program.resolve():
        return NAME
    return quote(str(program)) if program.is_file() else f"{quote(sys.executable)} -m statsig_export"
