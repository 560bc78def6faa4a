"""The verb check: one line and an exit code for a monitor, as Nagios plugins have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NoReturn

import click

from statsig_export.account import Account, total
from statsig_export.cli import failures, json_object, output
from statsig_export.cli.verb_options import DURATION, as_json, config_of
from statsig_export.config import Config
from statsig_export.export.gaps import skipped_windows
from statsig_export.ledger.records import PartitionStatus
from statsig_export.settings import WindowSettings
from statsig_export.shipping.reports import DestinationStanding
from statsig_export.shipping.status import how_it_stands, status
from statsig_export.windows import windows_of_lookback

CRITICAL_FACTOR = 24
"""Events that are pending for so many times the age that is a warning are critical: a day, by default."""


class Level(IntEnum):
    """The exit codes of Nagios plugins. The verb exits with the worst of its findings."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the monitor reports."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Limits:
    """The ages from which on something is a warning, or critical."""

    pending: timedelta
    pending_critical: timedelta
    export: timedelta


@dataclass(frozen=True, slots=True)
class Observed:
    """The state in the ledger, and the findings in it."""

    account: Account
    """Of the newest exported windows, as far back as `[windows] lookback`."""
    unsent: int
    """Events still to be sent, of all windows and with replays."""
    oldest: timedelta
    """How long the oldest of them is pending."""
    skipped: Sequence[str]
    """Closed windows that were never exported."""
    findings: Sequence[Finding]

    @property
    def level(self) -> Level:
        return max((finding.level for finding in self.findings), default=Level.OK)

    @property
    def text(self) -> str:
        worst_first = sorted(self.findings, key=lambda finding: -finding.level)
        good = f"{self.account.forwarded:,} events of the newest windows forwarded, {self.unsent:,} pending"
        return "; ".join(finding.text for finding in worst_first) or good


def observe(
    config: Config,
    statuses: Sequence[PartitionStatus],
    skipped: Sequence[str],
    standing: DestinationStanding,
    limits: Limits,
    now: datetime,
) -> Observed:
    """Find what is wrong in the state of the ledger. `skipped` are windows that were never exported. Pure."""
    unsent = sum(status.unsent for status in statuses)
    since = min((status.pending_since for status in statuses if status.pending_since), default=now)
    oldest = max(now - since, timedelta())
    account = total(status.account for status in _newest(statuses, config.windows))
    findings: list[Finding] = []
    if standing.halted:
        halt = f"the destination {config.webhook.name} is halted: {standing.halted}"
        findings.append(Finding(Level.CRITICAL, f"{halt}; repair the set-up, then run `statsig-export resume`"))
    if standing.paused_until and not standing.rate_limited:
        until = datetime.fromtimestamp(standing.paused_until, UTC)
        findings.append(Finding(Level.WARNING, f"sending pauses until {until:%H:%M} UTC after failures in a row"))
    if unsent and oldest > limits.pending:
        level = Level.CRITICAL if oldest > limits.pending_critical else Level.WARNING
        findings.append(
            Finding(
                level,
                f"{unsent:,} events are pending, the oldest for {timedelta(seconds=round(oldest.total_seconds()))}",
            )
        )
    if not config.checks.tolerates(account):
        share = f"{account.failed:,} of {account.events:,} events of the newest windows failed"
        findings.append(Finding(Level.WARNING, f"{share}: `statsig-export status --failed` lists them"))
    if skipped:
        findings.append(
            Finding(Level.WARNING, f"{len(skipped):,} closed windows are not exported, the first {skipped[0]}")
        )
    if not statuses and not findings:
        findings.append(Finding(Level.UNKNOWN, f"nothing was exported yet for the destination {config.webhook.name}"))
    return Observed(account, unsent, oldest, skipped, findings)


