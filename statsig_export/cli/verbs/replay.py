"""The verb replay: send again what these windows sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from statsig_export.cli import failures, output, progress, tables
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.privacy_notes import note_other_rules
from statsig_export.cli.ranges import Range
from statsig_export.cli.shipments import (
    partition_rows,
    print_shipped,
    reported,
    shipped_object,
    until_stopped,
    windows_without,
)
from statsig_export.cli.sync_notes import note_sync
from statsig_export.cli.traced_verb import traced_verb
from statsig_export.cli.verb_options import (
    as_json,
    categories,
    categories_of,
    config_of,
    exactly_windows_in,
    window_range,
)
from statsig_export.config import Config
from statsig_export.errors import DestinationError, LedgerError, PartitionFileError
from statsig_export.ledger.records import ReplayPlan, Selection
from statsig_export.reconciliation.replay import missing as missing_of
from statsig_export.reconciliation.replay import replay_missing
from statsig_export.runs import Timing
from statsig_export.shipping.replay import replay, replay_plan
from statsig_export.shipping.reports import ReplayReport
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, partition_key


@click.command("replay")
@window_range
@categories
@click.option("--failed", is_flag=True, help="Send what failed in delivery, instead of what was delivered.")
@click.option("--missing", is_flag=True, help="Send what is not in the table that [arrivals] names, and nothing else.")
@click.option("--dry-run", is_flag=True, help="Say how many events and requests it would be; send nothing.")
@as_json
@click.pass_context
@traced_verb
def command(  # noqa: PLR0913  an argument per option, as click has it
    ctx: click.Context,
    asked: Range,
    names: tuple[str, ...],
    *,
    failed: bool,
    missing: bool,
    dry_run: bool,
    json_: bool,
) -> None:
    """Send again what these windows sent, with the same ids and the same bytes. The account does not change.

    Exit code 0 when all of it was accepted. What failed earlier and is not sent again does not count.
    """
    if failed and missing:
        raise click.UsageError("--failed and --missing are two different things: give one")
    config: Config = config_of(ctx.obj)
    windows = exactly_windows_in(config, asked)
    what = _What(config, windows, categories_of(names), failed=failed, missing=missing)
    note_other_rules(config, what.keys)
    if dry_run:
        ctx.exit(failures.report_all(_print_plan(what, json_=json_), debug=ctx.obj.debug))
    _replay(ctx, what, json_=json_)


@dataclass(frozen=True, slots=True)
class _What:
    """What is to be sent again."""

    config: Config
    windows: Sequence[Window]
    categories: Sequence[Category]
    failed: bool
    missing: bool

    @property
    def keys(self) -> list[str]:
        return [partition_key(name, window.key) for window in self.windows for name in self.categories]

    @property
    def selection(self) -> Selection:
        first, last = self.windows[0], self.windows[-1]
        return Selection.between(self.config.webhook.name, first.start, last.end, self.categories)

    def plan(self) -> tuple[ReplayPlan, int, Sequence[PartitionFileError]]:
        """With it the events that are withheld, and the files that are lost, so that what is missing of them is not in
        the plan.
        """
        if self.missing:
            found = missing_of(self.config, self.selection, self.keys)
            for sentence in found.says:
                output.note(sentence)
            return found.plan, found.withheld, found.unreadable
        return replay_plan(self.config, self.keys, failed_only=self.failed), 0, ()

    def send(self, advance: Callable[[int], None], timing: Timing) -> ReplayReport:
        if self.missing:
            return replay_missing(self.config, self.selection, self.keys, on_progress=advance, timing=timing)
        return replay(self.config, self.keys, failed_only=self.failed, on_progress=advance, timing=timing)


def _print_plan(what: _What, *, json_: bool) -> Sequence[PartitionFileError]:
    plan, withheld, unreadable = what.plan()
    if json_:
        output.print_json({"dry_run": True, "events": plan.events, "requests": plan.requests, "withheld": withheld})
    else:
        click.echo(f"{plan.events:,} events in {plan.requests:,} requests would be sent again; nothing was sent.")
        output.note("Fivetran makes another row of each event: see What it costs in docs/how-to/set-up-fivetran.md.")
    return unreadable


def _replay(ctx: click.Context, what: _What, *, json_: bool) -> None:
    config, keys, windows = what.config, what.keys, what.windows
    title = "The account of these windows"
    try:
        with progress.event_count("replay") as advance, until_stopped() as timing:
            report = what.send(advance, timing)
            if not timing.stopping():
                note_sync(config)
    except (DestinationError, LedgerError) as error:
        shipped = reported(config, keys, error)
        output.print_json(shipped_object(shipped), partition_rows(shipped)) if json_ else print_shipped(title, shipped)
        raise
    missing = windows_without(keys, report.shipped)
    if json_:
        again = {
            "replayed": report.replayed,
            "replay_pending": report.pending,
            "replay_failed": report.failed,
            "withheld": report.withheld,
        }
        windows_asked = {"windows": [window.key for window in windows], "missing": missing}
        output.print_json({**shipped_object(report.shipped), **again, **windows_asked}, partition_rows(report.shipped))
    else:
        click.echo(f"{report.replayed:,} events were scheduled to be sent again.")
        print_shipped(title, report.shipped)
        if report.pending or report.failed:
            output.note(f"Of the replay, {report.pending:,} events are pending and {report.failed:,} failed.")
    for sentence in report.says:
        output.note(sentence)
    tables.note_missing(missing)
    unsent = sum(status.unsent for status in report.shipped.statuses.values())
    code = failures.report_all(report.unreadable, debug=ctx.obj.debug)
    ctx.exit(max(code, NOT_ALL_DONE if unsent or report.failed or report.withheld or missing else DONE))
