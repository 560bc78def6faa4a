"""Rows that are written in one transaction and seen after another's: PostgreSQL, two sessions, one sequence.

`ingested_at DEFAULT now()` is the time at which a transaction began, and an id is taken when a row is inserted; neither
says when the row became visible.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from home import ExportHome
from sqlalchemy import make_url

from statsig_export.export.export import export_window
from statsig_export.lineage.frames import read_events
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category
from statsig_export.windows import closed_windows, windows_between

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = "2026-11-20-12:00"
INSERT = (
    "INSERT INTO custom_events (event_name, timestamp, ingested_at) VALUES (%s, %s::timestamptz AT TIME ZONE 'UTC', "
    "%s::timestamptz AT TIME ZONE 'UTC') RETURNING id"
)


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, postgres_url: str) -> ExportHome:
    """Hourly windows that settle for five minutes, over a table whose ids come from a sequence."""
    home = ExportHome(tmp_path, receiver, postgres_url, f"sqlite:///{tmp_path}/ledger.db")
    home.set("windows", every="hour", start=START, settle="5m", lookback="1d")
    return home


@pytest.fixture
def sessions(home: ExportHome) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    url = make_url(home.source_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with ExitStack() as stack:
        first, second = (stack.enter_context(psycopg.connect(url)) for _ in range(2))
        yield first, second


def insert(session: psycopg.Connection, name: str, moment: datetime) -> int:
    """Insert a row; whether it can be seen is for the transaction to say."""
    (key,) = session.execute(INSERT, [name, moment, moment]).fetchone() or (0,)
    return int(key)


def export_closed(home: ExportHome, now: datetime) -> list[int]:
    """Export every window that is closed at `now`, as the schedule and the late-rows sensor do: how many each added."""
    windows = closed_windows(now - home.config.windows.lookback, now, home.config.windows, now)
    return [
        sum(partition.planned for partition in export_window(home.config, window).partitions.values())
        for window in windows
    ]


@pytest.mark.fault("F04")
def test_rows_committed_after_their_window_was_exported_are_shipped_by_its_next_export_and_only_they(
    home: ExportHome, sessions: tuple[psycopg.Connection, psycopg.Connection]
):
    slow, fast = sessions
    before = insert(slow, "slow", START + 10 * timedelta(minutes=1))
    between = insert(fast, "fast", START + 20 * timedelta(minutes=1))
    after = insert(slow, "slow again", START + HOUR - timedelta(microseconds=1))
    assert before < between < after
    fast.commit()

    assert export_closed(home, START + HOUR + timedelta(minutes=5)) == [1]
    home.ship()
    slow.commit()
    assert export_closed(home, START + 2 * HOUR) == [2]
    home.ship()
    assert export_closed(home, START + 3 * HOUR) == [0, 0]
    home.ship()

    assert home.received_names() == ["fast", "slow", "slow again"]
    events = read_events(home.config)
    assert set(events["window"]) == {WINDOW}
    assert events["time_uuid"].is_unique
    assert home.account().forwarded == 3


@pytest.mark.fault("F04")
def test_rows_committed_within_the_settling_time_are_in_the_first_export(
    home: ExportHome, sessions: tuple[psycopg.Connection, psycopg.Connection]
):
    slow, fast = sessions
    insert(slow, "slow", START + HOUR - timedelta(seconds=1))
    insert(fast, "fast", START + HOUR - timedelta(seconds=1))
    fast.commit()
    end = START + HOUR
    assert export_closed(home, end + timedelta(minutes=4, seconds=59)) == []
    slow.commit()
    assert export_closed(home, end + timedelta(minutes=5)) == [2]
    (partition,) = set(read_events(home.config)["category"])
    assert partition == Category.CUSTOM_EVENT


@pytest.mark.fault("F04")
def test_a_transaction_that_is_rolled_back_leaves_a_gap_in_the_ids_and_nothing_else(
    home: ExportHome, sessions: tuple[psycopg.Connection, psycopg.Connection]
):
    slow, fast = sessions
    insert(slow, "never", START)
    insert(fast, "fast", START)
    fast.commit()
    slow.rollback()
    assert export_closed(home, START + 2 * HOUR) == [1]
    assert export_closed(home, START + 2 * HOUR) == [0]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_hourly_exports_over_a_repeated_hour_ship_every_row_once_in_the_window_of_its_moment(
    home: ExportHome, sessions: tuple[psycopg.Connection, psycopg.Connection], zone: str
):
    """The column has a zone and so have the sessions; the clocks go back an hour in between."""
    change = {"Europe/Berlin": datetime(2026, 10, 25, 1), "America/New_York": datetime(2026, 11, 1, 6)}[zone]
    change = change.replace(tzinfo=UTC)
    session, _ = sessions
    session.execute("ALTER TABLE custom_events ALTER ingested_at TYPE timestamptz, ALTER timestamp TYPE timestamptz")
    session.execute(f"ALTER DATABASE {session.info.dbname} SET timezone = '{zone}'")
    session.commit()
    session.execute(f"SET timezone = '{zone}'")
    steps = [change + n * timedelta(minutes=20) for n in range(-6, 6)]
    steps += [change - timedelta(microseconds=1), change + HOUR - timedelta(microseconds=1)]
    for n, moment in enumerate(steps):
        session.execute(
            "INSERT INTO custom_events (id, event_name, timestamp, ingested_at) VALUES (%s, 'e', %s, %s)",
            [n, moment, moment],
        )
    session.commit()
    home.set("windows", start=change - 2 * HOUR)
    for window in windows_between(change - 2 * HOUR, change + 2 * HOUR, home.config.windows):
        export_window(home.config, window)
    events = read_events(home.config)
    assert sorted(events["timestamp"]) == sorted(int(moment.timestamp() * 1000) for moment in steps)
    for window, part in events.groupby("window"):
        start = datetime.strptime(window, "%Y-%m-%d-%H:%M").replace(tzinfo=UTC)
        assert all(start.timestamp() <= ms / 1000 < (start + HOUR).timestamp() for ms in part["timestamp"])
