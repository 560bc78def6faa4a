"""The code location that shows the demo: this repository's own, or the package's where only that is installed."""

from pathlib import Path
from shlex import quote

WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"
"""Beside the package in the repository. A wheel has none."""
IN_REPOSITORY = WORKSPACE.is_file()
LOCATION = "dagster_project.definitions" if IN_REPOSITORY else "statsig_export.dagster.definitions"
"""The name that Dagster gives the location: its module's."""
TARGET = ("--workspace", str(WORKSPACE)) if IN_REPOSITORY else ("--module-name", LOCATION)
"""The options by which Dagster's commands load it, in whatever folder."""


def dev_command(home: Path) -> str:
    """What a person types to see the demo's home in the Dagster UI."""
    return "make dev" if IN_REPOSITORY else f"python -m statsig_export.demo.dev {quote(str(home))}"
