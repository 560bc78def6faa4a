"""The shape of the library: who may import whom, what is pure, what starts fast, and that names say where."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT_FOLDER = Path(__file__).parents[2]
PACKAGE = ROOT_FOLDER / "statsig_export"
TESTS = ROOT_FOLDER / "tests"
ROOT = "(root)"

MAY_IMPORT: dict[str, set[str]] = {
    ROOT: {"privacy"},
    "privacy": set(),
    "arrow": set(),
    "databases": set(),
    "layouts": set(),
    "storage": {"arrow"},
    "delivery": {"arrow"},
    "source": {"arrow", "databases", "layouts", "storage"},
    "events": {"arrow", "layouts", "privacy"},
    "ledger": {"databases", "delivery", "events", "layouts", "storage"},
    "export": {
        *("arrow", "delivery", "events", "forgetting", "layouts", "ledger", "privacy", "receipts", "source", "storage")
    },
    "shipping": {"delivery", "ledger", "receipts", "storage"},
    "lineage": {"arrow", "delivery", "events", "layouts", "ledger", "storage"},
    "maintenance": {"delivery", "events", "ledger", "receipts", "storage"},
    "reconciliation": {"arrow", "delivery", "events", "layouts", "ledger", "privacy", "shipping", "source", "storage"},
    "receipts": {"ledger", "storage"},
    "backup": {"arrow", "ledger", "receipts", "storage"},
    "forgetting": {
        *("arrow", "delivery", "events", "ledger", "maintenance", "privacy", "receipts", "reconciliation", "storage")
    },
    "openlineage": {"export", "layouts", "ledger", "lineage", "shipping", "source", "storage"},
    "metrics": {"delivery", "export", "ledger", "receipts", "shipping"},
    "monitoring": {"export", "ledger", "receipts", "shipping"},
    "alerts": {"delivery", "ledger", "monitoring", "shipping", "storage"},
    "tracing": set(),
    "testing": {"layouts"},
    "demo": {"dagster", "ledger", "reconciliation", "shipping", "testing"},
    "cli": {
        *(
            "alerts",
            "arrivals",
            "arrow",
            "backup",
            "dagster",
            "delivery",
            "demo",
            "events",
            "export",
            "forgetting",
            "layouts",
            "ledger",
            "lineage",
            "maintenance",
            "metrics",
        ),
        *("monitoring", "privacy", "reconciliation", "shipping", "source", "storage", "testing"),
    },
}
"""Package -> the packages that it may import; every package may import the root modules.

What an error of a database means and what a session may be set to, ledger and source share (databases).
The ledger remembers the identities of tables, so it knows their layouts and how ids are made (events).
What [privacy] may say is checked where export.toml is read (the root modules): the rule is a package without imports.
"""
ON_TOP = {"dagster"}
"""May import every package above but the command line, the demo and the stand-ins."""
FACE = {"__init__", "__main__"}
"""The root modules that re-export what is in the packages."""
PURE = ("delivery", "events", "layouts", "arrow", "privacy")
IMPURE_IMPORTS = {"logging", "os", "random", "requests", "secrets", "socket", "subprocess", "time", "urllib", "pathlib"}
BESIDE = ("dagster_project", "benchmarks", "torture", "fuzz")
"""Packages of the repository that are not in the wheel."""
LIGHT = ("shipping.ship", "shipping.replay", "cli")


def modules() -> Iterator[tuple[str, Path]]:
    """(package, file) of every module of the library."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        yield (parts[0] if len(parts) > 1 else ROOT), path


@cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def packages_of(names: frozenset[str]) -> set[str]:
    """The packages of this library among imported names, without its root modules."""
    parts = [name.split(".") for name in names if name.startswith("statsig_export.")]
    return {part[1] for part in parts if (PACKAGE / part[1]).is_dir()}


def test_each_package_imports_only_what_the_table_allows():
    guilty = [
        f"{path.relative_to(PACKAGE)} imports {package}"
        for home, path in modules()
        if home in MAY_IMPORT and not (home == ROOT and path.stem in FACE)
        for package in packages_of(imported(path)) - MAY_IMPORT[home] - {home}
    ]

    assert guilty == []


