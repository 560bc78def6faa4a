"""The verb demo: the whole pipeline on local stand-ins, and what it shows."""

from pathlib import Path
from shlex import quote

import click

from statsig_export.cli import output, tables
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.verb_options import as_json
from statsig_export.demo.code_location import MAKES, dev_command, verb_command
from statsig_export.demo.play import DemoReport, RunDemo, play
from statsig_export.errors import ConfigError

try:
    from statsig_export.demo.dagster_stage import run_demo
except ModuleNotFoundError as error:
    if error.name != "dagster":
        raise
    run_in_dagster: RunDemo | None = None
else:
    run_in_dagster = run_demo


@click.command("demo")
@click.option(
    "--events", type=click.IntRange(min=1), default=50_000, show_default=True, help="Rows in the sample source."
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=MAKES,
    show_default=True,
    help="The folder for all files of the demo; emptied each time.",
)
@as_json
@click.pass_context
def command(ctx: click.Context, events: int, home: Path, *, json_: bool) -> None:
    """Run the whole pipeline on this machine: sample source, Dagster assets and sensor, stand-in webhook.

    Exit code 0 when the account balances, nothing is pending and the webhook holds exactly the forwarded events.
    """
    if run_in_dagster is None:
        raise ConfigError("the demo runs in Dagster", hint="pip install 'statsig-export[dagster]'")
    report = play(home, events, run_in_dagster, on_step=output.note)
    if json_:
        output.print_json(_object(report))
    else:
        _print(report)
    for problem in report.problems:
        output.note(f"demo: {problem}")
    ctx.exit(NOT_ALL_DONE if report.problems else DONE)


def _object(report: DemoReport) -> dict[str, object]:
    return {
        "account": report.account.to_dict(),
        "received": report.received,
        "home": str(report.home.folder),
        "seconds": round(report.seconds, 1),
        "problems": list(report.problems),
    }


def _print(report: DemoReport) -> None:
    tables.print_accounts("\nThe account", [(line.window, line.category, line.account) for line in report.statuses])
    tables.print_breakdown(report.account)
    home = report.home
    verb = verb_command()
    once = ", each once" if report.received == report.distinct else ""
    click.echo(f"""
{report.distinct:,} events arrived at the webhook{once}. {report.seconds:.0f} s.

  partition files   {home.storage}/events/category=*/window=*/*.parquet
  failed rows       {home.storage}/quarantine/
  ledger            {home.ledger}
  what arrived      {home.received} (table statsig_events, view statsig_events_deduplicated)
  every request     {home.transcript}

Next, in sh, bash or zsh. The first line loads the demo's variables into the shell, the last opens Dagster's UI on this
home: the asset graph, the runs, the partitions.

  set -a; . {quote(str(home.environment))}; set +a
  {verb} status
  {verb} plan --from {report.start:%Y-%m-%d} --to {report.end:%Y-%m-%d}
  {dev_command(home.folder)}""")
