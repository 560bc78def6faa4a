"""Arrivals in a table of PostgreSQL with columns of other types; and a ledger there."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fivetran_api import CONNECTION, KEY, SECRET, fivetran_api
from home import ExportHome
from landing import EVENTS, Landing
from rows import custom_event, exposure

from statsig_export import arrivals
from statsig_export.errors import ConfigError
from statsig_export.reconciliation import landed
from statsig_export.reconciliation.check import check_arrivals
from statsig_export.reconciliation.sync_request import request_sync
from statsig_export.testing.webhook.receiver import Receiver


@pytest.fixture
def landing(postgres_url: str) -> Landing:
    return Landing("postgresql", postgres_url, "unpacked")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def home(tmp_path: Path, postgres_url: str, landing: Landing, receiver: Receiver) -> ExportHome:
    """Of eleven events all but one are in the table."""
    home = ExportHome(tmp_path, receiver)
    home.environ["LANDED"] = postgres_url
    home.set("arrivals", url="env:LANDED", table=EVENTS, grace="0s")
    home.add([custom_event(key) for key in range(1, 11)], [exposure(1)])
    home.export()
    home.ship()
    landing.land(receiver.events()[1:])
    return home


def altered(landing: Landing, column: str, type_: str, using: str) -> None:
    landing.run(f"ALTER TABLE statsig_events ALTER {column} TYPE {type_} USING {using}")


@pytest.mark.fault("F405")
@pytest.mark.parametrize(
    ("column", "type_", "using"),
    [
        ("time_uuid", "uuid", "time_uuid::uuid"),
        ("time_uuid", "char(40)", "time_uuid"),
        ("_fivetran_synced", "timestamp", "_fivetran_synced AT TIME ZONE 'UTC'"),
        ("_fivetran_synced", "date", "_fivetran_synced::date"),
        ("_fivetran_synced", "bigint", "(extract(epoch from _fivetran_synced) * 1000)::bigint"),
        ("_fivetran_synced", "double precision", "extract(epoch from _fivetran_synced)"),
        ("_fivetran_synced", "numeric", "extract(epoch from _fivetran_synced)"),
    ],
)
def test_ids_and_times_of_other_types_are_read(home: ExportHome, landing: Landing, column: str, type_: str, using: str):
    altered(landing, column, type_, using)
    began = datetime.now(UTC)

    report, _ = check_arrivals(home.config)

    assert (report.total.arrived, report.total.missing, report.alien) == (10, 1, 0)
    landed = arrivals(home.config)["landed"].dropna()
    assert len(landed) > 0
    assert all(timedelta(0) <= began - one <= timedelta(days=1, minutes=1) for one in landed)


@pytest.mark.fault("F405")
@pytest.mark.parametrize(
    ("column", "type_", "said"),
    [
        ("_fivetran_synced", "text", "has _fivetran_synced as TEXT (expected a timestamp or date, or an epoch time"),
        ("time_uuid", "bytea", "has time_uuid as BYTEA (expected text, a UUID or a number)"),
    ],
)
def test_a_type_that_is_no_time_or_id_is_named(home: ExportHome, landing: Landing, column: str, type_: str, said: str):
    altered(landing, column, type_, f"{column}::{type_}")

    with pytest.raises(ConfigError, match=re.escape(said)):
        check_arrivals(home.config)


@pytest.mark.fault("F418")
def test_a_batch_of_the_driver_that_is_read_in_parts_is_read_as_it_is(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(landed, "_ROWS", 4)

    report, _ = check_arrivals(home.config)

    assert (report.total.arrived, report.total.missing, report.alien) == (10, 1, 0)


@pytest.mark.fault("F485")
@pytest.mark.parametrize(
    ("type_", "rows", "connect"),
    [
        ("text", ["no json", "", '{"timeUUID": "', "[1]", '{"timeUUID": "\\u0000"}'], {}),
        ("json", ['{"timeUUID": "\\u0000"}', '{"timeUUID": "a"}', '{"timeUUID": "\\ud800"}'], {"autocommit": False}),
    ],
    ids=["adbc", "psycopg"],
)
def test_a_row_that_the_server_cannot_look_into_ends_no_comparison(
    home: ExportHome, landing: Landing, type_: str, rows: list[str], connect: dict[str, bool]
):
    home.set("arrivals", table="packed", connect=connect)
    landing.run(f"CREATE TABLE packed (_fivetran_synced timestamptz, data {type_})")
    ours = [json.dumps({**event, "value": "\0"}) for event in home.receiver.events()[1:]]
    values = ", ".join(f"(now(), '{row}')" for row in [*rows, *ours])
    landing.run(f"INSERT INTO packed VALUES {values}")  # noqa: S608 - rows of this test

    report, _ = check_arrivals(home.config)

    assert (report.total.arrived, report.total.missing) == (10, 1)
    assert (report.alien, report.landed) == (len(rows), len(rows) + 10)


@pytest.mark.fault("F404")
def test_several_comparisons_at_once_record_what_they_find(tmp_path: Path, postgres_url: str):
    landing = Landing("postgresql", postgres_url)
    with Receiver() as receiver:
        home = ExportHome(tmp_path, receiver, ledger_url=postgres_url)
        home.environ["LANDED"] = postgres_url
        home.set("arrivals", url="env:LANDED", table=EVENTS, grace="0s")
        home.set("webhook", max_events=1)
        home.add([custom_event(key) for key in range(1, 31)])
        home.export()
        home.ship()
        landing.land(receiver.events()[1:])
        with ThreadPoolExecutor(6) as threads:
            reports = list(threads.map(lambda _: check_arrivals(home.config)[0], range(12)))

    assert {(one.total.arrived, one.total.missing) for one in reports} == {(29, 1)}


@pytest.mark.fault("F410")
def test_of_many_processes_on_a_ledger_there_one_asks_for_a_sync(tmp_path: Path, postgres_url: str, landing: Landing):
    del landing
    with Receiver() as receiver, fivetran_api() as api:
        home = ExportHome(tmp_path, receiver, ledger_url=postgres_url)
        home.environ |= {"LANDED": postgres_url, "FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET}
        settings = {"connection": CONNECTION, "api_url": api.url, "sync_after_shipment": True}
        home.set("arrivals", url="env:LANDED", table=EVENTS, **settings)
        home.add([custom_event(1)])
        home.export()
        home.ship()
        with ThreadPoolExecutor(6) as threads:
            found = list(threads.map(lambda _: request_sync(home.config), range(12)))

    assert sum(one.asked for one in found) == 1
    assert (api.connection.syncs, api.connection.restarted) == (1, 0)
