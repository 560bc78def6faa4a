"""What grows with partitions, batches and windows is no parameter each: databases take so many a statement, no more."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from export_home import NOON, ExportHome, custom_event
from sqlalchemy import Engine, event

from statsig_export.errors import ConfigError
from statsig_export.ledger import queries, standings
from statsig_export.ledger.evidence import make_due
from statsig_export.ledger.identities import refuse_overlapping_windows
from statsig_export.ledger.shipments import shipments
from statsig_export.ledger.transactions import ledger_of
from statsig_export.lineage.trace import trace
from statsig_export.maintenance.prune import prune
from statsig_export.maintenance.verify import verify
from statsig_export.pipeline import export_windows, replay, ship
from statsig_export.shipping.status import due_partitions, status
from statsig_export.vocabulary import Category
from statsig_export.windows import windows_between

FEWEST = 30
"""Parameters a statement; what does not grow needs fewer."""
HOURS = FEWEST + 2
MANY = 70_000
"""More than PostgreSQL takes (65,535)."""
LATER = datetime(2026, 1, 1, tzinfo=UTC)
"""More than 70,000 hours after the start."""


@pytest.fixture
def few_parameters() -> Iterator[None]:
    """A SQLite that was built to take as few parameters as that, for the ledger and for the source."""

    def limit(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, FEWEST)

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)


@pytest.mark.fault("F149")
@pytest.mark.usefixtures("few_parameters")
def test_no_verb_has_a_parameter_for_each_partition(home: ExportHome):
    home.set("windows", every="hour", start="2026-11-01T00:00:00Z")
    home.set("webhook", max_events=1)
    moments = [NOON + timedelta(hours=number, minutes=1) for number in range(HOURS)]
    home.add([custom_event(2 * n + m, ingested_at=at) for n, at in enumerate(moments) for m in (0, 1)])
    start = NOON.replace(tzinfo=UTC)
    windows = list(windows_between(start, start + timedelta(hours=HOURS), home.config.windows))
    list(export_windows(home.config, dict.fromkeys(windows)))
    keys = [due.partition for due in due_partitions(home.config)]
    sent = ship(home.config, keys)
    again = replay(home.config, keys)

    assert (len(keys), sent.sent, len(sent.shipments), again.sent) == (HOURS, 2 * HOURS, HOURS, 2 * HOURS)
    assert ship(home.config, now=True).sent == 0
    assert len([line for line in status(home.config) if line.account.forwarded]) == HOURS
    assert verify(home.config).differences == ()
    assert len(list(export_windows(home.config, dict.fromkeys(windows)))) == HOURS
    assert trace(home.config, home.receiver.events()[0]["timeUUID"]).all_forwarded
    now = datetime.now(UTC)
    assert len(prune(home.config, now - timedelta(days=4), now).pruned) == HOURS


@pytest.mark.fault("F149")
def test_a_statement_about_seventy_thousand_partitions_has_one_parameter_for_them(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(2)])
    any_home.export()
    any_home.ship()
    ids, now_ms, name = range(MANY), 2**41, "fivetran"
    config = any_home.config
    with ledger_of(config) as ledger:
        database = ledger.database
        keys = [(Category.CUSTOM_EVENT, f"window {number}") for number in ids]
        known = queries.partition_ids(database, name, [*keys, (Category.CUSTOM_EVENT, "2026-11-20")])
        statuses = standings.statuses(database, name, now_ms, only=ids)
        (mine,) = [line.partition for line in statuses if line.partition in known]

        assert known.keys() == {mine}
        assert queries.waiting_batches(database, ids, now_ms, MANY) == []
        assert queries.next_due_ms(database, ids, now_ms, without=ids) is None
        assert queries.unfinished_replays(database, ids, "no run") == (0, 0)
        assert ledger.recover(ids, now_ms) == 0
        assert make_due(database, list(ids), now_ms) is None
        any_home.set("windows", every="hour", start="2018-01-01T00:00:00Z")
        hours = windows_between(any_home.config.windows.start, LATER, any_home.config.windows)
        with pytest.raises(ConfigError, match="windows of a day"):
            refuse_overlapping_windows(database, any_home.config, list(hours))
        assert shipments(database, "no run", {mine: known[mine]}, statuses)[mine].requests == 0
