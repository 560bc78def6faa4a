"""The verb events: the table of Statsig's Event Filtering dialog, of what the source holds."""

import json
import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from home import ExportHome
from rows import custom_event, exposure, utc
from statsig_tables import Laid

from statsig_export.errors import ConfigError, SourceError
from statsig_export.export import volumes
from statsig_export.export.volumes import EventVolumes, event_volumes

RANGE = ["--from", "2026-11-20", "--to", "2026-11-21"]
START, END = utc(0), utc(0) + timedelta(days=1)


@pytest.fixture
def say(home: ExportHome) -> Callable[..., Result]:
    exposures = {"gate": True, "experiment": True, "config": False, "layer": True}
    home.set("windows", every="hour")
    home.set("filter", exposures=exposures, custom_events={"events": {"debug_ping": False, "never_seen": True}})
    home.write()
    return home.verb


def filled(home: ExportHome) -> ExportHome:
    home.add(
        [
            *(custom_event(key) for key in range(1, 6)),
            *(custom_event(key, "debug_ping") for key in range(6, 9)),
            custom_event(9, "statsig::config_change"),
            custom_event(10, "statsig::diagnostics"),
            custom_event(11, None),
            custom_event(12, ingested_at=datetime(2026, 11, 21)),
        ],
        [
            exposure(1),
            exposure(2),
            exposure(3, "experiment"),
            exposure(4, "config"),
            exposure(5, "config", group_name="a"),
        ],
    )
    return home


def lines(found: EventVolumes) -> dict[str, tuple[int, str | None]]:
    return {line.event_name: (line.volume, line.rule) for line in (*found.exposures_and_changes, *found.custom_events)}


def test_every_event_has_its_volume_and_the_rule_that_leaves_it_out(any_home: ExportHome):
    any_home.set("filter", exposures={"config": False}, custom_events={"events": {"debug_ping": False, "rare": True}})
    found = event_volumes(filled(any_home).config, START, END)

    assert lines(found) == {
        "statsig::gate_exposure": (2, None),
        "statsig::config_exposure": (1, "exposures.config"),
        "statsig::experiment_exposure": (2, None),
        "statsig::layer_exposure": (0, None),
        "statsig::config_change": (1, None),
        "page_view": (5, None),
        "debug_ping": (3, "custom_events.events.debug_ping"),
        "statsig::diagnostics": (1, "sdk_telemetry"),
        "rare": (0, None),
    }
    assert [line.event_name for line in found.custom_events] == [
        "page_view",
        "debug_ping",
        "statsig::diagnostics",
        "rare",
    ]
    assert (found.failed_rows, found.unnamed) == (1, 0)


def test_reading_volumes_makes_no_ledger_and_sends_nothing(home: ExportHome):
    event_volumes(filled(home).config, START, END)

    assert not (home.folder / "ledger.db").exists()
    assert not (home.folder / "files").exists()
    assert home.receiver.requests == []


@pytest.mark.parametrize(
    ("every", "now", "end"),
    [
        ("day", utc(15, 30), utc(0)),
        ("day", utc(0, 4), utc(0) - timedelta(days=1)),
        ("hour", utc(15, 30), utc(15)),
        ("hour", utc(15, 4), utc(14)),
    ],
)
def test_by_default_the_volume_is_of_the_last_day_of_closed_windows(
    home: ExportHome, every: str, now: datetime, end: datetime
):
    home.set("windows", every=every)

    assert volumes._range(None, None, volumes._last_close(home.config, now)) == (end - timedelta(days=1), end)


def test_the_default_ends_before_now(home: ExportHome):
    found = event_volumes(home.config)

    assert found.end - found.start == timedelta(days=1)
    assert found.end <= datetime.now(UTC) - home.config.windows.settle


@pytest.mark.parametrize("end", [START, START - timedelta(hours=1)])
def test_an_empty_range_is_refused(home: ExportHome, end: datetime):
    with pytest.raises(ConfigError, match="--to is not after --from"):
        event_volumes(home.config, START, end)


