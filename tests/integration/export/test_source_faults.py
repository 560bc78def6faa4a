"""What a database does to an export half way, with a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from home import DAY, ExportHome
from rows import custom_event
from sqlalchemy import make_url

from statsig_export.errors import SourceError
from statsig_export.export.export import export_window
from statsig_export.shipping.status import status
from statsig_export.source.backends import postgresql
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category

MANY_CHUNKS = 60_000
"""More rows than are under way at once between the cursor and the file."""


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, postgres_url: str) -> ExportHome:
    """The source in PostgreSQL, the ledger in SQLite."""
    return ExportHome(tmp_path, receiver, postgres_url, f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def admin(home: ExportHome) -> Iterator[psycopg.Connection]:
    """Somebody else in the source database."""
    url = make_url(home.source_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        yield connection


def fill(admin: psycopg.Connection, rows: int) -> None:
    admin.execute(
        "INSERT INTO custom_events (id, event_name, timestamp, ingested_at)"
        " SELECT n, 'page_view', %s::timestamp, %s::timestamp FROM generate_series(1, %s) n",
        [f"{DAY} 11:00", f"{DAY} 12:00", rows],
    )
    admin.commit()


def assert_nothing_was_planned(home: ExportHome) -> None:
    assert status(home.config) == []
    assert list(home.folder.rglob("*.parquet")) == []


@pytest.mark.fault("F01")
def test_a_connection_that_drops_while_rows_are_read_plans_nothing_and_the_next_export_reads_them_all(
    home: ExportHome, admin: psycopg.Connection
):
    home.set("source", reader="plain")  # whose cursor asks for each chunk; the other has 16 MB on the way
    fill(admin, MANY_CHUNKS)

    def cut(_rows: int) -> None:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        admin.commit()

    with pytest.raises(SourceError, match="reading table custom_events failed: "):
        export_window(home.config, home.window(), on_progress=cut)
    assert_nothing_was_planned(home)

    home.export()
    assert home.account().pending == MANY_CHUNKS
    assert home.account().balances


@pytest.mark.fault("F02")
def test_a_statement_that_times_out_fails_the_export_and_plans_nothing(home: ExportHome, admin: psycopg.Connection):
    fill(admin, 10)
    admin.execute("ALTER TABLE custom_events RENAME TO kept")
    admin.execute("CREATE VIEW custom_events AS SELECT * FROM kept WHERE pg_sleep(0.2) IS NOT NULL")
    admin.commit()
    home.environ["DB"] = f"{home.source_url}&options=-c%20statement_timeout%3D300"

    with pytest.raises(
        SourceError,
        match=r"failed: 57014 QueryCanceled: statement timeout, at .*raise it for this user.*run the window again",
    ):
        home.export()
    assert_nothing_was_planned(home)


@pytest.mark.fault("F02")
def test_a_table_that_somebody_has_locked_is_waited_for_and_then_given_up(
    home: ExportHome, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgresql, "LOCK_WAIT_MS", 200)
    fill(admin, 10)
    admin.execute("LOCK TABLE custom_events IN ACCESS EXCLUSIVE MODE")

    with pytest.raises(SourceError, match=r"55P03 LockNotAvailable"):
        home.export()
    assert_nothing_was_planned(home)
    admin.commit()
    home.export()
    assert home.account().pending == 10


@pytest.mark.fault("F02")
def test_a_lock_timeout_that_the_user_has_set_is_kept(home: ExportHome, admin: psycopg.Connection):
    admin.execute("LOCK TABLE custom_events IN ACCESS EXCLUSIVE MODE")
    home.environ["DB"] = f"{home.source_url}&options=-c%20lock_timeout%3D150"

    with pytest.raises(SourceError, match="55P03"):
        home.export()


@pytest.mark.fault("F04")
def test_a_row_that_becomes_visible_after_its_window_was_exported_is_found_by_exporting_again(
    home: ExportHome, admin: psycopg.Connection
):
    insert = "INSERT INTO custom_events (id, event_name, timestamp, ingested_at) VALUES (%s, %s, %s, %s)"
    admin.execute(insert, [1, "slow", f"{DAY} 11:00", f"{DAY} 12:00"])  # and not committed yet
    home.add([custom_event(2, "fast")])

    first = home.export().partitions[Category.CUSTOM_EVENT]
    home.ship()
    admin.commit()
    second = home.export().partitions[Category.CUSTOM_EVENT]
    home.ship()

    assert (first.planned, second.planned, second.already_planned) == (1, 1, 1)
    assert home.received_names() == ["fast", "slow"]


@pytest.mark.fault("F05")
def test_a_window_that_was_exported_before_its_time_gets_the_rest_when_it_is_exported_again(home: ExportHome):
    """As when our clock runs ahead of the database's, by which the rows are placed."""
    home.add([custom_event(1, "before")])
    home.export()
    home.ship()
    home.add([custom_event(2, "after")])
    home.export()
    home.ship()

    assert home.received_names() == ["before", "after"]


@pytest.mark.fault("F219")
def test_too_little_memory_is_one_line_that_names_the_table(
    home: ExportHome, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    fill(admin, 10)

    def fail(*_: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 512 failed")

    monkeypatch.setattr("statsig_export.source.source.to_frame", fail)  # which allocation fails cannot be arranged
    with pytest.raises(SourceError, match="not enough memory for a chunk of table custom_events"):
        home.export()
