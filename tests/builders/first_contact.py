"""`init` and `plan` on somebody's database: runs them, and reads what was written."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from statsig_export.cli.options import cli


def init(folder: Path, *words: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / "export.toml"), "init", *words], env=environ)


def init_json(folder: Path, url: str, *words: str) -> dict[str, Any]:
    """What `init --json` prints, where it ends well."""
    result = init(folder, "--json", *words, STATSIG_DATABASE_URL=url)
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def plan(folder: Path, url: str, start: str = "2026-11-20", end: str = "2026-11-21") -> Result:
    words = ["--config", str(folder / "export.toml"), "plan", "--from", start, "--to", end, "--json"]
    return CliRunner().invoke(cli, words, env={"STATSIG_DATABASE_URL": url})


def planned(folder: Path, url: str, start: str = "2026-11-20", end: str = "2026-11-21") -> int:
    """How many events `plan` would send of these days, with the export.toml that `init` wrote."""
    result = plan(folder, url, start, end)
    assert result.exit_code == 0, result.output
    return int(json.loads(result.stdout)["to_send"])


def written(folder: Path) -> Mapping[str, dict[str, Any]]:
    return tomllib.loads((folder / "export.toml").read_text())
