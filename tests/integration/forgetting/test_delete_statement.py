"""The DELETE takes out the person that is named and nobody else, in the databases that are here, and is well-formed in
the others.
"""

import sqlite3
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlglot
from landing import EVENTS, Landing, landing_in, libpq

from statsig_export.errors import ConfigError
from statsig_export.reconciliation.dedupe_view import Warehouse
from statsig_export.reconciliation.delete_statement import delete_statement

SQLGLOT = {"postgresql": "postgres"}
HOSTILE = ["o'neil", "x') or ('1'='1", "back\\slash", "\\' or 1=1 --", "tab\there", "übér\u2028", "%s :name", "a;b"]
SENT = [
    {
        "eventName": "e",
        "timestamp": 1,
        "timeUUID": f"id-{n}",
        "userID": user,
        "user": {"customIDs": {"companyID": f"c{user}"}},
    }
    for n, user in enumerate([*HOSTILE, "other", "O'NEIL", "1"])
]


def left(landing: Landing) -> list[str]:
    query = f"SELECT {landing.event_id} FROM {EVENTS} ORDER BY 1"  # noqa: S608 - names of the test's own
    if landing.database == "postgresql":
        with psycopg.connect(libpq(landing.place)) as opened:
            return [row[0] for row in opened.execute(query)]
    opened = (duckdb.connect if landing.database == "duckdb" else sqlite3.connect)(landing.place)
    try:
        return [row[0] for row in opened.execute(query).fetchall()]
    finally:
        opened.close()


@pytest.mark.fault("F452")
@pytest.mark.parametrize("unit_type", ["userID", "companyID"])
@pytest.mark.parametrize("mode", ["packed", "unpacked"])
@pytest.mark.parametrize("database", ["sqlite", "duckdb", "postgresql"])
def test_the_people_who_are_named_are_deleted_and_nobody_else(
    tmp_path: Path, request: pytest.FixtureRequest, database: str, mode: str, unit_type: str
):
    place = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    landing = Landing(database, place, mode) if place else landing_in(tmp_path, database, mode)
    landing.land(SENT)
    prefix = "" if unit_type == "userID" else "c"
    ids = [f"{prefix}{user}" for user in [*HOSTILE, "nobody"]]
    landing.run(
        delete_statement(Warehouse(database), table=EVENTS, packed=mode == "packed", unit_type=unit_type, ids=ids)
    )

    assert left(landing) == sorted(event["timeUUID"] for event in SENT[len(HOSTILE) :])


@pytest.mark.parametrize("unit_type", ["userID", "companyID"])
@pytest.mark.parametrize("mode", ["packed", "unpacked"])
@pytest.mark.parametrize("warehouse", Warehouse)
def test_it_is_one_statement_of_each_database_whatever_an_id_holds(warehouse: Warehouse, mode: str, unit_type: str):
    statement = delete_statement(warehouse, table="a.b", packed=mode == "packed", unit_type=unit_type, ids=HOSTILE)
    parsed = sqlglot.parse(statement, dialect=SQLGLOT.get(warehouse, warehouse))

    assert [type(one).__name__ for one in parsed] == ["Delete"]
    assert not {"'o''neil'", "\\"} & set(statement.split())
    assert "\\" not in statement


def test_a_unit_type_that_cannot_stand_in_a_path_is_refused():
    with pytest.raises(ConfigError, match="cannot be written into a DELETE"):
        delete_statement(Warehouse.SNOWFLAKE, table="t", packed=True, unit_type="a.b'", ids=["x"])
