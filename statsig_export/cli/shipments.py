"""What run, ship and replay share: shipping that SIGTERM stops, and the report of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import click

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.cli import output, progress, tables
from statsig_export.cli.privacy_notes import note_other_rules
from statsig_export.cli.sigterm import stop_on_sigterm
from statsig_export.cli.sync_notes import note_sync
from statsig_export.cli.verdict import Waiting, waiting
from statsig_export.config import Config
from statsig_export.errors import DestinationError, LedgerError, StatsigExportError
from statsig_export.runs import REAL_TIME, Timing
from statsig_export.shipping.reports import ShipReport, report_of
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.windows import split_partition_key


def ship_or_refusal(
    config: Config, keys: Sequence[str] | None = None, *, now: bool = False
) -> tuple[ShipReport, StatsigExportError | None]:
    """Ship these partitions, or what is due. Returns the report, and the error that ended the run or None.

    Raises an error that leaves nothing to report.
    """
    shipped: tuple[ShipReport, StatsigExportError | None]
    note_other_rules(config)
    with until_stopped() as timing:
        try:
            with progress.event_count("ship", lambda: _unsent(config, keys)) as advance:
                shipped = ship(config, keys, on_progress=advance, timing=timing, now=now), None
        except (DestinationError, LedgerError) as error:
            shipped = reported(config, keys, error), error
        if not timing.stopping():  # whoever stops it does not wait for Fivetran
            note_sync(config)
    return shipped


def reported(config: Config, keys: Sequence[str] | None, error: DestinationError | LedgerError) -> ShipReport:
    """The report of a run that ended with this error; if it was refused before it began, the state of its partitions.

    Raises the error again if neither is known.
    """
    report = report_of(error)
    if report is not None:
        return report
    if isinstance(error, LedgerError):
        raise error
    asked = None if keys is None else set(keys)
    standing = [line for line in status(config) if (line.unsent if asked is None else line.partition in asked)]
    return ShipReport("", None, 0.0, None, (), {}, {line.partition: line for line in standing})


def _unsent(config: Config, keys: Sequence[str] | None) -> int:
    """The events that wait in these partitions, or in all."""
    asked = None if keys is None else set(keys)
    return sum(line.unsent for line in status(config) if asked is None or line.partition in asked)


@contextmanager
def until_stopped() -> Iterator[Timing]:
    """Real time; SIGTERM asks the run to stop."""
    prefer_jemalloc(os.environ)
    with stop_on_sigterm() as stop:
        yield replace(REAL_TIME, sleep=stop.sleep, stopping=stop.asked)
    if stop.asked():
        output.note("Stopped by SIGTERM: requests under way were finished, the rest stays pending.")


def shipped_object(report: ShipReport) -> dict[str, object]:
    """The report as --json has it."""
    return {
        "account": report.account.to_dict(),
        "ship_run": report.run_id or None,
        "sent": report.sent,
        "requests": report.requests,
        "busy": list(report.busy),
        "paused_until": report.paused_until,
        "rate_limited": report.rate_limited,
        **({"unreadable": dict(report.unreadable)} if report.unreadable else {}),
        "pending": [one.to_dict() for one in _waiting(report)],
        "partitions": partition_rows(report),
    }


def partition_rows(report: ShipReport) -> list[dict[str, object]]:
    """The account of each partition."""
    lines = report.statuses.values()
    return [output.account_row(line.window, line.category, line.account) for line in lines]


def print_shipped(title: str, report: ShipReport) -> None:
    """For people: the account of what was asked for, what this run sent, what is pending."""
    if report.statuses:
        parts = [(line.window, line.category, line.account) for line in report.statuses.values()]
        tables.print_accounts(title, parts)
        tables.print_breakdown(report.account)
    click.echo(f"{report.sent:,} events sent in {report.requests:,} requests ({report.seconds:.1f} s).")
    tables.print_waiting(_waiting(report), report.paused_until, rate_limited=report.rate_limited)


def windows_without(keys: Sequence[str], report: ShipReport) -> list[str]:
    """The windows of these partitions that were never exported."""
    known = {line.window for line in report.statuses.values()}
    asked = dict.fromkeys(split_partition_key(key)[1] for key in keys)
    return [window for window in asked if window not in known]


def _waiting(report: ShipReport) -> list[Waiting]:
    return waiting(report.statuses.values(), datetime.now(UTC), report.busy, report.paused_until)
