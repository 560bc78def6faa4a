"""The connection to the source breaks somewhere in a read: the window fails whole, and the next run is as if nothing
had been.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from cut_connection import CutConnection
from home import DAY, ExportHome
from rows import custom_event
from sqlalchemy import make_url

from statsig_export.errors import SourceError
from statsig_export.export.export import export_window
from statsig_export.testing.webhook.receiver import Receiver

ROWS = 25_000
THE_DAY_BEFORE = "2026-11-19"


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, postgres_url: str) -> ExportHome:
    """The source in PostgreSQL: two chunks and a half for the day, and the day before, which has been exported."""
    home = ExportHome(tmp_path, receiver, postgres_url, f"sqlite:///{tmp_path}/ledger.db")
    home.write()
    home.add([custom_event(0, "the_day_before", ingested_at=f"{THE_DAY_BEFORE} 12:00")])
    with psycopg.connect(make_url(postgres_url).set(drivername="postgresql").render_as_string(False)) as admin:  # noqa: FBT003
        admin.execute(
            "INSERT INTO custom_events (id, event_name, metadata, timestamp, ingested_at)"
            " SELECT n, 'page_view', json_build_object('n', n::text), %s::timestamp, %s::timestamp"
            " FROM generate_series(1, %s) n",
            [f"{DAY} 11:00", f"{DAY} 12:00", ROWS],
        )
    home.export(THE_DAY_BEFORE)
    home.ship()
    return home


def ledger_of(home: ExportHome) -> list[str]:
    """All that the ledger holds."""
    with closing(sqlite3.connect(home.folder / "ledger.db")) as ledger:
        return list(ledger.iterdump())


def files_of(home: ExportHome) -> dict[str, str]:
    """Every partition file of the storage, by its digest."""
    folder = home.folder / "files"
    return {
        str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*.parquet")
        if file.is_file()
    }


def run(home: ExportHome) -> Result:
    return home.verb("run", "--from", DAY, "--to", "2026-11-21")


@pytest.fixture
def wire(home: ExportHome) -> Iterator[CutConnection]:
    """Between the home and its source."""
    url = make_url(home.source_url)
    with CutConnection(f"{url.query['host']}/.s.PGSQL.5432") as wire:
        through = url.set(host="127.0.0.1", port=wire.port, query={"sslmode": "disable"})
        home.environ["DB"] = through.render_as_string(hide_password=False)
        yield wire


@pytest.mark.fault("F01")
def test_wherever_the_wire_breaks_the_window_fails_whole_and_a_second_run_is_as_an_undisturbed_one(
    home: ExportHome, wire: CutConnection, tmp_path: Path
):
    ledger, files, sent = ledger_of(home), files_of(home), len(home.receiver.requests)
    twin = ExportHome(tmp_path / "twin", home.receiver, home.source_url, f"sqlite:///{tmp_path}/twin.db")
    twin.environ["DB"] = home.environ["DB"]
    twin.export()
    whole = wire.passed

    cuts = [100, 4_000, whole // 3, whole // 2, whole - 100_000, whole - 3_000]
    for cut in cuts:
        wire.after, wire.passed = cut, 0
        broken = run(home)
        assert broken.exit_code == 3, (cut, broken.output)
        assert "Traceback" not in broken.output
        assert ledger_of(home) == ledger
        assert files_of(home) == files
        assert len(home.receiver.requests) == sent

    wire.after = None
    assert run(home).exit_code == 0
    new = {name: digest for name, digest in files_of(home).items() if name not in files}
    assert new == files_of(twin)
    assert home.account().forwarded == ROWS + 1


@pytest.mark.fault("F01")
def test_a_session_that_the_server_ends_while_it_is_read_fails_the_window_whole(home: ExportHome):
    ledger, files = ledger_of(home), files_of(home)

    def cut(_rows: int) -> None:
        with psycopg.connect(make_url(home.source_url).set(drivername="postgresql").render_as_string(False)) as admin:  # noqa: FBT003
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(SourceError, match="reading table custom_events failed: ") as raised:
        export_window(home.config, home.window(), on_progress=cut)
    assert raised.value.exit_code == 3
    assert ledger_of(home) == ledger
    assert files_of(home) == files
