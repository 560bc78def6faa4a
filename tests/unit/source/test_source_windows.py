import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from source_databases import DAY, NEXT_DAY, NOON, insert, keys, run_sql, source_at, unplaced
from sqlalchemy import create_engine

from statsig_export.arrow.timestamps import to_epoch_ms
from statsig_export.layouts.native_tables import create_tables
from statsig_export.source.source import Source

HOUR = timedelta(hours=1)
LAST_MICROSECOND = timedelta(microseconds=-1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("windows") / "events.db"
    engine = create_engine(f"sqlite:///{file}")
    create_tables(engine, "native")
    engine.dispose()
    return file


@pytest.fixture
def source(file: Path) -> Iterator[Source]:
    declare(file, "DATETIME")
    with source_at(f"sqlite:///{file}") as source:
        yield source


def declare(file: Path, declaration: str) -> None:
    """Empty the exposures and give their window column another declared type."""
    with closing(sqlite3.connect(file)) as connection, connection:
        (ddl,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'exposures'").fetchone()
        before, after = ddl.split("ingested_at", 1)
        after = after[after.index(",") :]
        connection.execute("DROP TABLE exposures")
        connection.execute(f"{before}ingested_at {declaration}{after}")
        connection.execute("CREATE INDEX exposures_by_ingestion ON exposures (ingested_at, id)")


def store(file: Path, moments: Sequence[object]) -> None:
    """Row n holds the n-th moment."""
    run_sql(file, "DELETE FROM exposures")
    insert(file, "exposures", [{"id": n, "ingested_at": moment} for n, moment in enumerate(moments)])


def spelled(moment: datetime) -> list[str]:
    """The moment, exactly, in every spelling that is known in the wild."""
    spellings = []
    for offset in ("", "Z", "+00:00", "+00", "-00:00", "+0000", "+02:00", "-05:30", "+14:00", "-12:00", "+02", "-0930"):
        digits = offset.replace(":", "").removesuffix("Z").ljust(5, "0")
        shift = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5])) * (-1 if offset[:1] == "-" else 1)
        local = moment + (shift if len(offset) > 1 else timedelta())
        for separator in " T":
            text = f"{local:%Y-%m-%d}{separator}{local:%H:%M:%S}"
            spellings.append(f"{text}.{local:%f}{offset}")
            spellings.append(f"{text}.{local:%f}000{offset}")
            if not local.microsecond:
                spellings += [f"{text}{offset}", f"{text}.000{offset}", f"{text}.0{offset}"]
    return spellings


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(DAY, NEXT_DAY, id="day"),
        pytest.param(DAY + 13 * HOUR, DAY + 14 * HOUR, id="hour"),
        pytest.param(DAY, DAY + HOUR, id="first hour"),
        pytest.param(DAY + 23 * HOUR, NEXT_DAY, id="last hour"),
        pytest.param(DAY + timedelta(minutes=5, seconds=7), NEXT_DAY, id="seconds"),
        pytest.param(DAY + 20 * HOUR, NEXT_DAY + 3 * HOUR, id="over midnight"),
    ],
)
@pytest.mark.parametrize("declaration", ["DATETIME", "TIMESTAMP", "TEXT", ""])
def test_a_window_holds_its_start_and_not_its_end_in_every_spelling(
    file: Path, source: Source, declaration: str, start: datetime, end: datetime
):
    declare(file, declaration)
    outside = spelled(start + LAST_MICROSECOND) + spelled(end) + spelled(end + HOUR)
    inside = spelled(start) + spelled(end + LAST_MICROSECOND)
    store(file, inside + outside)
    found = keys(source, start=start, end=end)
    assert found == list(range(len(inside)))


def test_short_spellings_of_midnight_belong_to_the_day_they_begin(file: Path, source: Source):
    store(
        file,
        ["2026-11-01", "2026-11-01 00:00", "2026-11-01T00:00Z", "2026-11-01T13:59", "2026-11-02", "2026-11-02T00:00"],
    )
    assert keys(source) == [0, 1, 2, 3]
    assert keys(source, start=DAY, end=DAY + HOUR) == [0, 1, 2]
    assert keys(source, start=DAY + 13 * HOUR, end=DAY + 14 * HOUR) == [3]
    assert keys(source, start=NEXT_DAY, end=NEXT_DAY + HOUR) == [4, 5]


