"""A ledger of schema version 1 moves to today's: whole, once, and again if it was stopped in the middle."""

import logging
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from landing import EVENTS, landing_in
from ledger_of_version_1 import DELIVERED, FAULTY, Left
from scrapes import scraped
from sqlalchemy import create_engine, inspect, make_url, update

from statsig_export.errors import LedgerError
from statsig_export.export.export import export_window
from statsig_export.export.late_rows import changed_windows
from statsig_export.export.plan import plan
from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.records import Selection
from statsig_export.ledger.tables import REVISION, SCHEMA_VERSION, meta
from statsig_export.lineage.frames import deliveries, read_events
from statsig_export.lineage.trace import trace
from statsig_export.maintenance.verify import verify
from statsig_export.reconciliation.check import check_arrivals
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import due_partitions, status
from statsig_export.windows import window_from_key

TABLES = [
    *("meta", "destinations", "export_runs", "partitions", "generations", "batches", "ship_runs", "attempts"),
    "pruned_partitions",
]


def migrate(url: str, crash: str = "") -> int:
    """Open and write in a process of its own; how it ended."""
    code = (
        "import sys, statsig_export.export.export, statsig_export.shipping.ship, statsig_export.dagster.definitions\n"
        "from sqlalchemy import make_url; from statsig_export.ledger.database import open_to_write\n"
        "from statsig_export import crashpoints; crashpoints.arm(sys.argv[2])\n"
        "open_to_write(make_url(sys.argv[1])).bring_up_to_date()"
    )
    return subprocess.run([sys.executable, "-c", code, url, crash], check=False).returncode


def upgraded(left: Left) -> None:
    database = open_to_write(make_url(left.ledger_url))
    database.bring_up_to_date()
    database.close()


def rows(left: Left) -> dict[str, list[tuple[object, ...]]]:
    return {name: sorted(left.ledger(f"SELECT * FROM {name}"), key=repr) for name in TABLES}  # noqa: S608 - names above


def shape(url: str) -> dict[str, object]:
    """Every table's columns, keys and indexes, as the database has them."""
    engine = create_engine(url)
    found = inspect(engine)
    tables = {
        name: (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)),
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((key["constrained_columns"], key["referred_table"]) for key in found.get_foreign_keys(name)),
            sorted((index["name"] or "", index["column_names"]) for index in found.get_indexes(name)),
        )
        for name in found.get_table_names()
    }
    engine.dispose()
    return tables


@pytest.mark.fault("F399")
@pytest.mark.parametrize("selection", [None, Selection("fivetran")])
def test_a_ledger_of_version_1_is_compared_with_what_arrived(left: Left, tmp_path: Path, selection: Selection | None):
    landing = landing_in(tmp_path)
    left.set("arrivals", url=landing.url, table=EVENTS)
    forwarded = sum(line.account.forwarded for line in status(left.config))

    total = check_arrivals(left.config, selection)[0].total

    assert total.missing + total.not_yet + total.unchecked == total.forwarded == forwarded > 0
    assert left.version() == str(SCHEMA_VERSION)


@pytest.mark.fault("F126")
def test_a_ledger_of_version_1_verifies_ships_what_is_pending_and_finds_late_rows(left: Left):
    assert verify(left.config).differences == ()
    assert left.version() == "1"
    shipped = ship(left.config)
    left.sql(
        'INSERT INTO custom_events (id, event_name, "timestamp", ingested_at) '
        'SELECT 99, event_name, "timestamp", ingested_at FROM custom_events WHERE id = 10'
    )
    late = changed_windows(left.config, datetime(2026, 11, 20, 1, tzinfo=UTC))
    again = export_window(left.config, window_from_key(DELIVERED, left.config.windows))

    assert shipped.sent == 2
    assert [event["userID"] for event in left.receiver.events()] == ["user-24", "user-25"]
    assert [change.window.key for change in late] == [DELIVERED]
    assert again.account.pending == 1
    assert left.version() == str(SCHEMA_VERSION)
    assert left.ledger("SELECT version_num FROM alembic_version") == [(REVISION,)]
    assert verify(left.config).differences == ()


def test_a_migration_changes_no_row_and_makes_the_tables_of_a_new_ledger(left: Left, tmp_path: Path):
    before = rows(left)
    upgraded(left)
    after = rows(left)
    moved = shape(left.ledger_url)
    assert {**after, "meta": None} == {**before, "meta": None}
    engine = create_engine(left.ledger_url)
    if engine.dialect.name == "sqlite":
        new = f"sqlite:///{tmp_path}/new.db"
    else:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        new = left.ledger_url
    engine.dispose()
    open_to_write(make_url(new)).close()

    assert shape(new) == moved


