"""The verb restore: bring ledger and storage back from a backup."""

from dataclasses import asdict

import click

from statsig_export.backup.restore import RestoreReport, restore
from statsig_export.cli import output, progress
from statsig_export.cli.verb_options import as_json, config_of


@click.command("restore")
@click.argument("source")
@click.option("--name", help="Which of the backups there; the newest by default.")
@click.option("--force", is_flag=True, help="Replace a ledger that is not empty.")
@click.option("--dry-run", is_flag=True, help="Check the whole backup, byte for byte; change nothing.")
@as_json
@click.pass_context
def command(ctx: click.Context, source: str, *, name: str | None, force: bool, dry_run: bool, json_: bool) -> None:
    """Bring ledger and storage back from SOURCE, what `backup` was given. End every schedule, sensor and run first.

    The ledger may live in a database of another kind than it did. A backup that is not whole changes nothing.
    """
    config = config_of(ctx.obj)
    with progress.event_count("restore") as advance:
        place = config.place_of("SOURCE", source)
        report = restore(config, place, name=name, force=force, dry_run=dry_run, on_progress=advance)
    if json_:
        output.print_json(asdict(report))
    else:
        _print(report)


def _print(report: RestoreReport) -> None:
    did = "is whole; it would restore" if report.dry_run else "was restored:"
    click.echo(
        f"The backup {report.name} {did} the ledger of {report.made} ({report.ledger_rows:,} rows) and"
        f" {report.files:,} files, of which {report.copied_files:,} were not in the storage."
    )
    if not report.dry_run:
        output.note("Compare before you send: statsig-export verify, then status.")
