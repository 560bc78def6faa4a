"""What `dagster dev` needs in the folder of export.toml: definitions.py and workspace.yaml. Nothing is overwritten."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from statsig_export.errors import ConfigError

DEFINITIONS = "definitions.py"
WORKSPACE = "workspace.yaml"
_OTHER_PROJECT_FILES = ("workspace.yml", "dg.toml")
_DEFINITIONS_PY = '''\
"""What Dagster loads in this folder: the export. Add definitions of your own by `dg.Definitions.merge`."""

from pathlib import Path

import dagster as dg

from statsig_export.dagster.definitions import definitions_for

# In one process: the steps of a run follow one another, and a process per step would only double the start.
defs = definitions_for(Path(__file__).with_name({config}), executor=dg.in_process_executor)
'''
_WORKSPACE_YAML = f"""\
# What Dagster loads when it is started in this folder.
load_from:
  - python_file:
      relative_path: {DEFINITIONS}
      location_name: statsig_export
"""


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """What was done about a folder's code location."""

    written: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    """The files that make the folder a Dagster project already: while there is one, nothing is written."""

    def to_dict(self) -> dict[str, list[str]]:
        return {"written": [str(path) for path in self.written], "kept": [str(path) for path in self.kept]}

    def __str__(self) -> str:
        if self.written:
            names = " and ".join(path.name for path in self.written)
            return f"Wrote {names} beside it: `dagster dev` in that folder loads the export."
        names = " and ".join(path.name for path in self.kept)
        return (
            f"Kept {names} as found beside it, and wrote nothing for Dagster: a code location loads the export by "
            "`from statsig_export.dagster.definitions import defs`."
        )


def write_code_location(config: Path) -> CodeLocation:
    """Write what makes Dagster load the export of `config`, unless its folder is a Dagster project already.

    Raises ConfigError when a file cannot be written.
    """
    folder = config.parent
    kept = _project_files(folder)
    if kept:
        return CodeLocation(kept=kept)
    texts = {DEFINITIONS: _DEFINITIONS_PY.format(config=json.dumps(config.name)), WORKSPACE: _WORKSPACE_YAML}
    written: list[Path] = []
    for name, text in texts.items():
        try:
            with (folder / name).open("x", encoding="utf-8") as file:
                written.append(folder / name)
                file.write(text)
        except OSError as error:
            for path in written:  # half of them would pass for a project of somebody's the next time
                path.unlink(missing_ok=True)
            raise ConfigError(
                f"{folder / name} cannot be written ({error.strerror})", hint="name another folder with --config"
            ) from None
    return CodeLocation(written=tuple(written))


def _project_files(folder: Path) -> tuple[Path, ...]:
    """The files by which Dagster knows a project. It reads pyproject.toml first, then workspace.yaml."""
    named = [folder / name for name in (DEFINITIONS, WORKSPACE, *_OTHER_PROJECT_FILES)]
    found = [path for path in named if path.exists() or path.is_symlink()]
    pyproject = folder / "pyproject.toml"
    return (*found, pyproject) if _names_dagster(pyproject) else tuple(found)


def _names_dagster(pyproject: Path) -> bool:
    try:
        tools = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):  # none, or one that Dagster cannot read either
        return False
    return "dagster" in tools or "dg" in tools