def test_a_table_without_a_key_has_volumes_too(home: ExportHome):
    laid = Laid(home.folder, home.receiver, f"sqlite:///{home.folder}/warehouse.db", "cloud_exports")
    laid.create("sqlite")
    row = {"timestamp": "2026-11-20 12:00:00", "event_name": "bought", "user_object": "{}"}
    laid.add("events", [row, row])

    assert lines(event_volumes(laid.config, START, END))["bought"] == (2, None)


def test_names_beyond_what_memory_is_for_are_counted_together(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(volumes, "MOST_NAMES", 2)
    home.add([custom_event(key, f"name {key % 4}") for key in range(40)])
    found = event_volumes(home.config, START, END)

    assert len(found.custom_events) == 2
    assert sum(line.volume for line in found.custom_events) + found.unnamed == 40


def test_memory_does_not_grow_with_the_rows(home: ExportHome):
    def peak(rows: int) -> int:
        with closing(sqlite3.connect(home.folder / "source.db")) as connection:
            connection.execute(
                "WITH RECURSIVE n(id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id < ?)"
                " INSERT OR REPLACE INTO custom_events"
                " SELECT n.id, time_uuid, event_name, user_id, user, value, metadata, statsig_metadata, timestamp,"
                " ingested_at"
                " FROM n, custom_events WHERE custom_events.id = 1",
                [rows],
            )
            connection.commit()
        tracemalloc.start()
        found = event_volumes(home.config, START, END)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found.custom_events[0].volume == rows
        return most

    home.add([custom_event(1)])
    event_volumes(home.config, START, END)
    few, many = peak(30_000), peak(60_000)
    assert many < 1.2 * few


def test_the_verb_prints_the_dialogs_table(home: ExportHome, say: Callable[..., Result]):
    filled(home)
    result = say("events", *RANGE)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]

    assert result.exit_code == 0
    assert "Volume from 2026-11-20 00:00:00 UTC to 2026-11-21 00:00:00 UTC" in result.stdout
    assert rows == [
        ["on", "statsig::gate_exposure", "2", ""],
        ["off", "statsig::config_exposure", "1", "exposures.config"],
        ["on", "statsig::experiment_exposure", "2", ""],
        ["on", "statsig::layer_exposure", "0", ""],
        ["on", "statsig::config_change", "1", ""],
        ["on", "page_view", "5", ""],
        ["off", "debug_ping", "3", "custom_events.events.debug_ping"],
        ["off", "statsig::diagnostics", "1", "sdk_telemetry"],
        ["on", "never_seen", "0", ""],
    ]
    assert result.stderr == "1 rows have no usable name, time or metadata: `plan --failed` lists them.\n"
    for payload in ("example.org", "user-1", "/home", "Network:Recognized"):
        assert payload not in result.output


def test_a_long_list_is_cut_and_the_rest_is_counted(home: ExportHome, say: Callable[..., Result]):
    home.add([custom_event(key, f"name {key % 60:02}") for key in range(130)])
    cut, whole = say("events", *RANGE), say("events", *RANGE, "--all")

    assert "... and 12 more names with 20 events: --all lists them." in cut.stdout
    assert "name 49" in cut.stdout
    assert "name 50" not in cut.stdout
    assert "name 59" in whole.stdout
    assert "more names" not in whole.stdout


def test_json_is_one_object_with_every_name(home: ExportHome, say: Callable[..., Result]):
    home.add([custom_event(key, f"name {key}") for key in range(60)])
    found = json.loads(say("events", *RANGE, "--json").stdout)

    assert (found["from"], found["to"]) == ("2026-11-20T00:00:00+00:00", "2026-11-21T00:00:00+00:00")
    assert (found["unnamed"], found["failed_rows"]) == (0, 0)
    assert len(found["custom_events"]) == 62
    assert found["exposures_and_changes"][1] == {
        "tracking": False,
        "event": "statsig::config_exposure",
        "volume": 0,
        "category": "config_exposure",
        "rule": "exposures.config",
    }


def test_a_source_that_cannot_be_read_exits_with_3_and_an_empty_range_with_2(
    home: ExportHome, say: Callable[..., Result]
):
    assert say("events", "--from", "2026-11-21", "--to", "2026-11-20").exit_code == 2
    home.environ["DB"] = f"sqlite:///{home.folder}/nothing.db"

    assert say("events", *RANGE).exit_code == SourceError.exit_code == 3
