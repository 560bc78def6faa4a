"""Several senders of one run: what they share, and what stops all of them."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Event

import pytest
from home import ExportHome
from rows import NOON, custom_event
from sqlalchemy import Connection, Engine, event

from statsig_export.delivery.rules import Failure, Reply
from statsig_export.errors import LedgerError
from statsig_export.ledger import locks
from statsig_export.shipping.webhook import Webhook

_SHIP = """
import sys
from pathlib import Path
from statsig_export.config import load_config
from statsig_export.shipping.ship import ship
print(ship(load_config(Path(sys.argv[1]))).sent, "pandas" in sys.modules)
"""
SENDERS = 4
PATIENCE = 20


@pytest.fixture
def exported(home: ExportHome) -> ExportHome:
    """Ten batches of one event."""
    home.set("webhook", max_events=1, concurrency=SENDERS)
    home.add([custom_event(key) for key in range(10)])
    home.export()
    return home


@pytest.fixture
def full_after_four_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every sender waits with its answer for all others; then the ledger's disk is full."""
    full = Event()
    answered = Barrier(SENDERS, action=full.set, timeout=PATIENCE)
    real = Webhook.post

    def post(webhook: Webhook, body: bytes, batch_id: str, attempt: int) -> Reply | Failure:
        answer = real(webhook, body, batch_id, attempt)
        answered.wait()
        return answer

    def commit(_: Connection) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Webhook, "post", post)
    event.listen(Engine, "commit", commit)
    yield
    event.remove(Engine, "commit", commit)


@pytest.mark.fault("F51")
@pytest.mark.usefixtures("full_after_four_answers")
def test_a_ledger_that_fails_in_a_group_of_finishes_stops_every_sender_in_it(exported: ExportHome):
    with pytest.raises(LedgerError, match="ENOSPC"):
        exported.ship()

    assert len(exported.receiver.requests) == SENDERS
    assert exported.account().pending == 10


def test_a_connection_is_used_again_by_the_senders_of_the_next_partitions(
    exported: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(locks, "LOCKED_AT_ONCE", 1)
    exported.add([custom_event(10, ingested_at=NOON + timedelta(days=1))])
    exported.export("2026-11-21")
    exported.ship()

    assert len(exported.receiver.requests) == 11
    assert exported.receiver.connections <= SENDERS


def test_a_shipment_does_without_pandas(exported: ExportHome):
    command = [sys.executable, "-c", _SHIP, str(exported.write())]
    environ = {**os.environ, **exported.environ}

    assert subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout == "10 False\n"
