from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.arrow.timestamps import EARLIEST_MS, LATEST_MS, to_epoch_ms

MS = 1_793_491_200_123
NOON_MS = 1_793_534_400_000


def ms(values: list[Any], kind: pa.DataType | None = None) -> list[int | None]:
    result = to_epoch_ms(pa.array(values, kind))
    assert result.type == pa.int64()
    return result.to_pylist()


@pytest.mark.fault("F18")
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_texts_of_digits_are_told_apart_by_magnitude(kind: pa.DataType):
    texts = ["1793491200", "1793491200123", "1793491200123456", "1793491200123456789"]
    assert ms(texts, kind) == [1_793_491_200_000, MS, MS, MS]


def test_integers_are_told_apart_by_magnitude():
    assert ms([1793491200, MS, 1793491200123456, 1793491200123456789]) == [1_793_491_200_000, MS, MS, MS]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (946_684_800, 946_684_800_000),
        (4_102_444_799, 4_102_444_799_000),
        (10**11 - 1, None),  # seconds of the year 5138
        (10**11, None),  # milliseconds of 1973
        (10**14 - 1, None),
        (10**14, None),  # microseconds of 1973
        (946_684_800_000_000, 946_684_800_000),
        (10**17, None),  # nanoseconds of 1973
        (2**63 - 1, None),
        (0, None),
    ],
)
def test_the_magnitudes_meet_where_the_contract_says(number: int, expected: int | None):
    assert ms([number]) == [expected]
    assert ms([str(number)]) == [expected]


@pytest.mark.fault("F13", "F18")
def test_integers_beyond_2_to_the_53_keep_every_digit():
    # As a float this one is ...200000000 and its millisecond 1793491200200.
    nanoseconds = 1_793_491_200_199_999_999
    assert float(nanoseconds) == 1_793_491_200_200_000_000
    assert ms([nanoseconds]) == [1_793_491_200_199]
    assert ms([str(nanoseconds)]) == [1_793_491_200_199]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1793491200.1", 1_793_491_200_100),
        ("1793491200.12", 1_793_491_200_120),
        ("1793491200.1239999", MS),
        ("1793491200.000", 1_793_491_200_000),
        ("1793491200123.999", MS),
        ("1793491200123999.9", MS),
        ("  1793491200123 ", MS),
    ],
)
def test_what_is_finer_than_a_millisecond_is_cut(text: str, expected: int):
    assert ms([text]) == [expected]


def test_floats_and_decimals_are_times_as_well():
    assert ms([1793491200.123, 1793491200123.9, 1793491200123456.0, 1.793491200123e18]) == [MS, MS, MS, MS]
    assert ms([Decimal("1793491200.123999"), None]) == [MS, None]
    assert ms([Decimal(1793491200123)]) == [MS]
    assert ms([1793491200.0], pa.float32()) == [1_793_491_200_000]


@pytest.mark.fault("F18")
@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T12:00:00Z",
        "2026-11-01 12:00:00",
        "2026-11-01T12:00:00",
        "2026-11-01 12:00",
        "2026-11-01T12:00:00.000999+00:00",
        "2026-11-01T14:00:00+02:00",
        "2026-11-01 07:00:00.0-05",
        "2026-11-01 12:00:00.000000999",
    ],
)
def test_iso_8601_is_read_in_its_zone_and_as_utc_without_one(text: str):
    assert ms([text]) == [NOON_MS]


def test_a_date_is_its_midnight():
    assert ms(["2026-11-01"]) == [1_793_491_200_000]


def test_spellings_may_differ_from_row_to_row():
    texts = ["2026-11-01", "1793534400", None, "junk", "2026-11-01 12:00:00.123456789Z", "3000-01-01", "1793534400000"]
    assert ms(texts) == [1_793_491_200_000, NOON_MS, None, None, NOON_MS + 123, None, NOON_MS]


