"""Opening the ledger: to read it without a right to write, by many at once, and what is said where it cannot be."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from home import ExportHome
from rows import custom_event
from sqlalchemy import make_url, text
from test_ledger_faults import locked

from statsig_export.config import parse_config
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.export.late_rows import changed_windows
from statsig_export.ledger import database as ledger_database
from statsig_export.ledger import engine as ledger_engine
from statsig_export.ledger.database import open_to_read, open_to_write
from statsig_export.ledger.tables import pruned_partitions
from statsig_export.lineage.frames import deliveries, failed_rows, read_events
from statsig_export.lineage.trace import trace
from statsig_export.maintenance.prune import prune
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import due_partitions, halted_reason, status, unsent_partitions

NOW = datetime(2027, 1, 5, tzinfo=UTC)


def all_readers(home: ExportHome) -> list[object]:
    config = home.config
    looked_at = [status(config), due_partitions(config), unsent_partitions(config), halted_reason(config)]
    found = trace(config, "7f1c0000-0000-4000-8000-000000000000").found
    dry = prune(config, datetime(2026, 11, 21, tzinfo=UTC), NOW, dry_run=True)
    frames = [len(frame(config)) for frame in (read_events, deliveries, failed_rows)]
    return [*looked_at, *frames, verify(config).differences, found, dry.pruned, changed_windows(config, NOW)]


@pytest.mark.fault("F115")
def test_reading_waits_for_no_writer_and_for_nobody_who_makes_a_ledger(
    any_home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    any_home.add([custom_event(key) for key in range(1, 6)])
    any_home.export()
    monkeypatch.setattr(ledger_database, "BUSY_TIMEOUT_MS", 200)
    if any_home.ledger_url.startswith("sqlite"):
        with locked(any_home.ledger_url):
            read = all_readers(any_home)
    else:
        plain = make_url(any_home.ledger_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as other:
            other.execute("SELECT pg_advisory_lock(%s)", [ledger_database._SETUP_LOCK])
            other.execute("INSERT INTO meta VALUES ('being', 'written')")
            read = all_readers(any_home)
            open_to_write(make_url(any_home.ledger_url)).close()  # complete, so only looked at
            other.rollback()

    assert len(read[0]) == 6
    assert read[4] == 5


@pytest.mark.fault("F284")
@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_every_verb_that_reads_answers_while_a_transaction_writes_in_whatever_journal_mode(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, journal
):
    home.add([custom_event(key) for key in range(1, 6)])
    home.export()
    home.ship()
    monkeypatch.setattr(ledger_database, "BUSY_TIMEOUT_MS", 0)
    home.write()
    day = ("--from", "2026-11-20", "--to", "2026-11-21")
    with closing(sqlite3.connect(home.folder / "ledger.db", isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {journal}")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO meta VALUES ('being', 'written')")
        for words in (
            *(["status"], ["status", "--failed", "--json"], ["check"], ["trace", "x"], ["verify"], ["plan", *day]),
            *(["events", *day], ["prune", "--before", "2026-11-21", "--dry-run"]),
            ["forget", "--user-id", "user-1", "--dry-run"],
        ):
            read = home.verb(*words)
            assert "locked" not in read.output, words
            assert read.exit_code in {0, 1, 2}, read.output
        other.execute("ROLLBACK")


@pytest.mark.fault("F115")
def test_reading_where_there_is_no_ledger_yet_makes_none(any_home: ExportHome):
    url = any_home.config.ledger_url()
    before = sorted(any_home.folder.iterdir())

    assert all_readers(any_home)[:4] == [[], [], [], None]
    assert open_to_read(url) is None
    assert sorted(any_home.folder.iterdir()) == before


@pytest.mark.fault("F115")
def test_a_file_that_was_made_but_never_filled_holds_no_ledger(home: ExportHome):
    (home.folder / "ledger.db").touch()

    assert status(home.config) == []
    assert (home.folder / "ledger.db").stat().st_size == 0
    home.add([custom_event(1)])
    home.export()
    assert home.account().pending == 1


@pytest.mark.fault("F115")
def test_a_ledger_of_an_earlier_version_is_completed_before_it_is_read(any_home: ExportHome):
    any_home.add([custom_event(1)])
    any_home.export()
    database = open_to_write(any_home.config.ledger_url())
    with closing(database):
        pruned_partitions.drop(database.engine)

    assert any_home.account().pending == 1


_AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from sqlalchemy import make_url, text
from statsig_export.errors import LedgerError
from statsig_export.ledger.database import open_to_write, open_to_read

file = Path(sys.argv[1])
url = make_url(f"sqlite:///{file}")

def read():
    database = open_to_read(url)
    with database.read() as connection:
        rows = connection.execute(text("SELECT count(*) FROM meta")).scalar()
    database.close()
    return rows

def write(owner):
    with owner.write() as connection:
        connection.execute(text("INSERT INTO meta VALUES (hex(randomblob(9)), 'x')"))

owner = open_to_write(url)
read()  # what is imported late is imported now
file.parent.chmod(0o755)
os.seteuid(65534)
assert read() == 2, "beside a writer"
os.seteuid(0)
write(owner)
owner.close()
for left in file.parent.glob("*-*"):
    left.unlink()
os.seteuid(65534)
assert read() == 3, "with nobody at it"
os.seteuid(0)
file.chmod(0o600)
os.seteuid(65534)
try:
    read()
except LedgerError as error:
    assert f"this user may not read {file}" in str(error), error
    assert "reading needs no more" in str(error), error
else:
    raise AssertionError("read without a right to")
os.seteuid(0)
file.chmod(0o644)
os.seteuid(65534)
try:
    open_to_write(url).write().__enter__()
except LedgerError as error:
    assert "let this user write" in str(error), error
else:
    raise AssertionError("written without a right to")
try:
    database = open_to_read(url)
    with database.read() as connection:
        connection.execute(text("SELECT count(*) FROM meta")).scalar()
        os.seteuid(0)
        owner = open_to_write(url)
        write(owner)
        os.seteuid(65534)
except LedgerError as error:
    assert "was written to while it was read" in str(error), error
else:
    raise AssertionError("read what was changing")
"""


