"""deploy/dbt: dbt parses it for each adapter, and builds and tests it on DuckDB and PostgreSQL. `make dbt` runs this.

It needs dbt in an environment of its own, which that makes.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from landing import Landing, libpq
from sqlalchemy import make_url

from statsig_export.reconciliation.dbt_macros import ADAPTERS

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".tools/dbt/bin/python"
NOWHERE = {
    "postgres": {"host": "127.0.0.1", "port": 9, "user": "u", "password": "p", "dbname": "d"},
    "redshift": {"host": "127.0.0.1", "port": 9, "user": "u", "password": "p", "dbname": "d"},
    "snowflake": {"account": "a", "user": "u", "password": "p", "database": "d", "warehouse": "w"},
    "bigquery": {"method": "oauth", "project": "p"},
    "databricks": {"host": "none.example", "http_path": "/sql/1", "token": "t"},
    "duckdb": {"path": ":memory:"},
}
"""Adapter -> a connection that is never made."""
FORMS = {"packed": "time_uuid", "unpacked": '"timeUUID"'}
"""Mode -> the column of the id, as Fivetran's SOURCE_NAMING has it."""
EVENTS = [{"eventName": "page_view", "timestamp": 1, "timeUUID": f"id-{number}"} for number in range(5)]


@dataclass
class Runs:
    """What all runs of dbt said, by name."""

    said: Mapping[str, Mapping[str, Any]]
    folder: Path
    landings: Mapping[str, Landing]

    def tests(self, name: str) -> dict[str, str]:
        """Test of dbt's -> its status."""
        results = json.loads((self.folder / name / "run_results.json").read_text())["results"]
        return {one["unique_id"].split(".")[2]: one["status"] for one in results if one["unique_id"].startswith("test")}

    def ids(self, name: str) -> list[str]:
        landing = self.landings[name]
        return [one for (one,) in landing.rows("SELECT statsig_export_id FROM built.statsig_events_once ORDER BY 1")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, postgres) -> Runs:
    """All runs in one process: dbt takes seconds to start."""
    assert PYTHON.exists(), f"there is no {PYTHON}: `make dbt` makes it"
    folder = tmp_path_factory.mktemp("dbt")
    profiles = {name: {"type": name, "schema": "s", **settings} for name, settings in NOWHERE.items()}
    words = {f"parse {adapter}": ["parse", "--no-partial-parse", "--target", adapter] for adapter in ADAPTERS}
    landings = {}
    for mode, id_column in FORMS.items():
        for database in ("duckdb", "postgres"):
            name = f"{database}-{mode}"
            landings[name] = laid(folder, postgres, database, mode)
            profiles[name] = profile(landings[name])
            told = {
                "statsig_export_schema": "main" if database == "duckdb" else "public",
                "statsig_export_mode": mode,
                "statsig_export_id_column": id_column,
            }
            words[name] = ["build", "--target", name, "--vars", json.dumps(told)]
    words["parse another mode"] = [*words["duckdb-packed"][:3], "--vars", '{"statsig_export_mode": "flat"}']
    (folder / "profiles.yml").write_text(json.dumps({"statsig_export": {"target": "duckdb", "outputs": profiles}}))
    lines = [
        [*line, "--profiles-dir", str(folder), "--target-path", str(folder / name), "--log-path", str(folder)]
        for name, line in words.items()
    ]
    (folder / "runs.json").write_text(json.dumps(lines))
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("in_dbt.py"), folder / "runs.json"],
        cwd=ROOT / "deploy/dbt",
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Runs(dict(zip(words, json.loads(done.stdout.splitlines()[-1]), strict=True)), folder, landings)


def laid(folder: Path, postgres, database: str, mode: str) -> Landing:
    """A table with doubles, and with a row that has no id."""
    if database == "duckdb":
        landing = Landing(database, str(folder / f"{mode}.duckdb"), mode, "source")
    else:
        with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE dbt_{mode}".encode())
        landing = Landing("postgresql", postgres.get_uri(database=f"dbt_{mode}", driver="psycopg"), mode, "source")
    landing.land(EVENTS)
    landing.land([*EVENTS[1:3], {"eventName": "of somebody else"}])
    return landing


def profile(landing: Landing) -> dict[str, object]:
    if landing.database == "duckdb":
        return {"type": "duckdb", "path": landing.place, "schema": "built"}
    url = make_url(libpq(landing.place))
    place = {"host": url.query["host"], "port": 5432, "user": url.username, "password": "", "dbname": url.database}
    return {"type": "postgres", "schema": "built", **place}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_dbt_parses_the_package_for_each_adapter(runs: Runs, adapter: str):
    assert runs.said[f"parse {adapter}"] == {"success": True, "error": ""}


@pytest.mark.fault("F417")
@pytest.mark.parametrize("name", [f"{database}-{mode}" for database in ("duckdb", "postgres") for mode in FORMS])
def test_dbt_builds_the_view_and_its_tests_hold_on_a_table_with_doubles(runs: Runs, name: str):
    assert runs.said[name] == {"success": True, "error": ""}
    assert runs.ids(name) == [*(event["timeUUID"] for event in EVENTS), None]
    assert runs.tests(name) == {
        "unique_statsig_events_once_statsig_export_id": "pass",
        "not_null_statsig_events_once_statsig_export_id": "warn",
    }


def test_a_mode_that_is_none_is_an_error_of_the_compilation(runs: Runs):
    assert not runs.said["parse another mode"]["success"]
