"""Every row falls into exactly one window: at the boundaries, in every zone of a session, over changes of the clock."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from real_databases import RealDatabase, keys, read
from source_databases import DAY as FIRST
from source_databases import NEXT_DAY, places, unplaced
from test_every_database import EXPOSURES, exposure

from statsig_export.source.source import Source

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Zone and the moment at which its clocks change: put back, so that an hour comes twice, or forward over one.
CHANGES = [
    pytest.param("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC), id="Berlin-repeated-hour"),
    pytest.param("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC), id="Berlin-skipped-hour"),
    pytest.param("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC), id="New-York-repeated-hour"),
    pytest.param("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC), id="New-York-skipped-hour"),
]


def moments_around(change: datetime) -> list[datetime]:
    """Six hours on both sides: each full hour, what comes just before and after it, and all its quarters."""
    hours = [change + n * HOUR for n in range(-6, 7)]
    quarters = [hour + n * HOUR / 4 for hour in hours for n in (1, 2, 3)]
    return sorted([*hours, *quarters, *(hour - MICROSECOND for hour in hours), *(hour + MICROSECOND for hour in hours)])


def written(moment: datetime, kind: str, database: str) -> object:
    """The moment for a column with a zone, written in one, and for a column without, in UTC."""
    if kind == "zoned" and database != "mysql":
        return moment.astimezone(timezone(-5 * HOUR)).isoformat(" ")
    return moment.replace(tzinfo=None).isoformat(" ")


def shares(source: Source, start: datetime, length: timedelta, count: int) -> list[list[int]]:
    """The keys of the rows of consecutive windows."""
    return [keys(source, "exposures", start + n * length, start + (n + 1) * length) for n in range(count)]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("kind", ["moment", "zoned"])
def test_hours_and_days_share_all_rows_out_by_their_moment_over_a_change_of_the_clocks(
    database: RealDatabase, zone: str, change: datetime, kind: str
):
    moments = moments_around(change)
    database.create("exposures", {**EXPOSURES, "ingested_at": kind, "timestamp": kind})
    if database.kind == "mysql":
        database.run("SET GLOBAL time_zone = '+00:00'")
    texts = [written(moment, kind, database.kind) for moment in moments]
    database.insert("exposures", [exposure(n, ingested_at=t, timestamp=t) for n, t in enumerate(texts)])
    first_hour, first_day = change - 7 * HOUR, change.replace(hour=0) - DAY
    with database.source_in_zone(zone) as source:
        for start, length, count in ((first_hour, HOUR, 14), (first_day, DAY, 3)):
            windows = [(start + n * length, start + (n + 1) * length) for n in range(count)]
            expected = [[n for n, moment in enumerate(moments) if start <= moment < end] for start, end in windows]
            assert shares(source, start, length, count) == expected
            assert sum(map(len, expected)) == len(moments)
        frame = read(source, "exposures", first_day, first_day + 3 * DAY)
    if database.kind != "sqlite":  # which gives times as the text that is stored
        assert [time.tz_localize(UTC) for time in frame["timestamp"]] == moments


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("declared", ["BIGINT", "DECIMAL(24,4)", "double"])
def test_epochs_in_any_unit_are_placed_exactly(database: RealDatabase, declared: str, unit: int):
    """Statsig's own statsig_events has `time BIGINT`, without a word on its unit."""
    database.create("exposures", {**EXPOSURES, "ingested_at": declared})
    start = datetime(2026, 11, 1, tzinfo=UTC)
    first, past = (int(moment.timestamp()) * unit for moment in (start, start + DAY))
    # A double holds every 256th nanosecond of our days.
    step = 256 if (declared, unit) == ("double", 10**9) else 1
    stored = [first, past - step, first - step, past, first + 13 * 3600 * unit, first + 14 * 3600 * unit]
    database.insert("exposures", [exposure(n, ingested_at=value) for n, value in enumerate(stored)])
    with database.source() as source:
        assert keys(source, "exposures", start, start + DAY) == [0, 1, 4, 5]
        assert keys(source, "exposures", start - DAY, start) == [2]
        assert keys(source, "exposures", start + DAY, start + 2 * DAY) == [3]
        assert keys(source, "exposures", start + 13 * HOUR, start + 14 * HOUR) == [4]
        assert unplaced(source) == 0


def test_a_number_is_one_time_only_whatever_windows_are_asked_for(database: RealDatabase):
    """Seconds of 2026 are milliseconds of 1970, and milliseconds are microseconds."""
    database.create("exposures", {**EXPOSURES, "ingested_at": "BIGINT"})
    second = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp())
    units = [second * unit for unit in (1, 10**3, 10**6, 10**9)]
    database.insert("exposures", [exposure(n, ingested_at=value) for n, value in enumerate([*units, 0, 86_399])])
    with database.source() as source:
        assert keys(source, "exposures", EPOCH, EPOCH + DAY) == [4, 5]
        assert keys(source, "exposures", EPOCH + DAY, datetime(2026, 11, 1, tzinfo=UTC)) == []
        assert keys(source, "exposures", EPOCH, datetime(9999, 1, 1, tzinfo=UTC)) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("declared", ["BIGINT", "DECIMAL(24,4)", "double"])
def test_numbers_that_no_window_can_hold_are_counted(database: RealDatabase, declared: str):
    database.create("exposures", {**EXPOSURES, "ingested_at": declared})
    stored: list[object] = [1_793_534_400, 0, None, -1, -1_793_534_400]
    odd: list[object] = [float("inf"), float("-inf"), float("nan")] if declared == "double" else []
    if database.kind == "sqlite":
        odd = odd[:2]  # a NaN is stored as null
    if database.kind == "mysql":
        odd = []
    database.insert("exposures", [exposure(n, ingested_at=value) for n, value in enumerate([*stored, *odd])])
    with database.source() as source:
        assert unplaced(source) == 3 + len(odd)
        assert keys(source, "exposures", EPOCH, datetime(9999, 1, 1, tzinfo=UTC)) == [0, 1]