@pytest.mark.fault("F115")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_user_who_may_write_neither_the_file_nor_its_folder_reads_the_ledger():
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _AS_ANOTHER_USER, f"{folder}/ledger.db"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr


_AFTER_A_CRASH = """
import os, shutil, sys
from pathlib import Path
from sqlalchemy import make_url, text
from statsig_export.errors import LedgerError
from statsig_export.ledger.database import open_to_write, open_to_read

file, copy = Path(sys.argv[1], "ledger.db"), Path(sys.argv[1], "crashed", "ledger.db")
copy.parent.mkdir()
owner = open_to_write(make_url(f"sqlite:///{file}"))
with owner.write() as connection:
    connection.execute(text("INSERT INTO meta VALUES ('a', 'b')"))
for name in ("ledger.db", "ledger.db-wal"):
    shutil.copy(file.with_name(name), copy.with_name(name))
    copy.with_name(name).chmod(0o644)
owner.close()
open_to_read(make_url(f"sqlite:///{file}")).close()
for folder in (copy.parent, copy.parent.parent):
    folder.chmod(0o755)
os.seteuid(65534)
try:
    open_to_read(make_url(f"sqlite:///{copy}"))
except LedgerError as error:
    assert f"commits in {copy}-wal" in str(error) and "run `ship` as the user that writes it" in str(error), error
else:
    raise AssertionError("read without what was committed last")
os.seteuid(0)
open_to_write(make_url(f"sqlite:///{copy}")).close()
os.seteuid(65534)
with open_to_read(make_url(f"sqlite:///{copy}")).read() as connection:
    assert connection.execute(text("SELECT count(*) FROM meta")).scalar() == 3
"""


@pytest.mark.fault("F357")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_commits_that_a_crash_left_beside_the_ledger_are_named_to_a_user_who_may_only_read():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _AFTER_A_CRASH, folder], check=False, capture_output=True, text=True, timeout=60
        )

    assert done.returncode == 0, done.stderr


