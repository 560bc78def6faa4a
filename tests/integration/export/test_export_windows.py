"""Several windows in one go: over the same connections, and otherwise as one by one."""

import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from home import ExportHome
from rows import NOON, custom_event, exposure
from sqlalchemy import make_url

from statsig_export.errors import SourceError
from statsig_export.export.export import export_window, export_windows
from statsig_export.shipping.status import status
from statsig_export.source.source import Source
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category

DAYS = ["2026-11-20", "2026-11-21", "2026-11-22"]
SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture(params=["fastest", "plain"])
def home(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver, postgres_url: str) -> ExportHome:
    """The source in PostgreSQL, with an exposure and an event a day, read by either reader."""
    home = ExportHome(tmp_path, receiver, postgres_url, f"sqlite:///{tmp_path}/ledger.db")
    home.set("source", reader=request.param)
    for number in range(len(DAYS)):
        arrived = NOON + timedelta(days=number, seconds=1)
        home.add([custom_event(number, ingested_at=arrived)], [exposure(number, ingested_at=arrived)])
    return home


def administer(home: ExportHome, statement: str) -> list[int]:
    """Run a statement beside the export. Returns the whole numbers that it yields."""
    url = make_url(home.source_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as admin:
        done = admin.execute(statement.encode())
        return [int(value) for (value,) in done] if done.description else []


def files(home: ExportHome) -> set[str]:
    """Their names, which hold their digests."""
    return {str(path.relative_to(home.folder)) for path in (home.folder / "files").rglob("*.parquet")}


def test_windows_exported_together_come_to_what_they_come_to_one_by_one(
    home: ExportHome, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("other")
    other = ExportHome(folder, home.receiver, home.source_url, f"sqlite:///{folder}/ledger.db")
    one_by_one = [export_window(other.config, other.window(day)).account for day in DAYS]

    together = [report.account for report in export_windows(home.config, {home.window(day): None for day in DAYS})]

    assert together == one_by_one
    assert files(home) == files(other)
    assert len(files(home)) == 2 * len(DAYS)


def test_each_window_is_exported_for_its_own_categories(home: ExportHome):
    first, second, _ = map(home.window, DAYS)

    reports = export_windows(home.config, {first: [Category.GATE_EXPOSURE], second: [Category.CUSTOM_EVENT]})

    assert [list(report.partitions) for report in reports] == [[Category.GATE_EXPOSURE], [Category.CUSTOM_EVENT]]


def test_all_windows_are_read_over_the_connections_of_the_first(home: ExportHome):
    reports = export_windows(home.config, {home.window(day): None for day in DAYS})

    sessions = [set(administer(home, f"SELECT pid {SESSIONS}")) for _ in reports]

    assert sessions[0]
    assert sessions[0] == sessions[1] == sessions[2]


def test_a_connection_that_the_server_ends_between_two_windows_is_opened_anew(home: ExportHome):
    reports = export_windows(home.config, {home.window(day): None for day in DAYS})
    next(reports)
    assert administer(home, f"SELECT pg_terminate_backend(pid)::int {SESSIONS}")

    assert [report.window for report in reports] == DAYS[1:]


def test_a_window_that_fails_leaves_those_before_it_exported(home: ExportHome):
    reports = export_windows(home.config, {home.window(day): None for day in DAYS})
    next(reports)
    administer(home, "ALTER TABLE custom_events RENAME TO moved")

    with pytest.raises(SourceError, match="custom_events"):
        next(reports)
    assert {line.window for line in status(home.config)} == {DAYS[0]}


def test_an_export_that_fails_ends_its_reading_before_it_lets_go_of_the_connection(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    administer(
        home,
        "INSERT INTO custom_events (id, event_name, timestamp, ingested_at)"
        " SELECT n, 'page_view', '2026-11-20 12:00', '2026-11-20 12:00' FROM generate_series(100, 60000) n",
    )
    closed_with: list[list[str]] = []
    close = Source.close

    def seen(source: Source) -> None:
        closed_with.append([thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")])
        close(source)

    monkeypatch.setattr(Source, "close", seen)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_window(home.config, home.window(DAYS[0]), on_progress=stop)

    assert closed_with == [[]]
