"""The table of the stand-in: what a sync writes, when, and in which form."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from landing import Landing, as_read, landing_in

from statsig_export.testing.landing.destination import Destination
from statsig_export.testing.landing.fivetran import FivetranTable
from statsig_export.testing.webhook.event_reader import ReadEvent

MORNING, EVENING = datetime(2026, 11, 20, 6, tzinfo=UTC), datetime(2026, 11, 20, 18, tzinfo=UTC)
EVENT = {"eventName": "page_view", "user": {"userID": "u", "custom": {"a": 1}}, "timestamp": 5, "timeUUID": "id-1"}
FORMS = [("packed", "fivetran"), ("unpacked", "fivetran"), ("unpacked", "source")]


def read(**changes: object) -> ReadEvent:
    return as_read({**EVENT, **changes})


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.fault("F415")
@pytest.mark.parametrize(("mode", "naming"), FORMS)
def test_what_was_accepted_is_in_the_table_only_after_a_sync_and_with_its_time(
    tmp_path: Path, request: pytest.FixtureRequest, database: str, mode: str, naming: str
):
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    landing = Landing(database, url, mode, naming) if url else landing_in(tmp_path, database, mode, naming)
    landing.synced = MORNING
    landing.table.append([read(), read(timeUUID="id-2")])
    assert (landing.ids(), landing.table.queued) == ([], 2)

    landing.synced = EVENING
    assert landing.table.sync() == 2
    landing.table.append([read()])

    assert (sorted(landing.ids()), landing.table.queued) == (["id-1", "id-2"], 1)
    created, synced, places = zip(
        *landing.rows("SELECT _created, _fivetran_synced, _index FROM statsig_events"), strict=True
    )
    moments = [datetime.fromisoformat(str(one)).astimezone(UTC) for one in (*created, *synced)]
    assert moments == [MORNING, MORNING, EVENING, EVENING]
    assert sorted(places) == [0, 1]


@pytest.mark.fault("F490")
@pytest.mark.parametrize("mode", ["packed", "unpacked"])
def test_an_event_with_a_character_that_a_database_cannot_hold_keeps_no_other_out(
    tmp_path: Path, request: pytest.FixtureRequest, database: str, mode: str
):
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    landing = Landing(database, url, mode) if url else landing_in(tmp_path, database, mode)
    user = {"userID": "u", "custom": {"a\0": ["\0 \\u0000", 5, "\U0001f600"]}}

    landing.land([{**EVENT, "value": "a\0b", "user": user}, {**EVENT, "timeUUID": "id-2"}])

    assert sorted(landing.ids()) == ["id-1", "id-2"]
    column = "data" if mode == "packed" else '"user"'
    found = next(str(row[0]) for row in landing.rows(f"SELECT {column} FROM statsig_events") if "custom" in str(row[0]))  # noqa: S608
    assert "\\u0000" in found, "a backslash before it: the text u0000, and no NUL"


def test_unpacked_one_level_becomes_columns_and_objects_stay_json(tmp_path: Path):
    landing = landing_in(tmp_path, "sqlite", "unpacked")
    landing.land([EVENT])

    row = landing.rows('SELECT event_name, user_id, time_uuid, "user", "timestamp", unit_id FROM statsig_events')[0]

    assert row == ("page_view", None, "id-1", json.dumps(EVENT["user"]), 5, None)


@pytest.mark.fault("F415")
def test_a_sync_that_fails_leaves_what_is_queued_to_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    landing = landing_in(tmp_path)
    table = FivetranTable(Destination.at(tmp_path / "landed.sqlite"))
    landing.run("ALTER TABLE statsig_events RENAME TO elsewhere")
    table.append([read()])
    assert table.queued == 1
    assert "could not be written (OperationalError): 1 events wait" in caplog.text

    landing.run("ALTER TABLE elsewhere RENAME TO statsig_events")
    table.append([read(timeUUID="id-2")])

    assert (landing.ids(), table.queued) == (["id-1", "id-2"], 0)


def test_syncs_of_their_own_thread_end_with_a_last_one(tmp_path: Path):
    landing = landing_in(tmp_path)
    with landing.table.syncing_every(3_600):
        landing.table.append([read()])
        assert [thread.name for thread in threading.enumerate() if thread.name == "syncs"] == ["syncs"]
    assert landing.ids() == ["id-1"]


@pytest.mark.parametrize("url", ["mysql://host/db", "no url"])
def test_another_database_is_refused_without_its_url(url: str):
    with pytest.raises(ValueError, match=r"writes to one of sqlite, postgresql, duckdb$"):
        Destination.at(url)


@pytest.mark.fault("F261")
@pytest.mark.parametrize("database", ["sqlite", "duckdb"])
def test_a_file_of_the_table_is_for_its_user_alone(tmp_path: Path, database: str):
    assert {path.stat().st_mode & 0o777 for path in [Path(landing_in(tmp_path, database).place)]} == {0o600}
