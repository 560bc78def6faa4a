"""The verb prune: remove old files, batches and attempts, and keep their account."""

from datetime import UTC, datetime

import click

from statsig_export.cli import output, progress
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.verb_options import TIME, as_json, config_of
from statsig_export.maintenance.prune import PruneReport, prune
from statsig_export.storage.file_faults import damaged

_HINT = "restore them from a backup, or use --missing if they cannot be restored"


@click.command("prune")
@click.option(
    "--before", type=TIME, required=True, help="Prune windows that ended at or before this. ISO 8601, UTC by default."
)
@click.option(
    "--orphans",
    is_flag=True,
    help="Also remove partition files that this ledger does not name. Only if no other ledger uses this storage.",
)
@click.option("--missing", is_flag=True, help="Also prune partitions whose files are missing and cannot be restored.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")
@as_json
@click.pass_context
def command(ctx: click.Context, before: datetime, *, orphans: bool, missing: bool, dry_run: bool, json_: bool) -> None:
    """Remove the files, batches and attempts of old windows. Their account stays; they cannot be exported again."""
    with progress.event_count("prune") as advance:
        now, options = datetime.now(UTC), {"orphans": orphans, "missing": missing, "dry_run": dry_run}
        report = prune(config_of(ctx.obj), before, now, **options, on_progress=advance)
    if json_:
        output.print_json(_object(report), [{"partition": key} for key in report.pruned])
    else:
        _print(report)
    if report.unreadable:
        raise damaged(report.unreadable, "; their partitions were not pruned, the others were", hint=_HINT)
    ctx.exit(DONE if report.complete else NOT_ALL_DONE)


def _object(report: PruneReport) -> dict[str, object]:
    return {
        "account": report.account.to_dict(),
        "before": report.before.isoformat(),
        "dry_run": report.dry_run,
        "pruned": list(report.pruned),
        "pending": list(report.pending),
        "busy": list(report.busy),
        "batches": report.batches,
        "attempts": report.attempts,
        "files": report.files,
        "temporary_files": report.temporary_files,
        "orphans": report.orphans,
        "bytes": report.bytes,
        "shared_files": report.shared_files,
        "postponed_files": report.postponed_files,
        **({"unreadable": dict(report.unreadable)} if report.unreadable else {}),
    }


def _print(report: PruneReport) -> None:
    verb = "Would prune" if report.dry_run else "Pruned"
    click.echo(
        f"{verb} {len(report.pruned):,} partitions of windows that ended by {report.before:%Y-%m-%d %H:%M} UTC:"
        f" {report.batches:,} batches, {report.attempts:,} attempts."
    )
    verb = "Would remove" if report.dry_run else "Removed"
    click.echo(
        f"{verb} {report.files:,} of their files, {report.temporary_files:,} temporary files,"
        f" {report.orphans:,} orphans: {report.bytes:,} bytes."
    )
    account = report.account
    click.echo(f"Their account stays: {account.events:,} events, {account.forwarded:,} forwarded.")
    for count, words in (
        (len(report.pending), "partitions were left as they are: events of them are still to be sent."),
        (len(report.busy), "partitions were left as they are: a shipper or another prune holds them."),
        (report.shared_files, "files were kept: another destination of this ledger uses them."),
        (report.postponed_files, "files were kept until the next prune: they were rewritten within the last day."),
    ):
        if count:
            output.note(f"{count:,} {words}")
