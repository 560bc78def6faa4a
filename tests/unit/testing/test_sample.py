"""The sample source, read by a naive reader: plain rows, plain dicts, no part of the export."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import Engine, create_engine, text

from statsig_export.testing.sample import sample
from statsig_export.testing.sample.sample import SampleSummary, create_sample

START = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS = 12_000
DAYS = 3
Row = dict[str, object]
EXPOSURE_CATEGORIES = {
    "gate": "gate_exposure",
    "config": "config_exposure",
    "experiment": "experiment_exposure",
    "layer": "layer_exposure",
}


def sqlite_engine(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}")


def rows_of(path: Path, table: str) -> list[Row]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute(f"select * from {table} order by id")]  # noqa: S608
    for row in rows:
        row["fault"] = fault(row)
    return rows


def fill(path: Path, events: int = 2_000, seed: int = 7, bad_rows: int | None = None) -> SampleSummary:
    engine = sqlite_engine(path)
    try:
        return create_sample(engine, events=events, start=START, days=DAYS, seed=seed, bad_rows=bad_rows)
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampleSummary, list[Row], list[Row]]:
    path = tmp_path_factory.mktemp("sample") / "source.db"
    summary = fill(path, EVENTS, bad_rows=60)
    return summary, rows_of(path, "exposures"), rows_of(path, "custom_events")


@pytest.fixture
def summary(filled: tuple[SampleSummary, list[Row], list[Row]]) -> SampleSummary:
    return filled[0]


@pytest.fixture
def exposures(filled: tuple[SampleSummary, list[Row], list[Row]]) -> list[Row]:
    return filled[1]


@pytest.fixture
def custom_events(filled: tuple[SampleSummary, list[Row], list[Row]]) -> list[Row]:
    return filled[2]


def category(row: Row) -> str:
    if "event_name" in row:
        return "config_change" if row["event_name"] == "statsig::config_change" else "custom_event"
    return EXPOSURE_CATEGORIES.get(str(row["exposure_type"]), "gate_exposure")


def fault(row: Row) -> str | None:
    """What is wrong with a row, by a reading of its own."""
    if "event_name" in row and not row["event_name"]:
        return "missing_event_name"
    if "exposure_type" in row and row["exposure_type"] not in EXPOSURE_CATEGORIES:
        return "unknown_exposure_type"
    if "exposure_type" in row and not row["name"]:
        return "missing_name"
    try:
        datetime.fromisoformat(str(row["timestamp"]))
    except ValueError:
        return "bad_timestamp"
    for column in ("user", "metadata", "statsig_metadata"):
        found = None if row[column] is None else json_fault(str(row[column]))
        if found:
            return found
    return None


def json_fault(written: str) -> str | None:
    if "NaN" in written:
        return "not_json_number"
    try:
        read = json.loads(written)
        json.dumps(read, ensure_ascii=False).encode()
    except json.JSONDecodeError:
        return "malformed_json"
    except UnicodeEncodeError:
        return "not_unicode"
    return None if isinstance(read, dict) else "wrong_type"


def good(rows: list[Row]) -> Iterator[Row]:
    return (row for row in rows if row["fault"] is None)


def moment(row: Row, column: str) -> datetime:
    return datetime.fromisoformat(str(row[column])).replace(tzinfo=UTC)


def test_the_summary_counts_what_a_naive_reader_finds(
    summary: SampleSummary, exposures: list[Row], custom_events: list[Row]
):
    rows = exposures + custom_events
    assert len(rows) == summary.events == EVENTS
    assert summary.rows == Counter((str(row["ingested_at"])[:10], category(row)) for row in rows)
    found = ((str(row["ingested_at"])[:10], category(row), row["fault"]) for row in rows)
    assert summary.bad == Counter(each for each in found if each[2])
    assert summary.event_names == Counter(row["event_name"] for row in good(custom_events))


def test_the_bad_rows_are_as_many_as_asked_for_and_of_every_kind(summary: SampleSummary):
    assert summary.bad.total() == 60
    assert set(summary.bad_by_reason) == {
        "malformed_json",
        "wrong_type",
        "not_unicode",
        "not_json_number",
        "bad_timestamp",
        "unknown_exposure_type",
        "missing_name",
        "missing_event_name",
    }
    assert min(summary.bad_by_reason.values()) >= 3


def test_one_row_in_a_thousand_is_bad_unless_said_otherwise(tmp_path: Path):
    assert fill(tmp_path / "a.db", 4_000).bad.total() == 4
    assert fill(tmp_path / "b.db", 1_000, bad_rows=0).bad.total() == 0
    assert fill(tmp_path / "c.db", 5, bad_rows=9).bad.total() == 5
    assert fill(tmp_path / "d.db", 0).events == 0


def test_equal_arguments_make_equal_rows_and_another_seed_others(tmp_path: Path):
    def tables(name: str, seed: int) -> list[list[Row]]:
        fill(tmp_path / name, seed=seed)
        return [rows_of(tmp_path / name, table) for table in ("exposures", "custom_events")]

    first = tables("a.db", 7)
    assert tables("b.db", 7) == first
    assert tables("c.db", 8) != first


def test_every_category_of_exposure_comes_with_what_belongs_to_it(exposures: list[Row]):
    by_type: dict[object, list[Row]] = {}
    for row in good(exposures):
        by_type.setdefault(row["exposure_type"], []).append(row)
    assert set(by_type) == set(EXPOSURE_CATEGORIES)
    assert {row["gate_value"] for row in by_type["gate"]} == {0, 1}
    assert all(row["group_name"] for row in by_type["experiment"])
    assert not any(row["group_name"] for row in by_type["config"])
    layer_keys = {key for row in by_type["layer"] for key in json.loads(str(row["metadata"]))}
    assert layer_keys >= {"allocatedExperiment", "parameterName", "isExplicitParameter"}
    assert {row["unit_type"] for row in good(exposures)} == {"userID", "stableID", "companyID"}


def test_companies_exposures_are_of_users_who_have_a_company(exposures: list[Row]):
    companies = [row for row in good(exposures) if row["unit_type"] == "companyID"]
    assert companies
    assert all("companyID" in json.loads(str(row["user"]))["customIDs"] for row in companies)


def test_a_unit_stays_in_its_group(exposures: list[Row]):
    groups: dict[object, set[object]] = {}
    for row in good(exposures):
        if row["exposure_type"] == "experiment":
            groups.setdefault((row["name"], row["user"]), set()).add(row["group_name"])
    assert all(len(found) == 1 for found in groups.values())
    assert len({group for found in groups.values() for group in found}) > 4


def test_a_dozen_custom_events_are_there_with_telemetry_and_configuration_changes(custom_events: list[Row]):
    names = Counter(row["event_name"] for row in good(custom_events))
    assert len(names) == 15
    assert {"product_view", "debug_ping", "auto_capture::page_view", "statsig::app_error"} <= set(names)
    telemetry = [row for row in custom_events if row["event_name"] == "statsig::diagnostics"]
    assert {(row["user_id"], row["user"]) for row in telemetry} == {(None, "{}")}
    changes = [row for row in custom_events if row["event_name"] == "statsig::config_change"]
    assert {tuple(json.loads(str(row["user"]))) for row in changes} == {("name", "email")}
    keys = {tuple(json.loads(str(row["metadata"]))) for row in changes}
    assert keys == {
        ("type", "name", "description", "action"),
        ("type", "name", "description", "action", "environment"),
    }


def test_values_are_text_and_metadata_nests(custom_events: list[Row]):
    purchases = [row for row in good(custom_events) if row["event_name"] == "purchase"]
    assert all(isinstance(row["value"], str) and float(row["value"]) > 0 for row in purchases)
    assert any(json.loads(str(row["metadata"]))["order_id"] > 2**53 for row in purchases)
    assert all(isinstance(json.loads(str(row["metadata"]))["items"], list) for row in purchases)
    assert any(row["value"] is None and row["metadata"] for row in custom_events)
    assert any(row["metadata"] is None for row in custom_events)


def test_users_are_skewed_and_of_all_kinds(exposures: list[Row], custom_events: list[Row]):
    rows = [row for row in good(exposures + custom_events) if row["user"] != "{}"]
    busiest = Counter(row["user"] for row in rows).most_common()
    assert busiest[0][1] > 20 * busiest[len(busiest) // 2][1]
    users = [json.loads(str(written)) for written, _ in busiest]
    assert any("privateAttributes" in user for user in users)
    assert {row["user_id"] for row in rows} >= {None, ""}
    assert all(
        json.loads(str(row["user"])).get("userID", "") == (row["user_id"] or "")
        for row in rows[:2_000]
        if row["user_id"]
    )
    names = "".join(user["custom"]["name"] for user in users if "custom" in user)
    assert all(sign in names for sign in "山כ🚀\u2028\"'\\á한")
    assert any("\\u" in str(row["user"]) for row in rows)
    assert any(not str(row["user"]).isascii() for row in rows)


def test_rows_arrive_within_the_days_asked_for_seconds_to_hours_after_they_happened(
    exposures: list[Row], custom_events: list[Row]
):
    rows = list(good(exposures + custom_events))
    assert min(moment(row, "ingested_at") for row in rows) >= START
    assert max(moment(row, "ingested_at") for row in rows) < START + timedelta(days=DAYS)
    lags = [moment(row, "ingested_at") - moment(row, "timestamp") for row in rows]
    assert min(lags) > timedelta(0)
    assert timedelta(seconds=5) < median(lags) < timedelta(minutes=1)
    assert max(lags) > timedelta(hours=1)


def test_traffic_follows_the_hours(exposures: list[Row]):
    hours = Counter(moment(row, "ingested_at").hour for row in exposures)
    assert len(hours) == 24
    assert hours[15] > 2 * hours[3]


def test_ids_follow_the_order_of_arrival_and_few_events_have_a_time_uuid(exposures: list[Row]):
    assert [row["id"] for row in exposures] == list(range(1, len(exposures) + 1))
    moments = [moment(row, "ingested_at") for row in exposures]
    assert moments == sorted(moments)
    given = [row["time_uuid"] for row in exposures if row["time_uuid"] is not None]
    assert 0.01 < len(given) / len(exposures) < 0.06
    assert len(set(given)) == len(given)


def test_the_median_event_is_of_a_realistic_size(exposures: list[Row], custom_events: list[Row]):
    columns = ("user", "metadata", "statsig_metadata")
    sizes = [sum(len(str(row[column] or "").encode()) for column in columns) for row in exposures + custom_events]
    assert 500 < median(sizes) < 1_000


def test_a_start_in_another_zone_is_taken_as_the_moment_it_is(tmp_path: Path):
    engine = sqlite_engine(tmp_path / "source.db")
    tokyo = datetime(2026, 11, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    summary = create_sample(engine, events=500, start=tokyo, days=1)
    engine.dispose()
    assert {day for day, _ in summary.rows} == {"2026-11-01"}


def test_many_blocks_make_the_same_counts_as_one_and_more_rows_go_behind_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sample, "BLOCK_ROWS", 97)
    path = tmp_path / "source.db"
    first, second = fill(path, 1_000, bad_rows=40), fill(path, 500, seed=8, bad_rows=10)
    rows = rows_of(path, "exposures")
    assert [row["id"] for row in rows] == list(range(1, 826))
    faults = Counter(row["fault"] for row in rows + rows_of(path, "custom_events"))
    assert faults.total() - faults[None] == first.bad.total() + second.bad.total() == 50
    assert len(rows_of(path, "custom_events")) == 675


def test_postgresql_is_filled_with_the_bad_rows_that_it_lets_in_and_goes_on_numbering(postgres_url: str):
    engine = create_engine(postgres_url)
    try:
        summary = create_sample(engine, events=2_000, start=START, days=DAYS, bad_rows=40)
        assert set(summary.bad_by_reason) == {
            "wrong_type",
            "not_unicode",
            "unknown_exposure_type",
            "missing_name",
            "missing_event_name",
        }
        with engine.begin() as connection:
            assert connection.scalar(text("select count(*) from exposures")) == 1_100
            assert connection.scalar(text("select count(*) from custom_events")) == 900
            day = text("select count(*) from custom_events where ingested_at::date = '2026-11-02'")
            expected = sum(
                count for (at, kind), count in summary.rows.items() if at == "2026-11-02" and "_exp" not in kind
            )
            assert connection.scalar(day) == expected
            plan = text("select metadata->>'product_id' from custom_events where event_name = 'product_view' limit 1")
            assert str(connection.scalar(plan)).startswith("sku_")
            added = text("insert into exposures (exposure_type) values ('gate') returning id")
            assert connection.scalar(added) == 1_101
    finally:
        engine.dispose()
