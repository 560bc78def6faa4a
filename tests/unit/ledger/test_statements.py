"""Where SQL on the ledger is: in the package `ledger` and nowhere else; and where a batch's state is changed."""

import ast
from pathlib import Path

import statsig_export

PACKAGE = Path(statsig_export.__file__).parent
WITHOUT_SQL = ("export", "shipping", "lineage", "maintenance", "dagster")


def modules(package: str) -> dict[str, ast.Module]:
    """Name -> syntax tree of every module of a package; of the whole library for "."."""
    paths = sorted((PACKAGE / package).rglob("*.py"))
    return {str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def test_only_the_ledger_opens_its_transactions_and_views():
    users = {
        name
        for name, tree in modules(".").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"read", "write"}
        if ast.unparse(node.value).endswith("database")
    }

    assert "ledger/transactions.py" in users
    assert {name for name in users if not name.startswith("ledger/")} == set()


def test_the_packages_that_use_the_ledger_build_no_statements():
    guilty = [
        f"{name}:{node.lineno}"
        for package in WITHOUT_SQL
        for name, tree in modules(package).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "sqlalchemy" in ast.unparse(node)
    ]

    assert guilty == []


def test_one_module_changes_the_state_of_a_batch():
    setters = {
        name
        for name, tree in modules("ledger").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values"
        if any(keyword.arg == "state" for keyword in node.keywords)
    }

    assert setters == {"ledger/states.py"}