@contextmanager
def user(url: str, *grants: str, **settings: str) -> Iterator[str]:
    """The URL for a new user of the database, who may do what was granted."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute("CREATE USER weak")
        try:
            for grant in grants:
                admin.execute(f"GRANT {grant} TO weak")
            for name, value in settings.items():
                admin.execute(f"ALTER USER weak SET {name} = {value}")
            yield make_url(url).set(username="weak").render_as_string(hide_password=False)
        finally:
            admin.execute("DROP OWNED BY weak")
            admin.execute("DROP USER weak")


@pytest.mark.fault("F115")
def test_a_user_who_may_only_select_reads_the_ledger_and_is_told_what_writing_needs(postgres_url: str):
    open_to_write(make_url(postgres_url)).close()
    with user(postgres_url, "SELECT ON ALL TABLES IN SCHEMA public") as url:
        reader, writer = open_to_read(make_url(url)), open_to_write(make_url(url))
        assert reader is not None
        with closing(reader), closing(writer):
            with reader.read() as connection:
                assert connection.execute(text("SELECT count(*) FROM meta")).scalar() == 2
            with pytest.raises(LedgerError, match="42501 InsufficientPrivilege"), writer.write() as connection:
                connection.execute(text("INSERT INTO meta VALUES ('a', 'b')"))


@pytest.mark.fault("F284")
def test_a_role_that_may_only_read_does_all_reading_beside_a_writer(home: ExportHome, postgres_url: str):
    home.environ["LEDGER"] = postgres_url
    home.add([custom_event(key) for key in range(1, 6)])
    home.export()
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with user(postgres_url, "SELECT ON ALL TABLES IN SCHEMA public", default_transaction_read_only="on") as url:
        home.environ["LEDGER"] = url
        with psycopg.connect(plain) as other:
            other.execute("UPDATE batches SET outcome = outcome")
            read = all_readers(home)
            other.rollback()

    assert len(read[0]) == 6
    assert read[4] == 5


_FIRST_OPENINGS = """
import os, sys
from sqlalchemy import make_url
from statsig_export.ledger.database import open_to_write, open_to_read

url = make_url(f"sqlite:///{sys.argv[1]}")
ready, go = os.pipe()
children = []
for _ in range(40):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)  # until all are there
        code = 1
        try:
            open_to_read(url)
            open_to_write(url).close()
            open_to_read(url).close()
            code = 0
        finally:
            os._exit(code)
    children.append(child)
os.close(ready)
os.close(go)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


@pytest.mark.fault("F116")
def test_forty_processes_may_open_a_new_ledger_at_once(tmp_path: Path):
    command = [sys.executable, "-c", _FIRST_OPENINGS, str(tmp_path / "ledger.db")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr[-2_000:]


@pytest.mark.fault("F116")
def test_the_switch_to_wal_waits_for_a_process_that_holds_the_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url, waited = make_url(f"sqlite:///{tmp_path}/ledger.db"), list[float]()
    with locked(str(url)):
        monkeypatch.setattr(ledger_database, "BUSY_TIMEOUT_MS", 50)
        monkeypatch.setattr(ledger_engine.time, "sleep", waited.append)
        with pytest.raises(LedgerError, match="SQLITE_BUSY database is locked"):
            open_to_write(url)
    assert waited
    open_to_write(url).close()


SECRET = "s3cr3t"
REFUSED = {
    "postgres://user:s3cr3t@host/db": "write postgresql://",
    "postgresql+asyncpg://user:s3cr3t@host/db": r"through postgresql\+asyncpg\. use sqlite.* or postgresql\+psycopg://",
    "postgresql+psycopg_async://user:s3cr3t@host/db": "use sqlite",
    "postgresql+pg8000://user:s3cr3t@host/db": "the driver pg8000 is not installed",
    "postgresql+unheard_of://user:s3cr3t@host/db": "use sqlite",
    "sqlite+aiosqlite:///ledger.db": "use sqlite",
    "mysql://user:s3cr3t@host/db": "a ledger cannot live in this mysql database",
    "oracle://user:s3cr3t@host/db": "a ledger cannot live in this oracle database",
    "unheard_of://user:s3cr3t@host/db": "a ledger cannot live in this unheard_of database",
    "sqlite://": "a ledger cannot live",
    "sqlite:////": "/ is a folder",
    "postgresql://user:p@s3cr3t@host/db": "written %40",
    "postgresql://user:p@s3cr3t/w@host/db": "written %40",
    "postgresql://user:p@w:s3cr3t@host/db": "not an SQLAlchemy URL",
    "postgresql://user:s3cr3t@host:port/db": "not an SQLAlchemy URL",
    "user:s3cr3t@host/db": "not an SQLAlchemy URL",
}


@pytest.mark.fault("F117")
@pytest.mark.parametrize("url", REFUSED)
def test_a_url_where_no_ledger_can_be_is_one_sentence_that_says_what_to_write(home: ExportHome, url: str):
    home.ledger_url = home.environ["LEDGER"] = url
    for verb in (home.export, home.ship, home.account):
        with pytest.raises(ConfigError, match=REFUSED[url]) as refused:
            verb()
        assert SECRET not in str(refused.value)


@pytest.mark.fault("F117")
def test_an_unreadable_url_in_the_file_itself_is_not_printed(tmp_path: Path):
    with pytest.raises(ConfigError, match="not an SQLAlchemy URL") as refused:
        parse_config({"ledger": {"url": f"postgresql://u:p@w:{SECRET}@h/db"}}, folder=tmp_path, environ={})
    assert SECRET not in str(refused.value)


@pytest.mark.fault("F117")
def test_a_driver_that_is_not_installed_is_named_with_the_extra_that_brings_it(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    home.environ["LEDGER"] = "postgresql://host/db"
    for name in [name for name in sys.modules if name.split(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(ConfigError, match=r"psycopg is not installed\. pip install 'statsig-export\[postgres\]'"):
        home.account()


def broken(url: str, **changes: object) -> str:
    return make_url(url).set(**changes).render_as_string(hide_password=False)  # type: ignore[arg-type]  # as `set` has it


@pytest.mark.fault("F114")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"database": "nowhere"},
            r"3D000 InvalidCatalogName\)\. check \[ledger\] url: the server has no such database",
        ),
        ({"username": "nobody"}, r"28000 .*its user and password"),
        ({"host": "127.0.0.1", "port": 1, "query": {}}, r"127\.0\.0\.1:1 .*ECONNREFUSED .*whether the server is up"),
        ({"host": "host.invalid", "query": {}}, r"host\.invalid:5432 .*EAI_NONAME"),
        ({"query": {"host": "/nowhere"}}, r"/nowhere:5432 .*ENOENT"),
    ],
)
def test_why_a_server_cannot_be_reached_is_said_with_its_place_and_what_to_do(
    postgres_url: str, changes: dict[str, object], says: str
):
    url = make_url(broken(postgres_url, **{"password": SECRET, **changes}))
    for opens in (open_to_write, open_to_read):
        with pytest.raises(LedgerError, match=says) as failed:
            opens(url)
        assert SECRET not in str(failed.value)


