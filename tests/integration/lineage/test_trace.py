"""From an event's timeUUID back to its source row, and on to the last answer."""

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from uuid import UUID

import pytest
from derived_ids import derived
from home import DAY, ExportHome
from old_windows import CUSTOM, GATE, LATER, files, lived, moment, next_day, pruned
from rows import custom_event, exposure, utc
from sqlalchemy import event
from sqlalchemy.engine import Engine
from statsig_tables import Laid

from statsig_export.errors import ConfigError, LedgerError
from statsig_export.export.export import export_window
from statsig_export.lineage.frames import failed_rows, read_events
from statsig_export.lineage.trace import trace
from statsig_export.runs import Timing
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.vocabulary import Category

START, END = utc(0), utc(0) + timedelta(days=1)


def test_a_forwarded_event_is_traced_from_its_row_to_the_answer(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(1, 4)], [exposure(2)])
    report = export_window(any_home.config, any_home.window(), orchestrator_run_id="dagster-export")
    shipped = ship(any_home.config, orchestrator_run_id="dagster-ship")
    (found,) = trace(any_home.config, derived(any_home, 2)).events

    assert (found.partition, found.row, found.event_name) == (CUSTOM, 1, "page_view")
    assert found.timestamp == utc(12) + timedelta(milliseconds=2)
    source = found.source
    assert source is not None
    assert (source.table, source.key_column, source.key) == ("custom_events", "id", 2)
    assert (source.window_column, source.start, source.end) == ("ingested_at", START, END)
    assert (found.export.run_id, found.export.orchestrator_run_id) == (report.run_id, "dagster-export")
    assert found.export.rows_read == 4
    assert found.export.queries == report.queries
    written = report.partitions[Category.CUSTOM_EVENT]
    assert (found.file.uri, found.file.digest, found.file.rows) == (written.file, written.digest, 3)
    (batch,), (attempt,), (run,) = found.batches, found.attempts, found.ship_runs
    assert batch.batch_id in {request.webhook_id for request in any_home.receiver.requests}
    assert (attempt.batch, attempt.number, attempt.outcome, attempt.status) == (batch.number, 1, "accepted", 200)
    assert attempt.latency_ms is not None
    assert (run.run_id, run.orchestrator_run_id) == (shipped.run_id, "dagster-ship")
    assert found.counted_as == "forwarded"
    assert found.event is None


def test_a_trace_shows_each_step_in_a_notebook_and_at_the_prompt(any_home: ExportHome):
    any_home.add([custom_event(1)])
    any_home.export()
    any_home.ship()
    (time_uuid,) = (event["timeUUID"] for event in any_home.receiver.events())

    found = trace(any_home.config, time_uuid)

    for shown in (repr(found), found._repr_html_()):
        assert f"{time_uuid} is forwarded (custom_event|2026-11-20)" in shown
        for step in ("happened", "source row", "export run", "written", "batch", "attempt 1", "accepted HTTP 200"):
            assert step in shown


def test_an_id_of_the_sources_own_is_traced_to_the_column_that_holds_it(home: ExportHome):
    home.add([custom_event(1, time_uuid="the-sources-own")])
    home.export()
    (found,) = trace(home.config, "the-sources-own").events

    assert found.source is not None
    assert (found.source.table, found.source.key, found.source.id_column) == ("custom_events", None, "time_uuid")
    assert found.counted_as == "pending"
    assert found.attempts == found.ship_runs == ()


def test_a_split_event_is_traced_through_every_batch_that_held_it(home: ExportHome):
    (found,) = trace(lived(home).config, "poison").events
    by_number = {batch.number: batch for batch in found.batches}

    assert [batch.rows for batch in found.batches] == [8, 4, 2, 1]
    assert [by_number[batch.parent].rows for batch in found.batches if batch.parent] == [8, 4, 2]
    tried = dict.fromkeys(attempt.batch for attempt in found.attempts)  # the event alone twice, where it was doubted
    assert list(tried) == [batch.number for batch in found.batches]
    assert {attempt.status for attempt in found.attempts} == {400}
    assert found.counted_as == "failed"


