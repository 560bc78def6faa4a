"""When the sample's events happened and when they arrived. Times are microseconds since the epoch."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from statsig_export.testing.sample.users import Indexes, Texts

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_SATURDAY = 5
_OFFLINE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many rows of a table arrive in each hour."""

    start_us: int
    until_row: Indexes
    """Rows up to the end of each hour."""


def plan_arrivals(rows: int, start: datetime, days: int, seed: int) -> Arrivals:
    """More by day than by night, more on weekdays, never quite regular."""
    aware = start.replace(tzinfo=UTC) if start.tzinfo is None else start
    start_us = round(aware.timestamp()) * 1_000_000
    hours = start_us // HOUR_US + np.arange(days * 24)
    weekday = (hours // 24 + 3) % 7
    rng = np.random.default_rng([seed, rows])
    weights = 1.25 + np.sin((hours % 24 - 9) / 24 * 2 * np.pi)
    weights = weights * np.where(weekday >= _SATURDAY, 0.7, 1.0) * rng.uniform(0.85, 1.15, len(hours))
    return Arrivals(start_us, np.cumsum(rng.multinomial(rows, weights / weights.sum())))


def ingestion_times(arrivals: Arrivals, first: int, end: int, rng: np.random.Generator) -> Indexes:
    """Microseconds since the epoch, ascending within the block."""
    hour = np.searchsorted(arrivals.until_row, np.arange(first, end), side="right")
    return np.sort(arrivals.start_us + hour * HOUR_US + rng.integers(0, HOUR_US, end - first))


def event_times(ingested: Indexes, rng: np.random.Generator) -> Indexes:
    """Microseconds since the epoch, whole milliseconds: seconds to minutes before ingestion, hours for a few."""
    seconds = rng.exponential(20, len(ingested)) + 0.05
    offline = rng.random(len(ingested)) < _OFFLINE_SHARE
    seconds = np.where(offline, seconds * 300, seconds)
    return np.asarray((ingested - (seconds * 1_000_000).astype(np.int64)) // 1_000 * 1_000)


def moment_texts(microseconds: Indexes) -> Texts:
    """As text that every database reads as a timestamp; on SQLite it is what SQLAlchemy would have stored."""
    written = np.datetime_as_string(microseconds.astype("datetime64[us]"), unit="us")
    return np.array(np.char.replace(written, "T", " ").tolist(), dtype=np.object_)
