"""The verb verify: the ledger recomputed and held against the files."""

from dataclasses import asdict

import click

from statsig_export.cli import output
from statsig_export.cli.options import as_json
from statsig_export.cli.verdict import DONE, NOT_ALL_DONE
from statsig_export.export.reports import RepairReport


@click.command
@click.option("--repair", is_flag=True, help="First write lost and damaged files again from the source.")
@as_json
@click.pass_context
def verify(ctx: click.Context, *, repair: bool, json_: bool) -> None:
    """Recompute every state from the attempts and the files, and say what differs. Changes nothing but by --repair."""
    from statsig_export.export.repair import repair as write_again
    from statsig_export.maintenance.verify import verify as differences_of

    repaired = write_again(ctx.obj.config()) if repair else RepairReport()
    with output.progress("verify") as advance:
        report = differences_of(ctx.obj.config(), on_progress=advance)
    counts = {"partitions": report.partitions, "files": report.files, "batches": report.batches}
    pruned = {"pruned": report.pruned}
    if json_:
        found = [asdict(difference) for difference in report.differences]
        again = {"repaired": list(repaired.repaired), "not_repaired": dict(repaired.left)} if repair else {}
        output.print_json({"account": report.account.to_dict(), **counts, **pruned, "differences": found, **again})
    else:
        for file in repaired.repaired:
            click.echo(f"{file} was written again.")
        for file, fault in repaired.left.items():
            click.echo(f"{file} {fault}: restore it from a backup.")
        for difference in report.differences:
            click.echo(str(difference))
        verdict = f"{len(report.differences):,} differences" if report.differences else "No difference"
        output.say(f"{verdict} in " + ", ".join(f"{count:,} {name}" for name, count in counts.items()) + ".")
        if report.pruned:
            output.say(f"{report.pruned:,} of these partitions were pruned: only their account can be verified.")
    ctx.exit(NOT_ALL_DONE if report.differences else DONE)
