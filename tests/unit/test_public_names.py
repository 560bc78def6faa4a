"""The names of `statsig_export` that notebooks and scripts use: one table, loaded when a name is first used."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import statsig_export

NAMES = {
    "arrivals",
    "deliveries",
    "event_chunks",
    "export_window",
    "export_windows",
    "failed_rows",
    "load_config",
    "partition_files",
    "plan",
    "read_events",
    "ship",
    "status",
    "trace",
    "window_from_key",
}


def test_the_public_names_stay_what_they_are():
    assert set(statsig_export.__all__) == NAMES
    assert set(dir(statsig_export)) >= NAMES


def test_type_checkers_read_the_same_table():
    tree = ast.parse(Path(statsig_export.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]

    assert len(imports) == len(block.body)
    assert {alias.asname: node.module for node in imports for alias in node.names} == statsig_export._HOMES
    assert all(alias.asname == alias.name for node in imports for alias in node.names)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_name_is_the_one_of_its_home(name: str):
    assert getattr(statsig_export, name) is getattr(import_module(statsig_export._HOMES[name]), name)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_help_of_each_name_is_a_contract_and_leads_to_no_inner_name(name: str):
    text = inspect.getdoc(getattr(statsig_export, name)) or ""

    assert text
    named = set(re.findall(r"`([A-Za-z_]\w*)\.\w+`", text))
    assert named <= {"error", "timing"}  # what is raised, and a parameter


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"statsig_export.*'pipeline'"):
        _ = statsig_export.pipeline


def test_the_package_itself_imports_nothing_but_the_standard_library():
    code = "import sys; before = {*sys.modules}; import statsig_export; print(*{*sys.modules} - before)"
    imported = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert {name.split(".")[0] for name in imported} <= {*sys.stdlib_module_names, "statsig_export"}
    assert [name for name in imported if name.startswith("statsig_export")] == ["statsig_export"]