@pytest.mark.fault("F114")
def test_a_user_without_create_on_the_schema_is_told_what_to_grant(postgres_url: str):
    with user(postgres_url) as url, pytest.raises(LedgerError, match=r"42501 .*CREATE on the schema"):
        open_to_write(make_url(url))


@pytest.mark.fault("F114")
def test_a_server_that_only_reads_is_told_from_others(postgres_url: str):
    with (
        user(postgres_url, "CREATE ON SCHEMA public", default_transaction_read_only="on") as url,
        pytest.raises(LedgerError, match=r"25006 ReadOnlySqlTransaction\).*name the primary"),
    ):
        open_to_write(make_url(url))


@pytest.mark.fault("F114")
def test_a_server_without_a_free_connection_is_told_from_one_that_is_down(postgres_url: str):
    plain = broken(postgres_url, drivername="postgresql")
    with user(postgres_url) as url, psycopg.connect(plain, autocommit=True) as admin:
        admin.execute("ALTER USER weak CONNECTION LIMIT 0")
        with pytest.raises(LedgerError, match=r"53300 TooManyConnections\).*raise max_connections"):
            open_to_write(make_url(url))


@pytest.mark.fault("F114")
def test_a_schema_that_is_not_there_is_named_as_the_cause(postgres_url: str):
    url = make_url(postgres_url).update_query_dict({"options": "-csearch_path=nowhere"})
    with pytest.raises(LedgerError, match=r"3F000 .*search path"):
        open_to_write(url)


@pytest.mark.fault("F114")
def test_a_damaged_ledger_and_a_full_disk_are_told_apart(home: ExportHome):
    home.add([custom_event(key) for key in range(1, 40)])
    home.export()
    file = home.folder / "ledger.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xa5" * 4096 + whole[8192:])
    with pytest.raises(LedgerError, match=r"ledger\.db cannot be used \(SQLITE_CORRUPT .*put back a copy"):
        home.account()
    for left in home.folder.glob("ledger.db*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    file.write_bytes(b"no database" * 100)
    with pytest.raises(LedgerError, match=r"SQLITE_NOTADB .*is no SQLite database"):
        home.account()
