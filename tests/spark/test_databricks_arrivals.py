# ruff: noqa: S608 - the rows of these tests are written as SQL
"""The comparison with what arrived, and the view that takes each event once, on Databricks as far as Spark is it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway import Gateway
from home import ExportHome
from rows import custom_event, exposure
from sent_home import compared

from statsig_export.reconciliation import dedupe_view
from statsig_export.testing.webhook.receiver import Receiver

COLUMNS = {"packed": "event STRING, data STRING", "unpacked": "event_name STRING, time_uuid STRING"}


@pytest.mark.parametrize("mode", COLUMNS)
def test_what_is_missing_twice_there_and_foreign_is_told_and_the_view_takes_each_once(
    tmp_path: Path, databricks: Gateway, mode: str
):
    table, view = f"events.landed_{mode}", f"events.once_{mode}"
    with Receiver() as receiver:
        home = ExportHome(tmp_path, receiver)
        home.environ["LANDED"] = databricks.url
        place = {"table": f"landed_{mode}", "schema": "events"}
        home.set("arrivals", url="env:LANDED", connect=databricks.arguments, grace="0s", **place)
        home.add([custom_event(key) for key in range(1, 11)], [exposure(1)])
        home.export()
        home.ship()
        ids = [str(event["timeUUID"]) for event in receiver.events()]
        now = f"TIMESTAMP'{datetime.now(UTC):%Y-%m-%d %H:%M:%S}+00:00'"
        rows = [
            f"('r', {number}, 'e', {holding(mode, one)}, {now})"
            for number, one in enumerate([*ids[1:], ids[3], "foreign", None])
        ]
        databricks.run(
            f"CREATE TABLE {table} (_id STRING, _index BIGINT, {COLUMNS[mode]}, _fivetran_synced TIMESTAMP)",
            f"INSERT INTO {table} VALUES {', '.join(rows)}",
            dedupe_view.dedupe_view(dedupe_view.Warehouse.DATABRICKS, table=table, view=view, packed=mode == "packed"),
        )

        report = compared(home, after=timedelta(minutes=1))

    total = report.total
    assert (total.arrived, total.missing, total.repeated_other, report.alien) == (10, 1, 1, 2)
    found = databricks.rows(f"SELECT coalesce({dedupe_view.ID}, 'None') FROM {view}")
    assert sorted(row[0] for row in found) == sorted([*ids[1:], "foreign", "None"])


def holding(mode: str, one: str | None) -> str:
    if mode == "unpacked":
        return "NULL" if one is None else f"'{one}'"
    return f"'{json.dumps({} if one is None else {'timeUUID': one})}'"
