"""What differs between databases is in one file per database, and nowhere else."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import make_url

import statsig_export
from statsig_export.layouts.known import LAYOUTS
from statsig_export.openlineage.naming import table_name
from statsig_export.source.backends import known
from statsig_export.source.backends.backend import Backend

PACKAGE = Path(statsig_export.__file__).parent
NAMES = {backend.name for backend in known.BACKENDS}


def test_every_file_of_a_database_is_in_the_table():
    files = {path.stem for path in (PACKAGE / "source" / "backends").glob("*.py")} - {"__init__", "backend", "known"}

    assert files == NAMES - {"mariadb"}


def test_no_other_module_of_the_source_knows_a_database_by_its_name():
    places = [*(PACKAGE / "source").rglob("*.py"), *(PACKAGE / "openlineage").rglob("*.py")]
    guilty = [
        f"{path.relative_to(PACKAGE)}: {node.value}"
        for path in places
        if path.parent.name != "backends" and path.parts[-2:] != ("readers", "duckdb.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in NAMES
    ]

    assert guilty == []


def test_a_database_that_is_not_known_is_one_of_standard_sql_whose_known_drivers_stream():
    cockroach = known.backend_of("cockroachdb")

    assert (cockroach.name, cockroach.extra, cockroach.catalog, cockroach.window) == ("cockroachdb", None, None, None)
    assert {"psycopg", "psycopg2", "pymysql"} <= set(cockroach.drivers)
    name = table_name(make_url("cockroachdb://user:secret@host:26257/events"), LAYOUTS["native"][0])
    assert (name.namespace, name.name) == ("cockroachdb://host:26257", "events.exposures")


def test_a_record_with_windows_of_its_own_says_which_rows_they_cannot_hold():
    with pytest.raises(ValueError, match="belong together"):
        Backend(name="other", unplaced=lambda column: column.is_(None))
