"""What can happen to the ledger: another process holds it, its disk is full, it is damaged, lost, or an old copy."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from home import ExportHome
from rows import custom_event
from sqlalchemy import make_url

from statsig_export.backup.catching_up import catch_up
from statsig_export.errors import LedgerError
from statsig_export.ledger import database as ledger_database
from statsig_export.shipping.status import status

OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process is in the middle of a transaction that writes."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute("LOCK TABLE export_runs, ship_runs, batches, attempts IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@pytest.mark.fault("F52")
def test_a_ledger_that_another_process_has_locked_is_waited_for_and_then_nothing_is_sent(
    any_home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    any_home.add([custom_event(key) for key in range(1, 11)])
    any_home.export()
    monkeypatch.setattr(ledger_database, "BUSY_TIMEOUT_MS", 200)
    with locked(any_home.ledger_url):
        with pytest.raises(LedgerError, match=r"locked|LockNotAvailable"):
            any_home.ship()
        with pytest.raises(LedgerError, match=r"locked|LockNotAvailable"):
            any_home.export()
    before = len(any_home.receiver.requests)
    any_home.ship()

    assert before == 0
    assert any_home.account().forwarded == 10


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk: no file of this process grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.fault("F51")
def test_a_disk_that_is_full_fails_the_export_whole(home: ExportHome):
    home.add([custom_event(key, metadata={"n": os.urandom(200).hex()}) for key in range(1, 2_001)])
    with files_of_at_most(300_000), pytest.raises(LedgerError):
        home.export()

    assert status(home.config) == []
    assert list((home.folder / "files").rglob("*.parquet")) == []
    home.export()
    assert home.account().pending == 2_000


@pytest.mark.fault("F51")
def test_a_claim_that_cannot_be_written_is_not_followed_by_a_request(home: ExportHome):
    home.set("webhook", max_events=1)
    home.add([custom_event(key) for key in range(1, 200)])
    home.export()
    with files_of_at_most(0), pytest.raises(LedgerError):
        home.ship()
    assert home.receiver.requests == []

    home.ship()
    assert home.account().forwarded == 199


@pytest.mark.fault("F55")
def test_with_the_ledger_lost_everything_is_sent_again_under_the_same_ids_with_the_same_bytes(home: ExportHome):
    home.set("webhook", max_events=10)
    home.add([custom_event(key) for key in range(1, 41)])
    home.export()
    home.ship()
    for file in home.folder.glob("ledger.db*"):
        file.unlink() if file.is_file() else shutil.rmtree(file)
    home.export()
    home.ship()

    sent = Counter(request.webhook_id for request in home.receiver.requests)
    assert set(sent.values()) == {2}
    assert len(sent) == 4
    assert all(request.accepted for request in home.receiver.requests)  # the receiver compares the bytes
    assert len(list((home.folder / "files" / "events").rglob("*.parquet"))) == 1


@pytest.mark.fault("F55")
def test_an_old_copy_of_the_ledger_sends_nothing_again_unless_that_is_accepted(home: ExportHome):
    home.add([custom_event(key) for key in range(1, 21)])
    home.export()
    shutil.copy(home.folder / "ledger.db", home.folder / "copy")
    home.ship()
    home.add([custom_event(21, "late")])
    home.export()
    home.ship()
    shutil.move(home.folder / "copy", home.folder / "ledger.db")
    home.add([custom_event(22, "later")])
    for verb in (home.ship, home.export):
        with pytest.raises(LedgerError, match=r"older than the storage: it does not know .* in custom_event\|"):
            verb()
    assert len(home.receiver.events()) == 21
    catch_up(home.config, accept_loss=True)
    home.export()
    home.ship()

    sent = Counter(event["timeUUID"] for event in home.receiver.events())
    assert len(sent) == 22
    assert sorted(sent.values()) == [1] + [2] * 21
    account = home.account()
    assert (account.forwarded, account.pending, account.balances) == (22, 0, True)


@pytest.mark.fault("F56")
def test_a_damaged_page_of_the_ledger_is_an_error_or_does_no_harm(home: ExportHome):
    home.set("webhook", max_events=1)
    home.add([custom_event(key) for key in range(1, 31)])
    home.export()
    ledger = home.folder / "ledger.db"
    whole = ledger.read_bytes()
    page = 4096
    refused = 0
    for start in range(0, len(whole), page):
        for file in home.folder.glob("ledger.db-*"):
            file.unlink()
        ledger.write_bytes(whole[:start] + b"\xa5" * page + whole[start + page :])
        try:
            home.ship()
        except LedgerError:
            refused += 1
    for request in home.receiver.requests:
        assert request.accepted  # the receiver knows a batch by its bytes: nothing alien, nothing half

    assert refused > 5


@pytest.mark.fault("F56")
def test_a_damaged_ledger_is_not_replaced_by_a_new_one(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    ledger = home.folder / "ledger.db"
    ledger.write_bytes(b"\x00" * 100 + ledger.read_bytes()[100:])

    for verb in (home.export, home.ship):
        with pytest.raises(LedgerError, match="check \\[ledger\\] url"):
            verb()
    assert home.receiver.requests == []


_FORK = """
import os, sys
from statsig_export.config import load_config
from statsig_export.export.export import export_window
from statsig_export.shipping.ship import ship
from statsig_export.windows import window_from_key

config = load_config(sys.argv[1])
window = window_from_key("2026-11-20", config.windows)
export_window(config, window)
child = os.fork()
if child == 0:
    sent = ship(config).sent
    os._exit(0 if sent == 25 else 1)
_, ended = os.waitpid(child, 0)
assert ended == 0, ended
assert ship(config).sent == 0
assert export_window(config, window).account.forwarded == 25
"""


@pytest.mark.fault("F60")
def test_a_process_forked_after_an_export_ships_with_connections_of_its_own(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(1, 26)])
    config = any_home.folder / "export.toml"
    config.write_text(
        '[source]\nurl = "env:DB"\n[webhook]\nurl = "env:HOOK"\nmax_events = 5\n'
        '[storage]\nurl = "files"\n[ledger]\nurl = "env:LEDGER"\n'
    )
    command = [sys.executable, "-W", "error", "-c", _FORK, str(config)]
    subprocess.run(command, env={**os.environ, **any_home.environ}, check=True, timeout=60)

    assert any_home.account().forwarded == 25
    assert len(any_home.receiver.requests) == 5


@pytest.mark.fault("F60")
@pytest.mark.skipif(not OPEN_FILES.exists(), reason="needs /proc to see what is open")
def test_no_connection_outlives_the_verb_that_opened_it(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    home.ship()
    left_open = [handle.resolve() for handle in OPEN_FILES.iterdir()]

    assert not [file for file in left_open if file.is_relative_to(home.folder)]