@pytest.mark.parametrize("kind", ["moment", "zoned"])
def test_rows_without_a_time_are_counted_and_belong_to_no_window(database: RealDatabase, kind: str):
    database.create("exposures", {**EXPOSURES, "ingested_at": kind})
    odd: list[object] = ["infinity", "-infinity"] if database.kind in {"postgresql", "duckdb"} else []
    stored = ["2026-11-01 12:00:00", None, *odd]
    database.insert("exposures", [exposure(n, ingested_at=value) for n, value in enumerate(stored)])
    with database.source() as source:
        assert unplaced(source) == 1 + len(odd)
        assert keys(source, "exposures", EPOCH, datetime(9999, 1, 1, tzinfo=UTC)) == [0]


def test_windows_may_be_by_event_time(database: RealDatabase):
    """Late rows are then the rule: they belong to windows that have long been exported."""
    database.create("exposures", EXPOSURES)
    rows = [("2026-11-01 23:59:59.999999", "2026-11-03 08:00:00"), ("2026-11-02 00:00:00", "2026-11-02 00:00:01")]
    database.insert("exposures", [exposure(n, timestamp=at, ingested_at=in_) for n, (at, in_) in enumerate(rows)])
    first = datetime(2026, 11, 1, tzinfo=UTC)
    with database.source() as by_insertion, database.source(exposures={"window_column": "timestamp"}) as by_event:
        windows = [(first + n * DAY, first + (n + 1) * DAY) for n in range(3)]
        assert [keys(by_insertion, "exposures", *window) for window in windows] == [[], [1], [0]]
        assert [keys(by_event, "exposures", *window) for window in windows] == [[0], [1], []]


@pytest.mark.parametrize("kind", ["postgresql", "duckdb"])
def test_a_time_that_python_cannot_hold_is_null_and_costs_no_other_row(
    database_of: Callable[[str], RealDatabase], kind: str
):
    database = database_of(kind)
    database.create("exposures", {**EXPOSURES, "timestamp": "zoned"})
    times = ["infinity", "-infinity", "20000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"]
    times[3] = times[3] if kind == "postgresql" else "0044-03-15 (BC) 00:00:00+00"
    rows = [exposure(n, timestamp=time) for n, time in enumerate([*times, "2026-11-01 12:00:00+00"])]
    database.insert("exposures", rows)
    with database.source_in_zone("America/New_York") as source:
        assert read(source, "exposures")["timestamp"].notna().tolist() == [False, False, False, False, True]


NUMBERS = {
    "before_start": [0, 20260901, 45900, 1_793_491_199, 1_793_491_199_999],
    "in_future": [20260901103000, 32_472_144_000, 1_793_577_600, 1_793_577_600_000_000],
    "unplaced": [None, -1],
}


@pytest.mark.fault("F245")
@pytest.mark.parametrize("declared", ["BIGINT", "DECIMAL(24,4)", "double"])
def test_numbers_before_the_start_and_in_the_future_are_counted_beside_those_that_are_no_time(
    database: RealDatabase, declared: str
):
    """Dates in digits and serial days are numbers like any other to a database."""
    database.create("exposures", {**EXPOSURES, "ingested_at": declared})
    stored = [*itertools.chain(*NUMBERS.values()), 1_793_491_200, 1_793_577_599_999]
    database.insert("exposures", [exposure(n, ingested_at=value) for n, value in enumerate(stored)])
    with database.source() as source:
        assert places(source) == {place: len(values) for place, values in NUMBERS.items()}
        assert len(keys(source, "exposures", FIRST, NEXT_DAY)) == 2


@pytest.mark.fault("F245")
@pytest.mark.parametrize("kind", ["moment", "zoned"])
def test_times_before_the_start_and_in_the_future_are_counted_beside_those_that_are_none(
    database: RealDatabase, kind: str
):
    database.create("exposures", {**EXPOSURES, "ingested_at": kind})
    odd = ["infinity", "-infinity"] if database.kind in {"postgresql", "duckdb"} else []
    future = ["2026-11-02 00:00:00", "2999-01-01 00:00:00"] if kind == "moment" else ["2026-11-02 00:00:00"]
    before = ["1970-01-21 18:25:34", "2026-10-31 23:59:59"]
    stored = [None, *odd, *before, *future, "2026-11-01 00:00:00", "2026-11-01 23:59:59"]
    if database.kind == "mysql":
        database.run("SET GLOBAL time_zone = '+00:00'")
    database.insert("exposures", [exposure(n, ingested_at=value) for n, value in enumerate(stored)])
    with database.source() as source:
        assert places(source) == {"unplaced": 1 + len(odd), "before_start": 2, "in_future": len(future)}


@pytest.mark.fault("F246")
def test_a_table_is_whole_outside_only_if_not_one_row_is_within(database: RealDatabase):
    database.create("exposures", {**EXPOSURES, "ingested_at": "BIGINT"})
    table_of_days = [exposure(n, ingested_at=20260901 + n) for n in range(3)]
    database.insert("exposures", table_of_days)
    with database.source() as source:
        outside = source.count_outside(source.tables[0], FIRST, NEXT_DAY)
    assert outside.whole
    assert outside.looks_like == {"before_start": "YYYYMMDD"}
    database.insert("exposures", [exposure(9, ingested_at=1_793_491_200)])
    with database.source() as source:
        assert not source.count_outside(source.tables[0], FIRST, NEXT_DAY).whole
