"""The verb check: one line and an exit code for a monitor, as Nagios plugins have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import click

from statsig_export.cli import failures, json_object, output
from statsig_export.cli.verb_options import DURATION, as_json, config_of
from statsig_export.config import Config
from statsig_export.monitoring.reading import read_figures
from statsig_export.monitoring.rules import CRITICAL_FACTOR, Figures, Finding, Level, Limits, findings


@dataclass(frozen=True, slots=True)
class Observed:
    """The state in the ledger, and the findings in it."""

    figures: Figures
    findings: Sequence[Finding]

    @property
    def level(self) -> Level:
        return max((finding.level for finding in self.findings), default=Level.OK)

    @property
    def text(self) -> str:
        worst_first = sorted(self.findings, key=lambda finding: -finding.level)
        seen = self.figures
        good = f"{seen.account.forwarded:,} events of the newest windows forwarded, {seen.unsent:,} pending"
        return "; ".join(finding.text for finding in worst_first) or good


def perfdata(seen: Figures, limits: Limits) -> str:
    """Nagios performance data, 'label=value;warning;critical;minimum' per figure."""
    account = seen.account
    ages = f"{limits.pending.total_seconds():.0f};{limits.pending_critical.total_seconds():.0f}"
    return " ".join(
        (
            f"pending={seen.unsent};;;0",
            f"pending_age={seen.oldest.total_seconds():.0f}s;{ages};0",
            f"failed={account.failed};;;0",
            f"failed_share={account.failed_share * 100:.3g}%;{limits.checks.max_failed_share * 100:.3g};;0;100",
            f"missing_windows={len(seen.skipped)};0;;0",
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

    0 OK; 1 WARNING: sending is paused, events are pending too long, too many failed or came late, a closed window is
    not exported, forwarded events did not arrive, or another ledger has sent from this storage; 2 CRITICAL: the
    destination is halted, events are pending much too long, or a run would send again what a lost ledger has sent; 3
    UNKNOWN: the ledger cannot be read or is empty.

    Reads only the ledger, and whose receipts the storage has, if that answers. The variables of the source and of the
    webhook can be unset.
    """
    config: Config = config_of(ctx.obj)
    limits = Limits.of(config.checks, pending_age, pending_age_critical, export_age)
    figures = read_figures(config, limits, datetime.now(UTC))
    observed = Observed(figures, findings(figures, limits))
    if json_:
        output.print_json(_object(observed))
        ctx.exit(observed.level)
    _end(observed.level, observed.text, perfdata(figures, limits))


def _end(level: Level, text: str, figures: str = "", *, json_: bool = False) -> NoReturn:
    """Print the line and exit. The text has no `|` and no line break: they would end the text and the line."""
    if json_:
        output.print_json({"state": level.name, "text": text})
    else:
        line = output.printable(" ".join(text.split()), None).replace("|", "/")
        click.echo(f"{level.name} - {line}" + (f" | {figures}" if figures else ""))
    raise click.exceptions.Exit(level)


def _object(observed: Observed) -> dict[str, object]:
    seen = observed.figures
    return {
        "state": observed.level.name,
        "text": observed.text,
        "findings": [
            {
                "state": finding.level.name,
                "kind": finding.kind.value,
                "text": finding.text,
                "fault": finding.fault.name.lower(),
                "do": finding.do,
            }
            for finding in observed.findings
        ],
        "account": seen.account.to_dict(),
        "pending": seen.unsent,
        "pending_age": round(seen.oldest.total_seconds()),
        "halted": seen.standing.halted,
        "paused_until": seen.standing.paused_until,
        "missing": list(seen.skipped),
    }
