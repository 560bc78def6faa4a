"""Runs at the same time whose windows or ids would differ: the ledger takes one of them, whatever both looked at."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from ledger_of_version_1 import DELIVERED, Left
from sqlalchemy import create_engine, text

from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint
from statsig_export.errors import ConfigError
from statsig_export.export.export import export_window, export_windows
from statsig_export.ledger import transactions as ledger
from statsig_export.windows import window_from_key, windows_between

START, NOON, END = (datetime.fromisoformat(f"2026-11-24T{hour}:00Z") for hour in ("00", "12", "13"))
ROW = (
    'INSERT INTO custom_events (id, event_name, "timestamp", ingested_at) '
    "VALUES (500, 'purchase', '2026-11-24 12:10:00', '2026-11-24 12:10:00');"
)


def of_windows(config: Config, every: str) -> Config:
    return config.model_copy(update={"windows": config.windows.model_copy(update={"every": every, "start": START})})


def export(config: Config, on_progress: Callable[[int], None] | None = None) -> None:
    for _ in export_windows(config, dict.fromkeys(windows_between(NOON, END, config.windows)), on_progress=on_progress):
        pass


@pytest.mark.fault("F166")
@pytest.mark.parametrize(("first", "second"), [("day", "hour"), ("hour", "day")])
def test_of_runs_with_windows_of_two_lengths_the_one_that_plans_second_is_refused(left: Left, first: str, second: str):
    left.sql(ROW)
    begun: list[int] = []

    def other_run(_: int) -> None:
        if not begun:
            begun.append(1)
            export(of_windows(left.config, first))

    with pytest.raises(ConfigError, match=f"was sent windows of an? {first}"):
        export(of_windows(left.config, second), other_run)
    of_the_day = "JOIN partitions p ON p.id = g.partition WHERE p.window > '2026-11-23'"
    assert left.ledger(f"SELECT sum(rows) FROM generations g {of_the_day}") == [(1,)]  # noqa: S608 - our own


@pytest.fixture
def waiting_planner(left: Left, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The first transaction that plans waits until another is through or waits for it. Yields what ends that."""
    export_window(left.config, window_from_key(DELIVERED, left.config.windows))  # its tables are known from then on
    engine = create_engine(left.ledger_url)
    through, first = threading.Event(), threading.Lock()

    def reach(point: CrashPoint) -> None:
        if point is CrashPoint.PLANNED:
            through.set()
        if point is not CrashPoint.PLANNING or not first.acquire(blocking=False):
            return
        waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        until = time.monotonic() + 20
        with engine.connect() as connection:
            while not through.wait(0.01) and time.monotonic() < until and not connection.execute(waits).scalar():
                connection.rollback()

    monkeypatch.setattr(ledger, "reach", reach)
    yield through.set
    engine.dispose()


@pytest.mark.fault("F166")
@pytest.mark.parametrize("left", ["postgresql"], indirect=True)
def test_runs_that_plan_at_the_same_moment_in_postgresql_plan_one_after_the_other(
    left: Left, waiting_planner: Callable[[], None]
):
    left.sql(ROW)
    refused: list[str] = []

    def run(every: str) -> None:
        try:
            export(of_windows(left.config, every))
        except ConfigError as error:
            refused.append(str(error))
            waiting_planner()

    threads = [threading.Thread(target=run, args=[every]) for every in ("day", "hour")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