def test_the_last_instant_of_a_day_is_not_rounded_into_the_next(file: Path, source: Source):
    store(file, ["2026-11-01 23:59:59.999999", "2026-11-01T23:59:59.9999Z"])
    assert keys(source) == [0, 1]
    assert keys(source, start=NEXT_DAY, end=NEXT_DAY + HOUR) == []


@pytest.mark.parametrize("declaration", ["INTEGER", "BIGINT", "REAL", "TIMESTAMP", "TEXT", ""])
@pytest.mark.parametrize("unit", [1, 10**3, 10**6])
def test_epochs_in_any_unit_and_declaration_are_placed_exactly(file: Path, source: Source, declaration: str, unit: int):
    declare(file, declaration)
    first, last = (int(moment.timestamp()) * unit for moment in (DAY, NEXT_DAY))
    store(file, [first, last - 1, first - 1, last])
    assert keys(source) == [0, 1]


def test_nanoseconds_are_placed_to_the_last_digit(file: Path, source: Source):
    declare(file, "INTEGER")
    first, last = (int(moment.timestamp()) * 10**9 for moment in (DAY, NEXT_DAY))
    store(file, [first, last - 1, first - 1, last])
    assert keys(source) == [0, 1]


def test_fractional_seconds_are_placed_exactly(file: Path, source: Source):
    declare(file, "REAL")
    second = DAY.timestamp()
    store(file, [second - 0.000001, second, second + 0.999999, second + 1])
    assert keys(source, start=DAY, end=DAY + timedelta(seconds=1)) == [1, 2]


@pytest.mark.parametrize("declaration", ["", "TIMESTAMP", "TEXT"])
def test_spellings_may_be_mixed_in_one_column(file: Path, source: Source, declaration: str):
    declare(file, declaration)
    second = int(DAY.timestamp())
    store(file, [second, second * 1000, NOON, "2026-11-01T12:00:00Z", second - 1, NOON.replace("-01 ", "-02 "), None])
    assert keys(source) == [0, 1, 2, 3]


MOMENTS = st.datetimes(datetime(2026, 10, 30), datetime(2026, 11, 4), timezones=st.just(UTC))
ZONES = st.sampled_from([-12 * 60, -570, -60, 0, 60, 345, 14 * 60])


ROWS = st.lists(st.tuples(MOMENTS, ZONES, st.sampled_from(" T"), st.integers(0, 4)), min_size=1, max_size=30)
DECLARATIONS = st.sampled_from(["DATETIME", "TEXT", "", "STRING"])


def spelling(moment: datetime, minutes: int, separator: str, form: int) -> object:
    zoned = moment.astimezone(timezone(timedelta(minutes=minutes)))
    plain = moment.replace(tzinfo=None).isoformat(separator)
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return (zoned.isoformat(separator), plain, f"{plain}Z", microseconds, str(microseconds))[form]


@examples(deadline=None, max_examples=30)
@given(rows=ROWS, declaration=DECLARATIONS, junk=st.sampled_from([[], ["", "junk"], [None]]), hour=st.integers(-50, 50))
def test_days_and_hours_share_all_rows_out_by_their_moment(
    file: Path, rows: list[tuple[datetime, int, str, int]], declaration: str, junk: list[str | None], hour: int
):
    declare(file, declaration)
    store(file, [spelling(*row) for row in rows] + junk)
    with source_at(f"sqlite:///{file}") as source:
        for start, length in (
            (DAY + hour * HOUR, HOUR),
            (DAY + hour * HOUR, 24 * HOUR),
            (rows[0][0].replace(microsecond=0), 5 * HOUR),
        ):
            expected = [n for n, (moment, *_) in enumerate(rows) if start <= moment < start + length]
            assert keys(source, start=start, end=start + length) == expected