def test_the_table_names_every_package_and_has_no_cycle():
    assert {home for home, _ in modules()} == set(MAY_IMPORT) | ON_TOP
    in_a_cycle = dict(MAY_IMPORT)
    while free := [package for package, below in in_a_cycle.items() if not below & set(in_a_cycle)]:
        for package in free:
            del in_a_cycle[package]
    assert in_a_cycle == {}


def test_modules_import_each_other_in_no_cycle():
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


def test_only_the_ledger_imports_its_tables():
    guilty = [
        str(path.relative_to(PACKAGE))
        for home, path in modules()
        if home != "ledger" and any(name.startswith("statsig_export.ledger.tables") for name in imported(path))
    ]

    assert guilty == []


def test_nothing_that_ships_imports_the_test_doubles():
    guilty = [
        str(path.relative_to(PACKAGE))
        for home, path in modules()
        if home not in {"testing", "demo"} and path.stem != "receiver"
        if "testing" in packages_of(imported(path))
    ]

    assert guilty == []


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_imports_no_io_no_clock_and_no_randomness(package: str):
    guilty = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for home, path in modules()
        if home == package
        for name in imported(path)
        if name.split(".")[0] in IMPURE_IMPORTS
    ]

    assert guilty == []


def test_the_dagster_package_is_thin_and_only_it_imports_dagster():
    for home, path in modules():
        outside = {name.split(".")[0] for name in imported(path)}
        if home == "dagster":
            assert not outside & {"requests", "urllib3", "pandas", "pyarrow", "sqlalchemy", "sqlite3"}, path
            assert not packages_of(imported(path)) & {"cli", "demo", "testing"}, path
        elif home != "demo":
            assert "dagster" not in outside, path


@pytest.mark.parametrize("module", LIGHT)
def test_shipping_imports_neither_pandas_nor_dagster(module: str):
    code = f"import statsig_export.{module}, sys; print(*{{'pandas', 'dagster'}} & set(sys.modules))"
    imported_too = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert imported_too.split() == []


def test_no_private_name_of_a_module_is_left_unused():
    unused = []
    for path in (path for folder in (PACKAGE.name, *BESIDE) for path in (ROOT_FOLDER / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        unused += [f"{path.relative_to(ROOT_FOLDER)}: {name}" for name in made_for_itself(tree) - read]

    assert unused == []


def made_for_itself(tree: ast.Module) -> set[str]:
    """The private names at a module's top; without what a decorator may use by itself."""
    made = {
        node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.decorator_list
    }
    assigned = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    targets = [target for node in assigned for target in ast.walk(node) if isinstance(target, ast.Name)]
    made |= {target.id for target in targets if isinstance(target.ctx, ast.Store)}
    return {name for name in made if re.match("_[^_]", name)}


@pytest.mark.fault("F350")
def test_no_member_of_an_enumeration_is_a_tuple():
    """Python makes a tuple the arguments of the member's type: in 3.11.2 a member `()` is an object of no use."""
    members = [
        f"{path.relative_to(ROOT_FOLDER)}:{member.lineno}"
        for path in (path for folder in (PACKAGE.name, *BESIDE) for path in (ROOT_FOLDER / folder).rglob("*.py"))
        for kind in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(kind, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in kind.bases)
        for member in kind.body
        if isinstance(member, ast.Assign) and isinstance(member.value, ast.Tuple)
    ]

    assert members == []


def test_every_package_says_what_it_is():
    packages = [*PACKAGE.rglob("__init__.py"), *(ROOT_FOLDER / name / "__init__.py" for name in BESIDE)]

    assert [str(path) for path in packages if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


def test_the_page_for_contributors_lists_every_package():
    tree = (ROOT_FOLDER / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert {home for home, _ in modules()} - {ROOT} - set(re.findall(r"^  ([a-z]+)/ ", tree, re.MULTILINE)) == set()
    assert set(BESIDE) - set(re.findall(r"^([a-z_]+)/ ", tree, re.MULTILINE)) == set()


def test_no_two_test_modules_and_no_two_builders_share_a_name():
    names = Counter(path.stem for path in TESTS.rglob("*.py") if path.stem != "conftest")

    assert [name for name, times in names.items() if times > 1] == []
    assert set(names) & set(sys.stdlib_module_names) == set()
