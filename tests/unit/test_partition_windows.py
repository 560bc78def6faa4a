from datetime import UTC, datetime, timedelta

import pytest

from statsig_export.errors import ConfigError
from statsig_export.settings import WindowSettings
from statsig_export.vocabulary import Category
from statsig_export.windows import (
    closed_windows,
    length_of,
    partition_key,
    split_partition_key,
    window_from_key,
    windows_between,
)

DAYS = WindowSettings(start=datetime(2026, 11, 1, tzinfo=UTC))
HOURS = WindowSettings(start=datetime(2026, 11, 1, tzinfo=UTC), every="hour")


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_windows_overlap_the_range_and_begin_no_earlier_than_the_start():
    assert [w.key for w in windows_between(at(1) - timedelta(days=9), at(3), DAYS)] == ["2026-11-01", "2026-11-02"]
    assert [w.key for w in windows_between(at(2, 13), at(3, 1), DAYS)] == ["2026-11-02", "2026-11-03"]
    assert [w.key for w in windows_between(at(2, 13, 30), at(2, 15), HOURS)] == ["2026-11-02-13:00", "2026-11-02-14:00"]
    assert list(windows_between(at(2), at(2), DAYS)) == []


@pytest.mark.fault("F05")
def test_a_window_is_closed_once_it_has_settled():
    window = window_from_key("2026-11-02", DAYS)

    assert (window.start, window.end) == (at(2), at(3))
    assert not window.is_closed(at(3, 0, 4), timedelta(minutes=5))
    assert window.is_closed(at(3, 0, 5), timedelta(minutes=5))
    assert [w.key for w in closed_windows(at(1), at(9), DAYS, at(3))] == ["2026-11-01"]


def test_a_key_names_the_window_it_was_made_from():
    for settings in (DAYS, HOURS):
        for window in windows_between(at(1), at(4), settings):
            assert window_from_key(window.key, settings) == window


@pytest.mark.parametrize("key", ["2026-11", "2026-11-02-13:30", "yesterday", ""])
def test_a_key_that_names_no_window_is_an_error_that_shows_one(key: str):
    with pytest.raises(ConfigError):
        window_from_key(key, HOURS)


def test_a_partition_is_its_category_and_window_joined_as_dagster_joins_them():
    assert partition_key(Category.CUSTOM_EVENT, "2026-11-02") == "custom_event|2026-11-02"
    assert split_partition_key("custom_event|2026-11-02") == (Category.CUSTOM_EVENT, "2026-11-02")


@pytest.mark.parametrize("key", ["2026-11-02", "clicks|2026-11-02", "2026-11-02|custom_event"])
def test_what_is_no_partition_is_an_error(key: str):
    with pytest.raises(ConfigError, match="not a partition"):
        split_partition_key(key)


def test_the_length_of_a_window_is_in_its_key():
    assert length_of("2026-11-01") == timedelta(days=1)
    assert length_of("2026-11-01-13:00") == timedelta(hours=1)
    with pytest.raises(ConfigError):
        length_of("2026-11")
