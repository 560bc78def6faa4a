"""The verb restore: bring ledger and storage back from a backup, and the ledger up to the storage."""

from dataclasses import asdict

import click

from statsig_export.backup.catching_up import CaughtUp, catch_up, take_over
from statsig_export.backup.restore import RestoreReport, restore
from statsig_export.cli import output, progress
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.verb_options import as_json, config_of


@click.command("restore")
@click.argument("source", required=False)
@click.option("--name", help="Which of the backups there; the newest by default.")
@click.option("--force", is_flag=True, help="Replace a ledger that is not empty.")
@click.option("--dry-run", is_flag=True, help="Check the whole backup, byte for byte; change nothing.")
@click.option("--accept-loss", is_flag=True, help="Without SOURCE: send again what only the storage knows as sent.")
@click.option("--lost", metavar="ID", help="Without SOURCE: take over all that the storage knows of a lost ledger.")
@as_json
@click.pass_context
def command(  # noqa: PLR0913  one an option of the verb
    ctx: click.Context,
    source: str | None,
    *,
    name: str | None,
    force: bool,
    dry_run: bool,
    accept_loss: bool,
    lost: str | None,
    json_: bool,
) -> None:
    """Bring ledger and storage back from SOURCE, what `backup` was given. End every schedule, sensor and run first.

    The ledger may live in a database of another kind than it did. A backup that is not whole changes nothing. What the
    storage knows as sent since is taken from there; without SOURCE, only that is done. Without a backup, --lost begins
    a ledger anew by its receipts in the storage: their folder there has its ID.
    """
    config = config_of(ctx.obj)
    if source is None and (name or force or dry_run):
        raise click.UsageError("name SOURCE, what `backup` was given")
    if source is not None and (accept_loss or lost is not None):
        raise click.UsageError("--accept-loss and --lost go without SOURCE: restore first")
    if accept_loss and lost is not None:
        raise click.UsageError("--lost takes over what --accept-loss gives up: choose one")
    if source is None:
        report = None
        caught_up = take_over(config, lost) if lost is not None else catch_up(config, accept_loss=accept_loss)
    else:
        with progress.event_count("restore") as advance:
            place = config.place_of("SOURCE", source)
            report = restore(config, place, name=name, force=force, dry_run=dry_run, on_progress=advance)
        caught_up = report.caught_up
    if json_:
        output.print_json(asdict(report) if report else {"caught_up": asdict(caught_up)})
    elif report is not None:
        _print(report)
    if not json_:
        _print_caught_up(caught_up, alone=report is None)
    ctx.exit(NOT_ALL_DONE if caught_up.unknown_forgotten else DONE)


def _print(report: RestoreReport) -> None:
    did = "is whole; it would restore" if report.dry_run else "was restored:"
    click.echo(
        f"The backup {report.name} {did} the ledger of {report.made} ({report.ledger_rows:,} rows) and"
        f" {report.files:,} files, of which {report.copied_files:,} were not in the storage."
    )
    if not report.dry_run:
        output.note("Compare before you send: statsig-export verify, then status.")


def _print_caught_up(caught_up: CaughtUp, *, alone: bool) -> None:
    count = len(caught_up.partitions)
    if caught_up.accepted:
        click.echo(f"{count:,} partitions are sent again as far as the ledger does not know them as sent.")
    elif count or alone:
        click.echo(f"{count:,} partitions were brought up to what the storage knows of them.")
    if caught_up.forgotten:
        output.note(
            f"{caught_up.forgotten:,} ids are forgotten again: `statsig-export forget` takes them out of the files."
        )
    if caught_up.unknown_forgotten:
        output.note(
            f"{caught_up.unknown_forgotten:,} ids are forgotten of which this ledger cannot be told: nothing is"
            " exported before they are named again (`statsig-export forget --file`)."
        )
