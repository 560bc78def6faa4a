"""`init`, then `plan`, on databases as strangers have them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from first_contact import init, init_json, plan, planned, written
from real_databases import RealDatabase
from statsig_tables import COLUMNS

NATIVE_EXPOSURES: Mapping[str, str] = {
    "id": "key",
    "exposure_type": "text",
    "name": "text",
    "rule_id": "text",
    "gate_value": "boolean",
    "group_name": "text",
    "reason": "text",
    "unit_type": "text",
    "user_id": "text",
    "user": "json",
    "metadata": "json",
    "statsig_metadata": "json",
    "time_uuid": "text",
    "timestamp": "moment",
    "ingested_at": "moment",
}
NATIVE_EVENTS: Mapping[str, str] = {
    "id": "key",
    "event_name": "text",
    "value": "text",
    **{name: NATIVE_EXPOSURES[name] for name in ("user_id", "user", "metadata", "statsig_metadata", "time_uuid")},
    "timestamp": "moment",
    "ingested_at": "moment",
}
EVENT = {
    "event_name": "purchase",
    "user_id": "u",
    "user": "{}",
    "timestamp": "2026-11-20 12:00:00",
    "ingested_at": "2026-11-20 12:00:01",
}
EXPOSURE = {
    "exposure_type": "gate",
    "name": "g",
    "gate_value": True,
    "user_id": "u",
    "user": "{}",
    "timestamp": "2026-11-20 12:00:00",
    "ingested_at": "2026-11-20 12:00:01",
}
SDK_LOG = {"id": "key", "received_at": "moment", "event": "json", "statsig_metadata": "json"}
SDK_EVENT = '{"eventName":"purchase","user":{"userID":"u"},"value":null,"metadata":{},"time":1795176000000}'
ROWS: Mapping[str, Mapping[str, object]] = {
    "native.exposures": {"id": 1, **EXPOSURE},
    "native.custom_events": {"id": 1, **EVENT},
    "sdk_log.sdk_events": {"id": 1, "received_at": "2026-11-20 12:00:01", "event": SDK_EVENT},
    "statsig_events.statsig_events": {
        "record_number": 1,
        "event_name": "purchase",
        "user": "{}",
        "time": 1795176000,
        "event_value": "1",
    },
    "cloud_exports.exposures": {
        "exposure_type": "check_gate",
        "name": "g",
        "experiment_group": "pass",
        "unit_id": "u",
        "unit_type": "user_id",
        "first_exposure_utc": "2026-11-20 12:00:00",
        "inserted_at": "2026-11-20 12:00:00",
    },
    "cloud_exports.events": {"event_name": "purchase", "user_id": "u", "timestamp": "2026-11-20 12:00:00"},
    "warehouse_native.statsig_forwarded_exposures": {
        "experiment_id": "e",
        "group_id": "g",
        "user_id": "u",
        "timestamp": "2026-11-20 12:00:00",
    },
    "warehouse_native.statsig_forwarded_events": {
        "event_name": "purchase",
        "user_id": "u",
        "timestamp": "2026-11-20 12:00:00",
    },
}
LAYOUT_TABLES: Mapping[str, Mapping[str, str]] = {
    **COLUMNS,
    "native.exposures": NATIVE_EXPOSURES,
    "native.custom_events": NATIVE_EVENTS,
    "sdk_log.sdk_events": SDK_LOG,
}
TYPES = {"time": "moment", "float": "double", "key": "key"}


def renamed(columns: Mapping[str, str], **names: str) -> dict[str, str]:
    return {names.get(name, name): kind for name, kind in columns.items()}


def unrelated(database: RealDatabase, number: int) -> None:
    """Tables that have an ID, a name and times, as most tables have."""
    columns = "id bigint, name varchar(50), status varchar(50), value integer, created_at timestamp NULL"
    if database.kind == "postgresql":
        database.run(
            f"DO $$ BEGIN FOR n IN 1..{number} LOOP "
            f"EXECUTE format('CREATE TABLE unrelated_%s ({columns})', n); END LOOP; END $$"
        )
        return
    for n in range(1, number + 1):
        database.run(f"CREATE TABLE unrelated_{n} ({columns})")


def break_a_view(database: RealDatabase) -> None:
    """A view that fails: of a table that is gone, or by a cast where the database keeps such a table."""
    if database.kind == "postgresql":
        database.run("CREATE VIEW broken AS SELECT CAST('x' || id::text AS integer) AS n FROM generate_series(1, 3) id")
        return
    database.run("CREATE TABLE gone (id integer, event_name varchar(20))")
    database.run("CREATE VIEW broken AS SELECT id, event_name FROM gone")
    database.run("DROP TABLE gone")


def lay_down(database: RealDatabase, layout: str) -> None:
    for name, columns in LAYOUT_TABLES.items():
        if name.startswith(f"{layout}."):
            table = name.removeprefix(f"{layout}.")
            database.create(table, {column: TYPES.get(kind, kind) for column, kind in columns.items()})
            database.insert(table, [ROWS[name]])


@pytest.mark.fault("F230", "F232")
@pytest.mark.parametrize("layout", ["native", "sdk_log", "statsig_events", "cloud_exports", "warehouse_native"])
def test_each_layout_is_found_and_planned_beside_many_tables_and_a_broken_view(
    database: RealDatabase, tmp_path: Path, layout: str
):
    unrelated(database, 300 if database.kind == "postgresql" else 20)
    break_a_view(database)
    lay_down(database, layout)
    report = init_json(tmp_path, database.url)

    assert report["layout"] == layout
    assert all(report["tables"].values())
    assert report["candidates"] == []
    assert planned(tmp_path, database.url) == len(report["tables"])


@pytest.mark.fault("F231")
@pytest.mark.parametrize("names", [("created_at", "event_time"), ("inserted", "occurredAt"), ("loaded_at", "TS")])
def test_native_tables_with_two_columns_renamed_are_found_and_planned(
    database: RealDatabase, tmp_path: Path, names: Sequence[str]
):
    window, time = names
    renaming = {"ingested_at": window, "timestamp": time}
    database.create("exposures", renamed(NATIVE_EXPOSURES, **renaming))
    database.create("custom_events", renamed(NATIVE_EVENTS, **renaming))
    database.insert("exposures", [{renaming.get(n, n): v for n, v in ROWS["native.exposures"].items()}])
    database.insert("custom_events", [{renaming.get(n, n): v for n, v in ROWS["native.custom_events"].items()}])
    report = init_json(tmp_path, database.url)

    for table in report["tables"].values():
        assert table["window_column"] == window
        assert table["columns"] == {"timestamp": time}
        assert 0.9 < table["score"] < 1
    assert written(tmp_path)["source"]["custom_events"]["window_column"] == window
    assert planned(tmp_path, database.url) == 2


@pytest.mark.fault("F233")
@pytest.mark.parametrize("role", ["exposures", "custom_events"])
def test_one_table_is_proposed_for_one_role_and_no_required_column_is_left_out(
    database: RealDatabase, tmp_path: Path, role: str
):
    columns = NATIVE_EXPOSURES if role == "exposures" else NATIVE_EVENTS
    database.create("things", columns)
    database.insert("things", [ROWS[f"native.{role}"]])
    init_json(tmp_path, database.url)
    source = written(tmp_path)["source"]

    other = "custom_events" if role == "exposures" else "exposures"
    assert (source[role]["table"], source[other]["table"]) == ("things", "")
    assert "columns" not in source[role]
    assert planned(tmp_path, database.url) == 1


@pytest.mark.fault("F233")
def test_a_table_without_a_required_column_is_told_of_with_what_it_lacks_and_nothing_is_proposed(
    database: RealDatabase, tmp_path: Path
):
    database.create("clicks", {name: kind for name, kind in NATIVE_EVENTS.items() if name not in {"user_id", "user"}})
    report = init_json(tmp_path, database.url)
    (candidate,) = report["candidates"]

    assert report["tables"] == {}
    assert candidate["table"] == "clicks"
    assert candidate["required_missing"] == ["user_id or user"]
    assert 'user_id = ""' not in candidate["toml"]
    assert candidate["columns"] == {}


@pytest.mark.fault("F234")
def test_a_far_time_neither_ends_init_nor_moves_the_start_past_older_rows(database: RealDatabase, tmp_path: Path):
    far = ["2999-01-01 00:00:00", "9999-12-31 00:00:00"]
    if database.kind in {"postgresql", "duckdb"}:
        far += ["infinity", "-infinity", "20000-01-01 00:00:00"]
    if database.kind == "postgresql":
        far += ["0044-03-15 00:00:00 BC", "294276-12-31 23:59:59"]
    if database.kind == "sqlite":
        far += ["infinity", "", "no time"]
    early = ["1970-01-01 00:00:00"]
    times = [*far, *early, "2026-11-03 23:59:59", "2026-11-20 12:00:00"]
    database.create("custom_events", NATIVE_EVENTS)
    database.insert("custom_events", [{"id": n, **EVENT, "ingested_at": time} for n, time in enumerate(times)])
    report = init_json(tmp_path, database.url)

    assert written(tmp_path)["windows"]["start"] == "2026-11-03T00:00:00Z"
    assert report["plan"]["windows"] == ["2026-11-20"]
    assert report["rows_outside"] == {"custom_events": ["before 2000", "in the future"]}


@pytest.mark.fault("F336")
@pytest.mark.parametrize("kind", ["TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ", "DATE"])
def test_every_type_of_time_is_looked_at_whatever_years_it_can_hold(
    database_of: Callable[[str], RealDatabase], tmp_path: Path, kind: str
):
    database = database_of("duckdb")
    database.create("custom_events", {**NATIVE_EVENTS, "ingested_at": kind})
    times = ["1969-12-31 00:00:00", "2026-11-20 12:00:00", "2200-01-01 00:00:00"]
    database.insert("custom_events", [{"id": n, **EVENT, "ingested_at": time} for n, time in enumerate(times)])
    report = init_json(tmp_path, database.url)

    assert report["plan"]["windows"] == ["2026-11-20"]
    assert report["rows_outside"] == {"custom_events": ["before 2000", "in the future"]}


@pytest.mark.fault("F336")
def test_a_window_column_of_days_starts_with_the_first_of_them(database: RealDatabase, tmp_path: Path):
    database.create("custom_events", {**NATIVE_EVENTS, "ingested_at": "date"})
    days = ["2026-03-05", "2026-11-20"]
    database.insert("custom_events", [{"id": n, **EVENT, "ingested_at": day} for n, day in enumerate(days)])
    report = init_json(tmp_path, database.url)

    assert written(tmp_path)["windows"]["start"] == "2026-03-05T00:00:00Z"
    assert report["plan"]["windows"] == ["2026-11-20"]


@pytest.mark.fault("F234")
@pytest.mark.parametrize("column", ["timestamp", "ingested_at"])
def test_a_table_with_nothing_but_far_times_gets_the_default_start(database: RealDatabase, tmp_path: Path, column: str):
    far = "infinity" if database.kind in {"postgresql", "duckdb"} else "9999-12-31 00:00:00"
    database.create("custom_events", NATIVE_EVENTS)
    database.insert("custom_events", [{"id": 1, **EVENT, "ingested_at": far, column: far}])
    report = init_json(tmp_path, database.url)

    assert report["plan"] is None
    assert written(tmp_path)["windows"]["start"] == "2026-11-01T00:00:00Z"


@pytest.mark.fault("F234")
@pytest.mark.parametrize(
    ("stored", "start"),
    [
        ((1795176000, 1793664000123), "2026-11-03T00:00:00Z"),  # seconds of the 20th, milliseconds of the 3rd
        ((1793664000, 1795176000000000), "2026-11-03T00:00:00Z"),
        ((0, -5, 1795176000), "2026-11-20T00:00:00Z"),
    ],
)
def test_epoch_numbers_of_several_units_start_with_the_first_time_and_not_the_least_number(
    database: RealDatabase, tmp_path: Path, stored: Sequence[int], start: str
):
    lay_down(database, "statsig_events")
    database.run("DELETE FROM statsig_events")
    row = ROWS["statsig_events.statsig_events"]
    database.insert("statsig_events", [{**row, "record_number": n, "time": time} for n, time in enumerate(stored)])
    init_json(tmp_path, database.url)

    assert written(tmp_path)["windows"]["start"] == start


@pytest.mark.fault("F235")
def test_a_key_that_is_a_uuid_is_proposed_as_the_time_uuid_too(database: RealDatabase, tmp_path: Path):
    kind = "uuid" if database.kind in {"postgresql", "duckdb"} else "char(36)"
    columns = {name: each for name, each in NATIVE_EVENTS.items() if name != "time_uuid"}
    uuid = "0effeb2c-2e24-4972-b0bd-ec559e6a92a7"
    database.create("custom_events", {**columns, "id": kind})
    database.insert("custom_events", [{**EVENT, "id": uuid}])
    init_json(tmp_path, database.url)

    assert written(tmp_path)["source"]["custom_events"]["columns"] == {"time_uuid": "id"}
    assert uuid in plan(tmp_path, database.url).stdout


@pytest.mark.fault("F235")
def test_a_key_of_text_that_is_no_uuid_is_no_time_uuid(database: RealDatabase, tmp_path: Path):
    columns = {name: each for name, each in NATIVE_EVENTS.items() if name != "time_uuid"}
    database.create("custom_events", {**columns, "id": "char(36)"})
    database.insert("custom_events", [{**EVENT, "id": "order-7"}])
    init_json(tmp_path, database.url)

    assert written(tmp_path)["source"]["custom_events"]["columns"] == {"time_uuid": ""}


@pytest.mark.fault("F231")
def test_a_text_that_holds_no_json_is_no_user_and_no_event(database: RealDatabase, tmp_path: Path):
    """An `event` that is a name would make an SDK's log of the table, a `user` that is a name fail every row."""
    columns = {"id": "key", "event": "varchar(50)", "user_id": "varchar(50)", "user": "varchar(50)"}
    database.create("tracks", {**columns, "timestamp": "moment", "received_at": "moment"})
    times = {"timestamp": EVENT["timestamp"], "received_at": EVENT["ingested_at"]}
    database.insert("tracks", [{"id": 1, "event": "Order Completed", "user_id": "u", "user": "Ada", **times}])
    report = init_json(tmp_path, database.url)

    assert report["layout"] == "native"
    assert report["tables"]["custom_events"]["columns"]["event_name"] == "event"
    assert report["tables"]["custom_events"]["columns"]["user"] == ""
    assert planned(tmp_path, database.url) == 1