@pytest.mark.fault("F18")
@pytest.mark.parametrize(
    "text",
    [
        "", " ", "now", "today", "NaT", "nan", "inf", "-1793491200", "+1793491200", "1.793491200e9", "0x6ae4c1c0",
        "2026", "2026-11", "20261101", "2026-13-01", "2026-11-31", "2026-11-01T25:00:00Z", "2026-11-01 banana",
        "1999-12-31T23:59:59.999Z", "2100-01-01T00:00:00Z", "9999-12-31", "0001-01-01", "1793491200,5",
        "9999999999999999999", "17934912001234567890123", "1793491200.", "true", "\u0661\u0667\u0669\u0663\u0664",
    ],
)  # fmt: skip
def test_what_is_no_believable_time_is_null(text: str):
    assert ms([text, "1793491200"]) == [None, 1_793_491_200_000]


def test_a_boolean_and_a_negative_number_are_no_times():
    assert ms([True, False]) == [None, None]
    assert ms([-1, -1793491200, -(2**63)]) == [None, None, None]
    assert ms([-1.5, float("nan"), float("inf"), float("-inf"), 1e300]) == [None] * 5
    assert ms([2**64 - 1, 1793491200], pa.uint64()) == [None, 1_793_491_200_000]


@pytest.mark.parametrize("kind", [pa.binary(), pa.list_(pa.int64()), pa.null(), pa.date32()])
def test_other_types_hold_no_times(kind: pa.DataType):
    assert ms([None, None], kind) == [None, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_timestamp_column_counts_from_the_epoch_in_utc_whatever_its_unit_and_zone(unit: str, zone: str | None):
    noon = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit] * 1_793_534_400
    column = pa.array([noon, None, 0, -1], pa.int64()).cast(pa.timestamp(unit, zone))
    assert to_epoch_ms(column).to_pylist() == [NOON_MS, None, None, None]


def test_timestamps_far_off_are_null_and_do_not_overflow():
    column = pa.array([2**62, -(2**62)], pa.int64()).cast(pa.timestamp("s"))
    assert to_epoch_ms(column).to_pylist() == [None, None]
    assert ms([datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)], pa.timestamp("us")) == [None, None]


def test_microseconds_of_a_timestamp_are_cut():
    assert ms([datetime(2026, 11, 1, 12, 0, 0, 999, tzinfo=UTC)], pa.timestamp("us")) == [NOON_MS]


def test_a_chunked_or_sliced_or_empty_column_is_read_alike():
    chunked = pa.chunked_array([["1793491200"], ["junk", "2026-11-01"]], pa.large_string())
    assert to_epoch_ms(chunked).to_pylist() == [1_793_491_200_000, None, 1_793_491_200_000]
    assert to_epoch_ms(pa.array(["x", "1793491200", "2026-11-01"])[1:]).to_pylist() == [1_793_491_200_000] * 2
    for kind in (pa.large_string(), pa.int64(), pa.timestamp("us"), pa.float64()):
        assert ms([], kind) == []


@given(st.integers(EARLIEST_MS, LATEST_MS - 1))
def test_every_believable_millisecond_survives_every_spelling(moment: int):
    iso = f"{datetime.fromtimestamp(moment // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 1000:03}Z"
    seconds = f"{moment // 1000}.{moment % 1000:03}"
    texts = [str(moment), f"{moment}999", f"{moment}999999", seconds, iso, iso.replace("T", " ").removesuffix("Z")]
    assert ms(texts) == [moment] * len(texts)
    assert ms([moment, moment * 1000 + 999, moment * 10**6 + 999_999]) == [moment] * 3
    assert ms([float(seconds)]) == [moment]


@given(st.lists(st.one_of(st.none(), st.text(max_size=30), st.from_regex(r"[0-9TZ:. +-]{0,30}", fullmatch=True))))
def test_no_text_whatsoever_is_an_error(texts: list[str | None]):
    result = ms(texts, pa.large_string())
    assert len(result) == len(texts)
    assert all(moment is None or EARLIEST_MS <= moment < LATEST_MS for moment in result)


def test_a_column_of_plain_moments_is_read_as_each_of_them_alone():
    texts = [
        "2026-11-01 00:00:00",
        "2026-11-01T00:00:00.123",
        "2026-11-01 00:00:00.123999",
        None,
        "1969-12-31 23:59:59",
    ]
    assert ms(texts) == [MS - 123, MS, MS, None, None]
    others = [*texts, "2026-02-30 00:00:00", "2026-11-01 24:00:00", "0000-01-01 00:00:00", "2026-11-01 00:00:00Z"]
    assert ms(others) == [*ms(texts), None, None, None, MS - 123]
