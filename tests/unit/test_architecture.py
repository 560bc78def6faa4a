"""The shape of the library, held by tests: who may import whom, what stays pure, what starts light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "statsig_export"
ROOT = "(root)"

MAY_IMPORT: dict[str, set[str]] = {
    ROOT: set(),
    "arrow": set(),
    "layouts": set(),
    "storage": {"arrow"},
    "delivery": {"arrow"},
    "source": {"arrow", "layouts"},
    "events": {"arrow", "layouts"},
    "ledger": {"delivery", "events", "layouts", "storage"},
    "export": {"arrow", "delivery", "events", "layouts", "ledger", "openlineage", "source", "storage"},
    "shipping": {"delivery", "ledger", "openlineage", "storage"},
    "lineage": {"arrow", "delivery", "events", "layouts", "ledger", "storage"},
    "maintenance": {"delivery", "events", "ledger", "storage"},
    "openlineage": {"layouts", "ledger", "lineage", "storage"},
    "testing": {"layouts"},
    "demo": {"dagster", "ledger", "shipping", "testing"},
    "cli": {
        *("arrow", "dagster", "delivery", "demo", "events", "export", "layouts", "ledger", "lineage", "maintenance"),
        *("shipping", "source", "storage", "testing"),
    },
}
"""Package -> the packages it may import; the root modules always. What is not named here stands on top."""
ON_TOP = {"dagster"}
"""May import every package that is named above but the command line, the demo and the stand-ins."""
FACE = {"__init__", "__main__"}
"""The root modules that hand on what lies in the packages."""
PURE = ("delivery", "events", "layouts", "arrow")
IMPURE_IMPORTS = {"logging", "os", "random", "requests", "secrets", "socket", "subprocess", "time", "urllib", "pathlib"}
LIGHT = ("shipping.ship", "shipping.replay", "cli")


def modules() -> Iterator[tuple[str, Path]]:
    """Each file of the library, with its package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        yield (parts[0] if len(parts) > 1 else ROOT), path


@cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def packages_of(names: frozenset[str]) -> set[str]:
    """The packages of ours among imported names; none for the root modules."""
    parts = [name.split(".") for name in names if name.startswith("statsig_export.")]
    return {part[1] for part in parts if (PACKAGE / part[1]).is_dir()}


def test_each_package_imports_only_what_the_table_lets_it():
    guilty = [
        f"{path.relative_to(PACKAGE)} imports {package}"
        for home, path in modules()
        if home in MAY_IMPORT and not (home == ROOT and path.stem in FACE)
        for package in packages_of(imported(path)) - MAY_IMPORT[home] - {home}
    ]

    assert guilty == []


def test_the_table_names_every_package_and_has_no_circle():
    assert {home for home, _ in modules()} == set(MAY_IMPORT) | ON_TOP
    left = dict(MAY_IMPORT)
    while free := [package for package, below in left.items() if not below & set(left)]:
        for package in free:
            del left[package]
    assert left == {}


def test_modules_import_each_other_in_no_circle():
    paths = {".".join(("statsig_export", *p.relative_to(PACKAGE).with_suffix("").parts)): p for _, p in modules()}
    reached: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in reached:
            names = imported(paths[module])
            for inner in {name if name in paths else name.rpartition(".")[0] for name in names} & set(paths):
                visit(inner, (*trail, module))
            reached.add(module)

    for module in paths:
        visit(module, ())


def test_only_the_ledger_knows_its_tables():
    guilty = [
        str(path.relative_to(PACKAGE))
        for home, path in modules()
        if home != "ledger" and any(name.startswith("statsig_export.ledger.tables") for name in imported(path))
    ]

    assert guilty == []


def test_nothing_that_ships_events_imports_its_stand_ins():
    guilty = [
        str(path.relative_to(PACKAGE))
        for home, path in modules()
        if home not in {"testing", "demo"} and path.stem != "receiver"
        if "testing" in packages_of(imported(path))
    ]

    assert guilty == []


@pytest.mark.parametrize("package", PURE)
def test_what_decides_imports_no_io_clock_or_chance(package: str):
    guilty = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for home, path in modules()
        if home == package
        for name in imported(path)
        if name.split(".")[0] in IMPURE_IMPORTS
    ]

    assert guilty == []


def test_dagsters_part_is_thin_and_alone_knows_dagster():
    for home, path in modules():
        outside = {name.split(".")[0] for name in imported(path)}
        if home == "dagster":
            assert not outside & {"requests", "pandas", "sqlalchemy"}, path
        elif home != "demo":
            assert "dagster" not in outside, path


@pytest.mark.parametrize("module", LIGHT)
def test_what_ships_imports_neither_pandas_nor_dagster(module: str):
    code = f"import statsig_export.{module}, sys; print(*{{'pandas', 'dagster'}} & set(sys.modules))"
    imported_too = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert imported_too.split() == []