@pytest.mark.parametrize("bound", [DAY, DAY + 13 * HOUR])
@pytest.mark.parametrize("declaration", ["DATETIME", "TEXT"])
@pytest.mark.parametrize("stored", [NOON, 1793534400, 1793534400123])
def test_the_index_serves_the_read_in_the_common_spellings(
    file: Path, source: Source, bound: datetime, declaration: str, stored: object
):
    if declaration == "TEXT" and stored != NOON:
        declaration = "INTEGER"
    declare(file, declaration)
    store(file, [stored] * 3)
    with closing(sqlite3.connect(file)) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN {source.read_window(source.tables[0], bound, bound + HOUR).statement}"
        ).fetchall()
    (step,) = [row[-1] for row in plan]
    assert step == "SEARCH exposures USING INDEX exposures_by_ingestion (ingested_at>? AND ingested_at<?)"


def test_rows_that_no_window_can_hold_are_counted(file: Path, source: Source):
    placed = [NOON, "2026-11-01T12:00:00+02:00", "2026-11-01", 1793534400, 1793534400.5]
    no_times = [
        None,
        "",
        "yesterday",
        "01.11.2026",
        "2026-11-01 12:00:00+25:61",
        b"2026-11-01",
    ]
    store(file, placed + no_times)
    assert unplaced(source) == len(no_times)
    all_times = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
    assert keys(source, start=all_times[0], end=all_times[1]) == list(range(len(placed)))


TEN_THIRTY = (
    *("2026-11-01 10:30:00 UTC", "2026-11-01 10:30:00.5 UTC", "2026-11-01T10:30:00UTC", "2026-11-01 10:30 utc"),
    *("2026-11-01 10:30:00 GMT", "2026-11-01T10:30:00z", "2026-11-01 10:30:00 Z", "2026-11-01 10:30:00,5"),
    *("2026-11-01 10:30:00.123 +0000 UTC", "2026-11-01 10:30:00 +0000", "2026-11-01 10:30:00 UTC "),
    *("2026-11-01 10", "2026-11-01T10", "2026-11-01 10Z", "2026-11-01 1030", "2026-11-01T103000Z", "2026-11-01 10:30"),
    *("2026-11-01 12:30+02:00", "2026-11-01 12:30:00 +02:00", "2026-11-01T12:30:00.999999+02", "2026-11-01T05:30-0500"),
)
NINE_THIRTY = ("2026-11-01 9:30", "2026-11-01 9:30:00", "2026-11-01 9:30:00 UTC")
NO_TIME = (
    *("2026-11-01 10:30:00 EST", "2026-11-01 10:30:00 CET", "2026-11-01 10:30:00 Europe/Berlin", "2026-11-01 10:30 PM"),
    *("2026-11-01 10:30:00 AM", "2026-11-01 10:30:00 EST ", "2026-11-01 10:30:00 +0200 CEST"),
    *("2026-11-01 10:30:00 GMT+02:00", "2026-11-01T10:30:00Z[UTC]", "2026-11-01 10:30:00 A", "2026-11-01t10:30:00Z"),
    *("2026-11-01Z", "2026-11-01 UTC", "2026-11-01_10:30", "2026-11-01  10:30:00", "2026-11-01 9", "2026-11-01 10:"),
)


@pytest.mark.fault("F244")
@pytest.mark.parametrize(
    ("texts", "hour"), [(TEN_THIRTY, 10), (NINE_THIRTY, 9), (("2026-11-01", "2026-11-01 00"), 0), (NO_TIME, None)]
)
def test_a_text_is_the_same_time_as_window_time_and_as_event_time_or_none_as_both(
    file: Path, source: Source, texts: tuple[str, ...], hour: int | None
):
    store(file, texts)
    placed = {
        key: of_day
        for of_day in range(24)
        for key in keys(source, start=DAY + of_day * HOUR, end=DAY + (of_day + 1) * HOUR)
    }
    read = [
        None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
        for ms in to_epoch_ms(pa.array(texts)).to_pylist()
    ]

    assert [placed.get(key) for key in range(len(texts))] == [hour] * len(texts)
    assert [moment and (moment.replace(minute=0, second=0, microsecond=0) - DAY) // HOUR for moment in read] == [
        hour
    ] * len(texts)
    assert sorted(keys(source)) == (list(range(len(texts))) if hour is not None else [])
