"""`init` and Dagster: what it writes beside export.toml, and what it leaves alone."""

import json
import resource
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statsig_export.cli.code_location import write_code_location
from statsig_export.cli.options import cli
from statsig_export.errors import ConfigError


def init(folder: Path, *words: str, config: str = "export.toml") -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / config), "init", "--layout", "native", *words])


def test_init_writes_what_dagster_dev_loads_beside_the_configuration_and_says_so(tmp_path: Path):
    result = init(tmp_path, config="shop's.toml")

    assert result.exit_code == 0
    assert "Wrote definitions.py and workspace.yaml beside it" in result.stderr
    assert """Path(__file__).with_name("shop's.toml")""" in (tmp_path / "definitions.py").read_text()
    assert "relative_path: definitions.py" in (tmp_path / "workspace.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("definitions.py", "theirs = 1\n"),
        ("workspace.yaml", "load_from: []\n"),
        ("dg.toml", "[project]\n"),
        ("pyproject.toml", '[tool.dagster]\nmodule_name = "shop"\n'),
        ("pyproject.toml", '[tool.dg.project]\nroot_module = "shop"\n'),
    ],
)
def test_init_adds_nothing_to_a_folder_that_is_a_dagster_project(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    result = init(tmp_path, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["dagster"] == {"written": [], "kept": [str(tmp_path / name)]}
    assert f"Kept {name} as found" in result.stderr
    assert "from statsig_export.dagster.definitions import defs" in result.stderr
    assert (tmp_path / name).read_text() == text
    assert {path.name for path in tmp_path.iterdir()} == {"export.toml", name}


@pytest.mark.parametrize("text", ['[project]\nname = "shop"\n', "[tool.dagster\n"])
def test_a_pyproject_that_says_nothing_of_dagster_is_no_dagster_project(tmp_path: Path, text: str):
    (tmp_path / "pyproject.toml").write_text(text)

    written = json.loads(init(tmp_path, "--json").stdout)["dagster"]["written"]

    assert written == [str(tmp_path / "definitions.py"), str(tmp_path / "workspace.yaml")]


def test_force_overwrites_the_configuration_and_keeps_what_somebody_added_for_dagster(tmp_path: Path):
    init(tmp_path)
    definitions = tmp_path / "definitions.py"
    definitions.write_text(f"{definitions.read_text()}# added\n")

    result = init(tmp_path, "--force")

    assert result.exit_code == 0
    assert "Kept definitions.py and workspace.yaml as found" in result.stderr
    assert definitions.read_text().endswith("# added\n")


def test_files_that_cannot_be_written_whole_are_not_left_behind(tmp_path: Path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(ConfigError, match=r"definitions\.py cannot be written \(File too large\)"):
            write_code_location(tmp_path / "export.toml")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(tmp_path.iterdir()) == []
