"""Which windows a range means, and what is said of the rest of it."""

from datetime import UTC, datetime, timedelta

import pytest

from statsig_export.cli.ranges import Range, closed_in, left_out, widened
from statsig_export.errors import ConfigError
from statsig_export.settings import WindowSettings

START = datetime(2026, 11, 20, tzinfo=UTC)
DAYS = WindowSettings(start=START, settle="5m")
NOW = START + timedelta(days=3, hours=10)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def test_a_range_of_whole_windows_is_taken_as_it_is():
    asked = Range(at(0), at(2))
    windows = closed_in(asked, DAYS, NOW)

    assert [window.key for window in windows] == ["2026-11-20", "2026-11-21"]
    assert list(left_out(asked, windows, DAYS)) == []
    assert widened(asked, windows, DAYS) is None


def test_what_is_open_or_before_the_start_is_left_out_and_told():
    asked = Range(at(-2), at(5))
    windows = closed_in(asked, DAYS, NOW)

    assert [window.key for window in windows] == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert list(left_out(asked, windows, DAYS)) == [
        "Windows begin at 2026-11-20 00:00 UTC (windows.start): what is before that is left out.",
        "Window 2026-11-23 is open until 2026-11-24 00:05 UTC: it and what comes after it are left out.",
    ]


@pytest.mark.parametrize(
    ("asked", "partly"),
    [
        (Range(at(0.25), at(1)), "2026-11-20 is taken from 2026-11-20 00:00 UTC to 2026-11-21 00:00 UTC"),
        (Range(at(0), at(1.5)), "2026-11-21 is taken from 2026-11-21 00:00 UTC to 2026-11-22 00:00 UTC"),
        (Range(at(0.5), at(0.6)), "2026-11-20 is taken from 2026-11-20 00:00 UTC to 2026-11-21 00:00 UTC"),
    ],
)
def test_a_part_of_a_window_becomes_the_whole_and_is_told(asked: Range, partly: str):
    windows = closed_in(asked, DAYS, NOW)

    assert widened(asked, windows, DAYS) == f"windows are whole days: window {partly}"


def test_nothing_is_told_of_the_edges_that_last_has():
    asked = Range(NOW - timedelta(days=30), NOW, exact=False)
    windows = closed_in(asked, DAYS, NOW)

    assert len(windows) == 3
    assert list(left_out(asked, windows, DAYS)) == []
    assert widened(asked, windows, DAYS) is None


@pytest.mark.fault("F666")
@pytest.mark.parametrize(
    ("now", "last", "taken", "told"),
    [
        (at(3.5), timedelta(days=2), ["2026-11-21", "2026-11-22"], []),
        (at(3) + timedelta(minutes=2), timedelta(days=1), ["2026-11-21"], ["2026-11-22"]),
        (at(3) + timedelta(minutes=2), timedelta(days=9), ["2026-11-20", "2026-11-21"], ["2026-11-22"]),
        (at(3.5), timedelta(hours=1), ["2026-11-22"], []),
        (at(0.5), timedelta(days=1), [], []),
    ],
    ids=["at-noon", "while-yesterday-settles", "more-than-there-is", "less-than-a-window", "before-the-first"],
)
def test_last_means_the_newest_closed_windows_and_one_that_settles_is_left_out_and_told(
    now: datetime, last: timedelta, taken: list[str], told: list[str]
):
    asked = Range(now - last, now, exact=False)
    windows = closed_in(asked, DAYS, now)

    assert [window.key for window in windows] == taken
    assert [line.split()[1] for line in left_out(asked, windows, DAYS)] == told


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Range(at(-2), at(-1)), r"before windows.start \(2026-11-20 00:00 UTC\)"),
        (Range(at(3), at(4)), "window 2026-11-23 is not closed yet: rows may arrive until 2026-11-24 00:05 UTC"),
    ],
)
def test_a_range_without_a_closed_window_says_why(asked: Range, why: str):
    with pytest.raises(ConfigError, match=why):
        closed_in(asked, DAYS, NOW)
