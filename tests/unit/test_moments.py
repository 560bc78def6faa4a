"""What has no zone is UTC, whatever the machine's zone is; what is no time, window or category is said so."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from statsig_export.errors import ConfigError
from statsig_export.moments import utc
from statsig_export.settings import WindowSettings
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window, closed_windows, partition_keys, require_window, window_from_key

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(autouse=True)
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.fault("F280")
@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 21),
        datetime(2026, 11, 20, 19, tzinfo=timezone(timedelta(hours=-5))),
        date(2026, 11, 21),
        "2026-11-21",
        "2026-11-21T00:00Z",
        "2026-11-20T19:00-05:00",
        pd.Timestamp("2026-11-21"),
        pd.Timestamp("2026-11-20 19:00", tz="America/New_York"),
        np.datetime64("2026-11-21"),
        np.datetime64("2026-11-21T00:00:00.000000000"),
    ],
    ids=repr,
)
def test_one_moment_is_the_same_in_every_type_and_without_a_zone_it_is_utc(moment: object):
    found = utc(moment)

    assert (found, found.tzinfo, type(found)) == (MIDNIGHT, UTC, datetime)


@pytest.mark.fault("F280")
@pytest.mark.parametrize(
    "moment",
    [
        *(
            pd.NaT,
            np.datetime64("NaT", "ns"),
            np.datetime64("20000-01-01"),
            None,
            5,
            1e12,
            True,
            "",
            "yesterday",
            [MIDNIGHT],
        ),
        *(pd.Period("2026-11"), datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
    ],
    ids=repr,
)
def test_what_is_no_time_is_a_sentence_that_says_what_to_give(moment: object):
    with pytest.raises(ConfigError, match=r"start is .*\. give a datetime, a date or an ISO 8601 text"):
        utc(moment, "start")


@pytest.mark.fault("F280")
def test_a_window_and_a_range_of_naive_times_are_in_utc():
    settings = WindowSettings()
    day = window_from_key("2026-11-21", settings)

    assert Window(datetime(2026, 11, 21), datetime(2026, 11, 22), "2026-11-21") == day
    assert closed_windows(date(2026, 11, 21), "2026-11-22", settings, datetime(2026, 11, 23)) == [day]


@pytest.mark.fault("F280")
@pytest.mark.parametrize("window", ["2026-11-21", date(2026, 11, 21), MIDNIGHT, None])
def test_what_is_no_window_is_said_so_with_how_to_make_one(window: object):
    with pytest.raises(ConfigError, match="window_from_key"):
        require_window(window)
    if not isinstance(window, str):
        with pytest.raises(ConfigError, match="is not the key of a window"):
            window_from_key(window, WindowSettings())


@pytest.mark.fault("F280")
def test_categories_are_members_texts_or_a_single_one_of_either():
    gate, custom = Category.GATE_EXPOSURE, Category.CUSTOM_EVENT

    assert chosen("custom_event") == chosen(custom) == chosen([custom, "custom_event"]) == (custom,)
    assert chosen(("gate_exposure", custom)) == (gate, custom)
    assert chosen(None) == tuple(Category)
    assert partition_keys("custom_event|2026-11-21") == ["custom_event|2026-11-21"]


@pytest.mark.fault("F280")
@pytest.mark.parametrize("categories", ["custom_events", ["gate"], [None], 3, [("custom_event",)]])
def test_what_is_no_category_is_a_sentence_that_lists_them(categories: object):
    with pytest.raises(ConfigError, match="they are gate_exposure, "):
        chosen(categories)
