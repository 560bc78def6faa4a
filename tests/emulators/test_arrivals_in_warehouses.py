"""The comparison and the view on emulators of Snowflake and BigQuery, by the drivers that users have. `make emulators`.

An emulator is no warehouse: what it shows is that the statements run and what they answer. What emulators cannot do is
listed in docs/databases.md.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from emulated import SCHEMA, Warehouse
from home import ExportHome
from rows import custom_event, exposure
from sent_home import compared

from statsig_export.reconciliation import dedupe_view
from statsig_export.testing.webhook.receiver import Receiver

TEXT, NUMBER, OBJECT, MOMENT = range(4)
TYPES = {
    "snowflake": ("VARCHAR", "NUMBER", "VARIANT", "TIMESTAMP_TZ"),
    "bigquery": ("STRING", "INT64", "JSON", "TIMESTAMP"),
}
COLUMNS = {
    "packed": {"_id": TEXT, "_index": NUMBER, "event": TEXT, "data": OBJECT, "_fivetran_synced": MOMENT},
    "unpacked": {"_id": TEXT, "_index": NUMBER, "event_name": TEXT, "time_uuid": TEXT, "_fivetran_synced": MOMENT},
}
TIME = {"snowflake": "'{}'::TIMESTAMP_TZ", "bigquery": "TIMESTAMP '{}'"}

# Google's client would rather have its storage API, which the extra does not bring: it then reads pages.
pytestmark = pytest.mark.filterwarnings("ignore:Cannot create BigQuery Storage client")


@pytest.fixture(params=["packed", "unpacked"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_missing_twice_there_and_foreign_is_told_and_the_view_takes_each_once(
    tmp_path: Path, warehouse: Warehouse, mode: str
):
    table = f"landed_{mode}"
    with Receiver() as receiver:
        home = ExportHome(tmp_path, receiver)
        home.environ["LANDED"] = warehouse.url
        home.set("arrivals", url="env:LANDED", connect=warehouse.arguments, table=table, schema=SCHEMA, grace="0s")
        home.add([custom_event(key) for key in range(1, 11)], [exposure(1)])
        home.export()
        home.ship()
        ids = [str(event["timeUUID"]) for event in receiver.events()]
        lay(warehouse, mode, table, [*ids[1:], ids[3], "foreign", None])

        report = compared(home, after=timedelta(minutes=1))

    total = report.total
    assert (total.arrived, total.missing, total.repeated_other, report.alien) == (10, 1, 1, 2)
    database, view = dedupe_view.Warehouse(warehouse.name), f"{SCHEMA}.once_{mode}"
    warehouse.run(dedupe_view.dedupe_view(database, table=f"{SCHEMA}.{table}", view=view, packed=mode == "packed"))
    found = [row[0] for row in warehouse.rows(f"SELECT {dedupe_view.ID} FROM {view}")]  # noqa: S608 - of this test
    assert sorted(map(str, found)) == sorted([*ids[1:], "foreign", "None"])


def lay(warehouse: Warehouse, mode: str, table: str, ids: list[str | None]) -> None:
    """A row an id, as Fivetran's syncs make them."""
    database = warehouse.name
    columns = ", ".join(f"{name} {TYPES[database][kind]}" for name, kind in COLUMNS[mode].items())
    rows = [f"SELECT 'r', {n}, 'e', {holding(database, mode, one)}, {synced(database)}" for n, one in enumerate(ids)]
    warehouse.run(
        f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
        f"CREATE TABLE {SCHEMA}.{table} ({columns})",
        f"INSERT INTO {SCHEMA}.{table} {' UNION ALL '.join(rows)}",
    )


def holding(database: str, mode: str, one: str | None) -> str:
    if mode == "unpacked":
        text = "VARCHAR" if database == "snowflake" else "STRING"
        return f"CAST(NULL AS {text})" if one is None else f"'{one}'"
    document = json.dumps({} if one is None else {"timeUUID": one})
    return f"PARSE_JSON('{document}')"


def synced(database: str) -> str:
    return TIME[database].format(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}+00:00")
