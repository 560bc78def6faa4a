"""The verb verify: recompute the ledger's states and compare them with the files."""

from dataclasses import asdict

import click

from statsig_export.cli import output, progress
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.output import printable
from statsig_export.cli.verb_options import as_json, config_of
from statsig_export.export.repair import repair
from statsig_export.export.reports import RepairReport
from statsig_export.maintenance.verify import verify


@click.command("verify")
@click.option("--repair", "repair_first", is_flag=True, help="First rewrite lost and damaged files from the source.")
@as_json
@click.pass_context
def command(ctx: click.Context, *, repair_first: bool, json_: bool) -> None:
    """Recompute every state from the attempts and the files, and report differences. Read-only without --repair."""
    repaired = repair(config_of(ctx.obj)) if repair_first else RepairReport()
    with progress.event_count("verify") as advance:
        report = verify(config_of(ctx.obj), on_progress=advance)
    counts = {"partitions": report.partitions, "files": report.files, "batches": report.batches}
    pruned = {"pruned": report.pruned}
    if json_:
        differences = [asdict(difference) for difference in report.differences]
        again = {"repaired": list(repaired.repaired), "not_repaired": dict(repaired.left)} if repair_first else {}
        output.print_json(
            {"account": report.account.to_dict(), **counts, **pruned, "differences": differences, **again},
            differences,
        )
    else:
        for file in repaired.repaired:
            click.echo(f"{printable(file)} was written again.")
        for file, fault in repaired.left.items():
            click.echo(f"{printable(file)} {printable(fault)}: restore it from a backup.")
        for difference in report.differences:
            click.echo(printable(str(difference), None))
        verdict = f"{len(report.differences):,} differences" if report.differences else "No difference"
        output.note(f"{verdict} in " + ", ".join(f"{count:,} {name}" for name, count in counts.items()) + ".")
        if report.pruned:
            output.note(f"{report.pruned:,} of these partitions were pruned: only their account can be verified.")
    ctx.exit(NOT_ALL_DONE if report.differences else DONE)
