"""The shape of the library, held by tests: imports go one way, pure modules stay pure, the shipper starts light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "statsig_export"

PURE = [
    *("errors", "events", "account", "settings", "partitions", "layout_rules", "layouts", "source_tables"),
    *(
        "contiguous",
        "arrow_columns",
        "timestamps",
        "identity",
        "seen_ids",
        "content_ids",
        "row_faults",
        "json_text",
        "json_values",
    ),
    *("source_names", "source_schema", "source_dialects", "source_statement", "source_window", "source_chunks"),
    *("event_metadata", "logged_exposures", "sdk_log", "event_log", "exported", "reshape", "filters", "encoding"),
    *("source_catalogs", "column_lineage", "judging", "batching", "outcomes", "delivery", "evidence", "rate_limit"),
    *("reports", "traces", "source_rows", "dataset_names", "answer_words", "answer_text", "retry_after"),
    *("source_identity", "table_identity"),
]
IMPURE_IMPORTS = {"logging", "os", "random", "requests", "secrets", "socket", "subprocess", "time", "urllib", "pathlib"}
LIGHT = [
    *("shipper", "ledger", "webhook", "delivery", "batching", "shipping", "replaying", "telling", "pipeline"),
    "openlineage_events",
]


@cache
def imports(module: str) -> frozenset[str]:
    """The top-level names and the sibling modules that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def siblings(module: str) -> set[str]:
    names = {name.removeprefix("statsig_export.") for name in imports(module) if name.startswith("statsig_export.")}
    return {name for name in names if (PACKAGE / f"{name}.py").exists()}


def modules() -> list[str]:
    return sorted(path.stem for path in PACKAGE.glob("*.py"))


def test_imports_form_no_circle():
    reached: dict[str, set[str]] = {}

    def visit(module: str, trail: tuple[str, ...]) -> set[str]:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in reached:
            below = [visit(inner, (*trail, module)) for inner in siblings(module)]
            reached[module] = siblings(module).union(*below)
        return reached[module]

    for module in modules():
        visit(module, ())


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_no_io_clock_or_chance_and_only_pure_modules(module: str):
    outside = {name.split(".")[0] for name in imports(module)}

    assert not outside & IMPURE_IMPORTS
    assert siblings(module) <= set(PURE)


def test_the_library_never_imports_dagster_but_for_the_demo():
    guilty = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "dagster" in path.read_text() and "import dagster" in path.read_text()
    ]

    assert guilty == []


def test_the_dagster_project_holds_no_requests_pandas_or_sql():
    for path in (PACKAGE.parent / "dagster_project").glob("*.py"):
        text = path.read_text()
        for library in ("requests", "pandas", "sqlalchemy"):
            assert f"import {library}" not in text
            assert f"from {library}" not in text


def test_what_ships_imports_neither_pandas_nor_dagster():
    """In one process: what none of them brings after all the others, none brings alone."""
    code = f"""
import importlib, sys
for module in {LIGHT!r}:
    importlib.import_module("statsig_export." + module)
    brought = {{"pandas", "dagster"}} & set(sys.modules)
    if brought:
        sys.exit(f"{{module}} brings {{brought}}")
"""

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
