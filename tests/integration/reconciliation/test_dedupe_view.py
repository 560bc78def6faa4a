"""The view takes each event once, in the databases that are here, and is well-formed in the others."""

from pathlib import Path

import pytest
import sqlglot
from click.testing import CliRunner
from landing import EVENTS, Landing, landing_in

from statsig_export.cli.options import cli
from statsig_export.reconciliation.dedupe_view import Warehouse, dedupe_view

SQLGLOT = {"postgresql": "postgres"}
SENT = [{"eventName": "e", "timestamp": 1, "timeUUID": f"id-{number}"} for number in range(5)]


def rows(landing: Landing, id_column: str = "time_uuid") -> list[str]:
    """The ids of the view, in their order."""
    statement = dedupe_view(
        Warehouse(landing.database), table=EVENTS, view="once", packed=landing.mode == "packed", id_column=id_column
    )
    event_id = landing.event_id if landing.mode == "packed" else id_column
    query = f"SELECT {event_id} FROM once ORDER BY 1"  # noqa: S608 - names of the test's own
    landing.run(statement)
    return [row[0] for row in landing.rows(query)]


@pytest.mark.parametrize("mode", ["packed", "unpacked"])
@pytest.mark.parametrize("database", ["sqlite", "duckdb", "postgresql"])
def test_each_event_is_in_the_view_once(tmp_path: Path, request: pytest.FixtureRequest, database: str, mode: str):
    if database == "postgresql":
        landing = Landing(database, request.getfixturevalue("postgres_url"), mode)
    else:
        landing = landing_in(tmp_path, database, mode)
    landing.land(SENT)
    landing.land(SENT[1:3])

    assert rows(landing) == [event["timeUUID"] for event in SENT]


@pytest.mark.fault("F395")
@pytest.mark.parametrize("name", ["event_id", "occurrence"])
@pytest.mark.parametrize("database", ["sqlite", "duckdb", "postgresql"])
def test_the_id_may_have_any_name_that_an_event_can_have(
    tmp_path: Path, request: pytest.FixtureRequest, database: str, name: str
):
    place = request.getfixturevalue("postgres_url") if database == "postgresql" else str(tmp_path / "landed")
    landing = Landing(database, place, "unpacked")
    landing.land([*SENT, *SENT[1:3]])
    landing.run(f"ALTER TABLE {EVENTS} RENAME COLUMN time_uuid TO {name}")

    assert rows(landing, name) == [event["timeUUID"] for event in SENT]


@pytest.mark.parametrize("mode", ["packed", "unpacked"])
@pytest.mark.parametrize("warehouse", Warehouse)
def test_the_verb_prints_one_statement_of_that_database(warehouse: Warehouse, mode: str):
    result = CliRunner().invoke(cli, ["dedupe-view", "--database", warehouse.value, "--mode", mode])

    assert result.exit_code == 0
    assert len(sqlglot.parse(result.stdout, dialect=SQLGLOT.get(warehouse, warehouse))) == 1
