"""What tests of arrivals start from: events that were exported and sent, and a table that is there and empty."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from fivetran_api import CONNECTION, KEY, SECRET, FivetranApi
from home import ExportHome
from landing import EVENTS, Landing
from rows import custom_event, exposure

from statsig_export.reconciliation.check import check_arrivals
from statsig_export.reconciliation.reports import ArrivalsReport

GRACE = timedelta(hours=12)
"""The default."""


def points_at(home: ExportHome, landing: Landing) -> None:
    home.environ["LANDED"] = landing.url
    home.set("arrivals", url="env:LANDED", table=EVENTS)


def fifteen_sent(home: ExportHome, landing: Landing) -> ExportHome:
    """Ten custom events and five exposures, in batches of four: sent at any time of the last hour.

    Without homes to copy (`home.kept = None`) they are sent now.
    """
    points_at(home, landing)
    home.set("webhook", max_events=4)

    def send() -> None:
        home.add([custom_event(key) for key in range(1, 11)], [exposure(key) for key in range(1, 6)])
        home.export()
        home.ship()

    home.begin("fifteen, sent", send)
    return home


def compared(home: ExportHome, after: timedelta = timedelta(0)) -> ArrivalsReport:
    now_ms = round((datetime.now(UTC) + after).timestamp() * 1000)
    report, unreadable = check_arrivals(home.config, now_ms=now_ms)
    assert not unreadable
    return report


def sent_earlier(home: ExportHome, by: timedelta, since_attempt: int = 0) -> None:
    """Let the attempts with a later number have been made so much earlier."""
    ms = round(by.total_seconds() * 1000)
    with closing(sqlite3.connect(home.folder / "ledger.db")) as ledger, ledger:
        ledger.execute(
            "UPDATE attempts SET started_ms = started_ms - ?, finished_ms = finished_ms - ? WHERE id > ?",
            (ms, ms, since_attempt),
        )


def last_attempt(home: ExportHome) -> int:
    with closing(sqlite3.connect(home.folder / "ledger.db")) as ledger:
        return int(ledger.execute("SELECT max(id) FROM attempts").fetchone()[0])


def connected(home: ExportHome, api: FivetranApi, **settings: object) -> None:
    """Name the connection of this stand-in."""
    home.environ |= {"FIVETRAN_API_KEY": KEY, "FIVETRAN_API_SECRET": SECRET}
    home.set("arrivals", connection=CONNECTION, api_url=api.url, **settings)


def missing_of(report: ArrivalsReport) -> tuple[int, int]:
    """Missing, and not yet there."""
    return report.total.missing, report.total.not_yet