def perfdata(observed: Observed, config: Config, limits: Limits) -> str:
    """Nagios performance data, 'label=value;warning;critical;minimum' per figure."""
    account = observed.account
    ages = f"{limits.pending.total_seconds():.0f};{limits.pending_critical.total_seconds():.0f}"
    return " ".join(
        (
            f"pending={observed.unsent};;;0",
            f"pending_age={observed.oldest.total_seconds():.0f}s;{ages};0",
            f"failed={account.failed};;;0",
            f"failed_share={account.failed_share * 100:.3g}%;{config.checks.max_failed_share * 100:.3g};;0;100",
            f"missing_windows={len(observed.skipped)};0;;0",
        )
    )


class _Plugin(click.Command):
    """Any error is UNKNOWN to a monitor: click's own exit code 2 would be CRITICAL."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401  as click has it
    ) -> click.Context:
        json_ = parent is not None and json_object.asked(parent)
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _end(Level.UNKNOWN, error.format_message(), json_=json_)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as click has it
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):  # click's own way of ending
            raise
        except Exception as error:  # noqa: BLE001  a monitor gets its one line for any error
            failures.show_traceback(error, debug=ctx.obj.debug)
            _end(Level.UNKNOWN, failures.message_of(error), json_=json_object.asked(ctx))


@click.command("check", cls=_Plugin)
@click.option(
    "--pending-age", type=DURATION, help="Warn if events are pending longer; by default [checks] overdue_after."
)
@click.option(
    "--pending-age-critical",
    type=DURATION,
    help=f"Critical if pending longer; by default {CRITICAL_FACTOR} times as long.",
)
@click.option(
    "--export-age",
    type=DURATION,
    help="Warn if a window closed longer ago is not exported; by default [checks] overdue_after.",
)
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    pending_age: timedelta | None,
    pending_age_critical: timedelta | None,
    export_age: timedelta | None,
    *,
    json_: bool,
) -> None:
    """Report the state of the export to a monitor: one line, and the exit code of a Nagios plugin.

    0 OK; 1 WARNING: sending is paused, events are pending too long, too many failed, or a closed window is not
    exported; 2 CRITICAL: the destination is halted, or events are pending much too long; 3 UNKNOWN: the ledger cannot
    be read or is empty.

    Reads only the ledger. The variables of the source and of the webhook can be unset.
    """
    config: Config = config_of(ctx.obj)
    usual = config.checks.overdue_after
    pending = usual if pending_age is None else pending_age
    critical = pending * CRITICAL_FACTOR if pending_age_critical is None else pending_age_critical
    limits = Limits(pending, critical, usual if export_age is None else export_age)
    standing = how_it_stands(config)
    now = datetime.now(UTC)
    skipped = [window.key for window in skipped_windows(config, now - limits.export)]
    observed = observe(config, status(config), skipped, standing, limits, now)
    if json_:
        output.print_json(_object(observed, standing))
        ctx.exit(observed.level)
    _end(observed.level, observed.text, perfdata(observed, config, limits))


def _end(level: Level, text: str, figures: str = "", *, json_: bool = False) -> NoReturn:
    """Print the line and exit. The text has no `|` and no line break: they would end the text and the line."""
    if json_:
        output.print_json({"state": level.name, "text": text})
    else:
        line = output.printable(" ".join(text.split()), None).replace("|", "/")
        click.echo(f"{level.name} - {line}" + (f" | {figures}" if figures else ""))
    raise click.exceptions.Exit(level)


def _object(observed: Observed, standing: DestinationStanding) -> dict[str, object]:
    return {
        "state": observed.level.name,
        "text": observed.text,
        "findings": [{"state": finding.level.name, "text": finding.text} for finding in observed.findings],
        "account": observed.account.to_dict(),
        "pending": observed.unsent,
        "pending_age": round(observed.oldest.total_seconds()),
        "halted": standing.halted,
        "paused_until": standing.paused_until,
        "missing": list(observed.skipped),
    }


def _newest(statuses: Sequence[PartitionStatus], settings: WindowSettings) -> list[PartitionStatus]:
    """The partitions of the newest windows, as many as the lookback has: older failures are known."""
    newest = set(sorted({status.window for status in statuses})[-windows_of_lookback(settings) :])
    return [status for status in statuses if status.window in newest]