def test_a_replayed_event_has_its_replay_and_stays_forwarded(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    home.ship()
    home.receiver.play([Rule(actions=[answer(429, Retry_After="60")])])
    replay(home.config, [CUSTOM])
    (found,) = trace(home.config, derived(home, 1)).events

    first, again = found.batches
    assert (first.replay_of, again.replay_of) == (None, first.number)
    assert first.batch_id == again.batch_id
    assert [(attempt.batch, attempt.status) for attempt in found.attempts] == [(first.number, 200), (again.number, 429)]
    assert len(found.ship_runs) == 2
    assert found.counted_as == "forwarded"


def test_a_deferred_event_tells_when_it_is_due_and_later_that_it_arrived(home: ExportHome):
    home.receiver.play([Rule(actions=[answer(503, Retry_After="60")])])
    home.add([custom_event(1)])
    home.export()
    home.ship()
    (waiting,) = trace(home.config, derived(home, 1)).events
    home.receiver.play([])
    ship(home.config, timing=Timing(clock=lambda: END.timestamp() * 2, sleep=lambda _: None, roll=lambda: 0.0))
    (arrived,) = trace(home.config, derived(home, 1)).events

    assert waiting.counted_as == "pending"
    assert waiting.batches[0].due is not None
    assert waiting.batches[0].due > waiting.batches[0].planned
    assert [attempt.outcome for attempt in arrived.attempts] == ["throttled", "accepted"]
    assert [attempt.number for attempt in arrived.attempts] == [1, 2]
    assert arrived.batches[0].due is None
    assert arrived.counted_as == "forwarded"


def test_a_failed_row_is_found_in_its_quarantine(home: ExportHome):
    home.add([custom_event(7, None), custom_event(8)])
    home.export()
    (uuid,) = failed_rows(home.config)["time_uuid"]
    found = trace(home.config, uuid)

    assert found.events == ()
    (row,) = found.failed_rows
    assert (row.category, row.window, row.row_key, row.reason) == (
        Category.CUSTOM_EVENT,
        DAY,
        "7",
        "missing_event_name",
    )
    assert row.source is not None
    assert (row.source.key, row.source.start) == (7, START)
    assert "/quarantine/" in row.quarantine
    assert not found.all_forwarded


def test_an_unknown_id_names_the_row_it_was_derived_from(home: ExportHome):
    home.set("filter", custom_events={"events": {"debug_ping": False}})
    home.add([custom_event(1), custom_event(2, "debug_ping")])
    home.export()
    filtered = derived(home, 1)[:-1] + "2"
    found = trace(home.config, filtered)

    assert not found.found
    assert found.files_searched == 1
    assert found.derived_from is not None
    assert (found.derived_from.table, found.derived_from.key) == ("custom_events", 2)


@pytest.mark.fault("F283")
@pytest.mark.parametrize(
    "stored", ["6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff", None]
)
def test_an_id_is_found_in_whatever_way_it_is_written(home: ExportHome, stored: str | None):
    home.add([custom_event(key) for key in range(3)] + [custom_event(7, time_uuid=stored)])
    home.export()
    own = stored or read_events(home.config)["time_uuid"].iloc[-1]
    digits = own.replace("-", "")

    for written in (own.lower(), own.upper(), digits, digits.upper(), f"{{{own}}}", f" {own}\n", f"urn:uuid:{own}"):
        found = trace(home.config, written)
        assert [event.event_name for event in found.events] == ["page_view"]
        assert found.time_uuid == own
        assert found.events[0].source.key == (None if stored else 7)
    assert trace(home.config, UUID(own)).found
    assert f"'{own}'" in home.verb("--config", str(home.write()), "trace", f" {{{own}}} ").stdout or not stored


def test_an_id_that_is_no_uuid_is_found_as_it_is_written_alone(home: ExportHome):
    home.add([custom_event(1, time_uuid="order-7/A")])
    home.export()

    assert trace(home.config, " order-7/A").found
    assert not trace(home.config, "order-7/a").found


def test_without_a_ledger_nothing_is_known_and_none_is_made(home: ExportHome):
    assert not trace(home.config, "anything").found
    assert not (home.folder / "ledger.db").exists()


@pytest.mark.parametrize("uuid", ["", "  ", "\ud800", None, 7])
def test_what_can_be_no_id_is_refused(home: ExportHome, uuid: str):
    with pytest.raises(ConfigError, match="timeUUID"):
        trace(home.config, uuid)


def test_the_newest_window_is_told_and_others_when_asked(home: ExportHome):
    home.add([custom_event(1, time_uuid="twice")])
    home.export()
    home.add([custom_event(2, time_uuid="twice", ingested_at=moment(LATER, 9).replace(tzinfo=None))])
    home.export(LATER)

    def windows(**options: object) -> list[str]:
        return [found.window for found in trace(home.config, "twice", **options).events]

    assert windows() == [LATER]
    assert windows(everywhere=True) == [LATER, DAY]
    assert windows(end=END) == [DAY]
    assert windows(start=END) == [LATER]
    assert windows(start=END + timedelta(days=1)) == []


def test_a_table_with_text_keys_says_where_to_look(home: ExportHome):
    with closing(sqlite3.connect(home.folder / "source.db")) as connection:
        connection.execute("DROP TABLE custom_events")
        connection.execute(
            "CREATE TABLE custom_events (id TEXT PRIMARY KEY, time_uuid TEXT, event_name TEXT, user_id TEXT, user TEXT,"
            " value TEXT, metadata TEXT, statsig_metadata TEXT, timestamp TIMESTAMP, ingested_at TIMESTAMP)"
        )
        connection.execute(
            "INSERT INTO custom_events (id, event_name, timestamp, ingested_at)"
            " VALUES ('a-key', 'named', '2026-11-20 12:00:00', '2026-11-20 12:00:01')"
        )
        connection.commit()
    home.export()
    (uuid,) = read_events(home.config)["time_uuid"]
    (found,) = trace(home.config, uuid).events

    assert found.source is not None
    assert (found.source.table, found.source.key, found.source.key_column) == ("custom_events", None, "id")
    assert (found.source.window_column, found.source.start) == ("ingested_at", START)


def test_a_table_without_a_key_says_where_to_look(home: ExportHome):
    laid = Laid(home.folder, home.receiver, f"sqlite:///{home.folder}/warehouse.db", "cloud_exports")
    laid.create("sqlite")
    laid.add("events", [{"timestamp": "2026-11-20 12:00:00", "event_name": "bought", "user_object": "{}"}])
    (sent,) = laid.sent()
    (found,) = trace(laid.config, sent["timeUUID"]).events

    assert found.source is not None
    assert (found.source.table, found.source.window_column) == ("events", "timestamp")
    assert (found.source.key_column, found.source.key, found.source.id_column) == (None, None, None)
    assert (found.source.start, found.source.end) == (START, END)
    assert found.counted_as == "forwarded"


def test_an_event_of_a_table_that_is_no_longer_configured_is_still_traced(home: ExportHome):
    home.add([custom_event(1, time_uuid="orphan")])
    home.export()
    home.set("source", custom_events={"table": ""})
    (found,) = trace(home.config, "orphan").events

    assert found.source is None
    assert found.export.rows_read == 1


def test_what_was_pruned_is_named_and_the_rest_is_searched(home: ExportHome):
    home.set("windows", lookback="1h")
    lived(home)
    next_day(home)
    home.ship()
    pruned(home)
    found = trace(home.config, "poison")

    assert not found.found
    assert [(left.partition, left.pruned.isoformat()[:10]) for left in found.pruned] == [
        (CUSTOM, "2027-01-05"),
        (GATE, "2027-01-05"),
    ]
    assert trace(home.config, "poison", start=END).pruned == ()
    later = trace(home.config, derived(home, 200))
    assert (later.found, later.pruned) == (True, ())


def test_a_file_that_cannot_be_read_stops_only_a_search_that_needs_it(home: ExportHome):
    home.add([custom_event(1, time_uuid="kept")], [exposure(1)])
    home.export()
    next(path for path in files(home, "events") if "gate" in str(path)).write_bytes(b"no parquet")

    assert trace(home.config, "kept").found
    with pytest.raises(LedgerError, match="1 cannot be read, such as events/category=gate_exposure"):
        trace(home.config, "nowhere")


def test_every_statement_of_a_trace_uses_an_index(home: ExportHome):
    lived(home)
    said: list[tuple[str, tuple]] = []

    def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
        said.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        trace(home.config, "poison")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with closing(sqlite3.connect(home.folder / "ledger.db")) as connection:
        plans = [
            (statement, step[3])
            for statement, parameters in said
            if re.search(r"FROM (batches|attempts|ship_runs|export_runs|generations|partitions)", statement)
            for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    assert len(plans) >= 6
    assert [plan for plan in plans if re.match(r"SCAN (?!pruned_partitions|json_each)", plan[1])] == []
