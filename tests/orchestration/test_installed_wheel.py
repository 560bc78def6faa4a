"""The installed wheel: Dagster loads the export from somebody's own folder, in each way that docs/dagster.md shows."""

import json
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest
from installed_wheel import Installed, install

pytestmark = pytest.mark.acceptance

ASSETS = {"source/exposures", "source/custom_events", "statsig/events", "fivetran/statsig_events"}
EXPORT_TOML = '[windows]\nstart = "2026-11-01T00:00:00Z"\n'
FILES = {
    "one_line.py": "from statsig_export.dagster.definitions import defs\n",
    "merged.py": """\
import dagster as dg

from statsig_export.dagster.definitions import definitions_for

@dg.asset(deps=[["fivetran", "statsig_events"]])
def report(export: dg.ResourceParam[str]) -> None: ...

defs = dg.Definitions.merge(
    dg.Definitions(assets=[report], resources={"export": "theirs"}, executor=dg.multiprocess_executor),
    definitions_for("export.toml"),
)
""",
    # A project as `create-dagster` lays it out, whose package happens to have the name of ours.
    "theirs/pyproject.toml": """\
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "dagster_project"
""",
    "theirs/dagster_project/__init__.py": "",
    "theirs/dagster_project/definitions.py": """\
from pathlib import Path

import dagster as dg

@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
""",
    "theirs/dagster_project/defs/__init__.py": "",
    "theirs/dagster_project/defs/mine.py": "import dagster as dg\n\n@dg.asset\ndef of_theirs() -> None: ...\n",
    "theirs/dagster_project/defs/statsig/defs.yaml": """\
type: statsig_export.dagster.StatsigExportComponent
attributes:
  config: conf/hourly.toml
""",
    "theirs/dagster_project/defs/statsig/conf/hourly.toml": EXPORT_TOML + 'every = "hour"\n',
    "by_hand.yaml": """\
load_from:
  - python_file: {relative_path: one_line.py, location_name: one_line}
  - python_file: {relative_path: merged.py, location_name: merged}
  - python_module: {module_name: dagster_project.definitions, working_directory: theirs, location_name: theirs}
""",
}
LOOK = """\
import json, sys
from importlib.metadata import entry_points
sys.path[:0] = [".", "theirs"]
import statsig_export.dagster
heavy = sorted({"pandas", "pyarrow", "sqlalchemy"} & set(sys.modules))
import definitions, merged, one_line, dagster_project.definitions as theirs
from statsig_export.demo.code_location import LOCATION, TARGET

def told(made):
    defs = made if hasattr(made, "resolve_asset_graph") else made()
    export = defs.get_repository_def().get_top_level_resources()["statsig_export"]
    return {
        "assets": sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()),
        "executor": defs.executor and defs.executor.name,
        "config": export.config_field.default_value["config_path"],
    }

locations = {"init": definitions, "one_line": one_line, "merged": merged, "theirs": theirs}
found = {name: told(module.defs) for name, module in locations.items()}
found |= {"package": statsig_export.__file__, "location": LOCATION, "target": TARGET}
found["heavy"] = heavy
found["registered"] = [e.value for e in entry_points(group="dagster_dg_cli.registry_modules") if e.name != "dagster"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def folder(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's: made by `init`, with a code location for each other way beside."""
    made = tmp_path_factory.mktemp("somebodys")
    done = installed.run("-m", "statsig_export", "init", "--layout", "native", folder=made)
    assert done.returncode == 0, done.stderr
    for name, text in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    return made


@pytest.fixture(scope="module")
def found(installed: Installed, folder: Path) -> Mapping[str, dict]:
    """What each code location holds."""
    done = installed.run("-c", LOOK, folder=folder)
    assert done.returncode == 0, done.stderr
    answer: Mapping[str, dict] = json.loads(done.stdout)
    return answer


def test_the_wheel_holds_the_package_and_nothing_else(installed: Installed):
    (wheel,) = (installed.python.parents[2] / "dist").iterdir()

    with ZipFile(wheel) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {
            "statsig_export",
            "statsig_export-0.1.0.dist-info",
        }


def test_dagster_validates_a_code_location_of_each_documented_way(installed: Installed, folder: Path):
    output = installed.validate("-w", "workspace.yaml", "-w", "by_hand.yaml", folder=folder)

    for name in ("statsig_export", "one_line", "merged", "theirs"):
        assert f"Validation successful for code location {name}." in output


def test_init_writes_a_code_location_for_the_configuration_beside_it(found, folder: Path):
    assert (set(found["init"]["assets"]), found["init"]["executor"]) == (ASSETS, "in_process")
    assert found["init"]["config"] == str(folder / "export.toml")


def test_one_line_makes_the_whole_code_location_of_the_configuration_in_the_current_folder(found, folder: Path):
    assert set(found["one_line"]["assets"]) == ASSETS
    assert found["one_line"]["config"] == str(folder / "export.toml")
    assert found["one_line"]["executor"] == "in_process"


@pytest.mark.fault("F194")
def test_merged_definitions_keep_their_own_executor_and_a_resource_called_export(found, folder: Path):
    assert set(found["merged"]["assets"]) == {*ASSETS, "report"}
    assert found["merged"]["config"] == str(folder / "export.toml")
    assert found["merged"]["executor"] == "multiprocess"


def test_a_component_finds_its_configuration_beside_its_defs_yaml(found, folder: Path):
    assert found["theirs"]["config"] == str(folder / "theirs/dagster_project/defs/statsig/conf/hourly.toml")
    assert "statsig_export.dagster" in found["registered"]  # beside those of Dagster's own libraries


def test_a_project_that_does_not_use_the_component_does_not_wait_for_it(found):
    assert found["heavy"] == []


def test_somebodys_own_dagster_project_is_loaded_and_not_ours(found):
    assert set(found["theirs"]["assets"]) == {*ASSETS, "of_theirs"}


def test_the_demo_of_an_installed_package_is_shown_by_the_package_itself(found, installed: Installed):
    assert Path(found["package"]).is_relative_to(installed.python.parents[1])
    assert found["location"] == "statsig_export.dagster.definitions"
    assert found["target"] == ["--module-name", "statsig_export.dagster.definitions"]
