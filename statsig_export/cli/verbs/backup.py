"""The verb backup: ledger and storage, as they are at one moment."""

import click

from statsig_export.backup.backup import backup
from statsig_export.cli import output, progress
from statsig_export.cli.verb_options import as_json, config_of


@click.command("backup")
@click.argument("target")
@click.option(
    "--keep", type=click.IntRange(min=1), help="Then remove older backups there until so many are left; all by default."
)
@as_json
@click.pass_context
def command(ctx: click.Context, target: str, *, keep: int | None, json_: bool) -> None:
    """Copy ledger and storage, as they are at one moment, to TARGET: a folder, a URL (s3://...), or env:NAME.
    A relative folder starts where the command runs.

    Exports and shipments may go on. A second backup to the same TARGET copies only what is new.
    """
    config = config_of(ctx.obj)
    with progress.event_count("backup") as advance:
        report = backup(config, config.place_of("TARGET", target), keep=keep, on_progress=advance)
    for name in report.damaged:
        output.note(f"The manifest of the backup {output.printable(name)} there is damaged: nothing was removed.")
    if json_:
        output.print_json(report.to_dict())
        return
    click.echo(
        f"Backed up the ledger ({report.ledger_rows:,} rows) and {report.files:,} files as {report.name} in"
        f" {output.printable(report.place)}: {report.copied_files:,} files copied, {report.copied_bytes:,} bytes."
    )
    if report.removed:
        click.echo(f"Removed {len(report.removed):,} older backups and {report.removed_files:,} files of theirs.")