def test_a_database_of_tables_with_a_name_and_a_time_gets_no_proposal_and_no_candidates(
    database: RealDatabase, tmp_path: Path
):
    unrelated(database, 3)
    database.create("orders", {"id": "key", "user_id": "text", "type": "text", "value": "text", "created_at": "moment"})
    report = init_json(tmp_path, database.url)

    assert (report["tables"], report["candidates"]) == ({}, [])


def test_what_was_found_is_readable_without_a_terminal(database: RealDatabase, tmp_path: Path):
    database.create("my_events", renamed(NATIVE_EVENTS, ingested_at="created_at", event_name="event", value="amount"))
    database.insert("my_events", [{"id": 1, "event": "e", "created_at": EVENT["ingested_at"], "user_id": "u"}])
    result = init(tmp_path, STATSIG_DATABASE_URL=database.url)

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "custom_events: my_events, 100% of the columns, score 0.9" in result.stdout
    for line in ("window_column is created_at", "event_name is event", "value is amount"):
        assert f"    {line}\n" in result.stdout


@pytest.mark.fault("F231")
def test_an_sdk_log_without_the_requests_metadata_is_found_and_planned(database: RealDatabase, tmp_path: Path):
    database.create("sdk_events", {name: kind for name, kind in SDK_LOG.items() if name != "statsig_metadata"})
    database.insert("sdk_events", [ROWS["sdk_log.sdk_events"]])
    report = init_json(tmp_path, database.url)

    assert report["tables"]["sdk_events"]["columns"] == {"statsig_metadata": ""}
    assert planned(tmp_path, database.url) == 1