@pytest.mark.fault("F126")
def test_reading_verbs_take_a_ledger_of_version_1_as_it_is(left: Left):
    before = rows(left)
    config = left.config
    window = window_from_key(FAULTY, config.windows)

    assert plan(config, window).to_send == 0
    assert status(config)
    assert due_partitions(config)
    assert len(deliveries(config))
    assert trace(config, read_events(config, columns=["time_uuid"])["time_uuid"].iloc[0])
    assert verify(config).differences == ()
    scrape = scraped(left)
    assert (scrape.up, scrape["ledger_schema_version"]) == (1, 1)
    assert scrape.sum("forwarded_events_total") == sum(line.account.forwarded for line in status(config)) > 0
    assert rows(left) == before
    assert left.version() == "1"
    engine = create_engine(left.ledger_url)
    assert not inspect(engine).has_table("identities")
    engine.dispose()


@pytest.mark.fault("F127")
def test_a_migration_that_is_killed_in_the_middle_is_taken_up_again(left: Left):
    before = rows(left), shape(left.ledger_url)

    assert migrate(left.ledger_url, crash="migrate.inside") == -signal.SIGKILL
    assert (rows(left), shape(left.ledger_url)) == before
    assert migrate(left.ledger_url, crash="migrate.committed") == -signal.SIGKILL
    assert left.version() == str(SCHEMA_VERSION)
    upgraded(left)
    assert verify(left.config).differences == ()


@pytest.mark.fault("F127")
def test_processes_and_threads_that_migrate_at_once_do_it_once(left: Left):
    ended: list[int] = []
    failed: list[BaseException] = []

    def here() -> None:
        try:
            upgraded(left)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the test's
            failed.append(error)

    threads = [threading.Thread(target=lambda: ended.append(migrate(left.ledger_url))) for _ in range(2)]
    threads += [threading.Thread(target=here) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (ended, failed) == ([0, 0], [])
    assert left.ledger("SELECT version_num FROM alembic_version") == [(REVISION,)]


@pytest.mark.fault("F58")
def test_a_ledger_of_a_newer_version_is_refused_in_a_sentence_and_left_as_it_is(left: Left):
    database = open_to_write(make_url(left.ledger_url))
    with database.write() as connection:
        newer = str(SCHEMA_VERSION + 1)
        connection.execute(update(meta).where(meta.c.key == "schema_version").values(value=newer))
    database.close()
    before = rows(left)

    with pytest.raises(LedgerError) as refused:
        ship(left.config)
    assert str(refused.value) == (
        f"the ledger has schema version {SCHEMA_VERSION + 1}, this statsig-export knows version {SCHEMA_VERSION} and"
        " older: "
        "run the version that wrote it, or a newer one"
    )
    assert rows(left) == before


def test_a_ledger_from_before_pruning_is_read_and_brought_up_to_date(left: Left):
    engine = create_engine(left.ledger_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE pruned_partitions")
    engine.dispose()

    assert status(left.config)
    assert left.version() == "1"
    upgraded(left)
    assert left.version() == str(SCHEMA_VERSION)


def test_a_migration_leaves_the_logging_of_the_host_alone(left: Left, capfd):
    mine = logging.getLogger("host.application")
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    replay(left.config, [f"custom_event|{DELIVERED}"])

    assert left.version() == str(SCHEMA_VERSION)
    assert (list(logging.getLogger().handlers), logging.getLogger().level, mine.disabled) == (handlers, level, False)
    assert capfd.readouterr() == ("", "")


def test_alembic_is_imported_only_where_a_migration_is_due(tmp_path: Path):
    code = (
        "import sys, statsig_export.export.export, statsig_export.shipping.ship, statsig_export.dagster.definitions\n"
        "from sqlalchemy import make_url; from statsig_export.ledger.database import open_to_write\n"
        "open_to_write(make_url(sys.argv[1])).bring_up_to_date(); sys.exit('alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code, f"sqlite:///{tmp_path}/new.db"], check=False)

    assert said.returncode == 0


def test_the_wheel_has_the_migrations(tmp_path: Path):
    root = Path(__file__).parents[2]
    uv = shutil.which("uv") or str(root / ".tools" / "bin" / "uv")
    if not Path(uv).exists():
        pytest.skip("uv builds the wheel")
    subprocess.run([uv, "build", "--wheel", "--offline", "-q", "-o", str(tmp_path), str(root)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    listed = subprocess.run([sys.executable, "-m", "zipfile", "-l", str(wheel)], check=True, capture_output=True)
    scripts = sorted(path.name for path in (root / "statsig_export/ledger/migrations/versions").glob("*.py"))

    assert all(f"ledger/migrations/versions/{name}" in listed.stdout.decode() for name in scripts)
    assert "ledger/migrations/env.py" in listed.stdout.decode()
