"""The verb forget: take people out of everything that was exported, and say what to delete in the warehouse."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import click

from statsig_export.cli import output, progress
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.forget_files import SentEvents, Statements, event_row, target_of
from statsig_export.cli.named_people import named_ids
from statsig_export.cli.verb_options import as_json, config_of
from statsig_export.config import Config
from statsig_export.forgetting.forget import forget, forgotten_units, undo
from statsig_export.forgetting.people import Person
from statsig_export.forgetting.reports import ForgetReport
from statsig_export.reconciliation.dedupe_view import Warehouse
from statsig_export.storage.file_faults import damaged

_AGAIN = "run `statsig-export forget` again, without an id, to go on"
_ORPHANS = "`prune --orphans` removes a killed export's after a day"


@click.command("forget")
@click.option("--user-id", "ids", multiple=True, help="The id of a person; may be repeated. Others can see it in `ps`.")
@click.option("--file", type=click.Path(path_type=Path, allow_dash=True), help="Ids, one a line; - for standard input.")
@click.option(
    "--unit-type", default="userID", show_default=True, help="What the ids are: userID, or a custom ID's name."
)
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@click.option(
    "--undo", "undoing", is_flag=True, help="Export rows of these people again from now on; nothing else is changed."
)
@click.option("--list", "listing", is_flag=True, help="Show how many ids are forgotten, and nothing else.")
@click.option("--sent", type=click.Path(path_type=Path, dir_okay=False), help="Append what had been sent to this CSV.")
@click.option("--sql", type=click.Path(path_type=Path, dir_okay=False), help="Write the DELETE to this file.")
@click.option("--database", type=click.Choice([one.value for one in Warehouse]), help="The warehouse of the DELETE.")
@click.option(
    "--mode", type=click.Choice(["packed", "unpacked"]), help="The sync format of the connection in Fivetran."
)
@click.option("--table", help="The table that Fivetran writes.")
@click.option("--id-column", default="user_id", show_default=True, help="For unpacked: the column of userID.")
@as_json
@click.pass_context
def command(  # noqa: PLR0913  one an option
    ctx: click.Context,
    *,
    ids: Sequence[str],
    file: Path | None,
    unit_type: str,
    dry_run: bool,
    undoing: bool,
    listing: bool,
    sent: Path | None,
    sql: Path | None,
    database: str | None,
    mode: str | None,
    table: str | None,
    id_column: str,
    json_: bool,
) -> None:
    """Take people out of all partition files and batches, for good: no later export brings their events back.

    Without an id it goes on where an earlier one left something. What the warehouse has of them, the DELETE takes out
    that is printed with --database, or where export.toml has [arrivals].
    """
    config: Config = config_of(ctx.obj)
    if listing:
        _list(config, json_=json_)
        return
    named = bool(ids) or file is not None
    if undoing:
        _undo(config, unit_type, named_ids(ids, file), named=named and not dry_run, json_=json_)
        return
    with ExitStack() as until:
        statements = Statements(config, unit_type, target_of(config, database, mode, table, id_column), sql)
        until.enter_context(closing(statements))
        events = until.enter_context(closing(SentEvents(sent, keep=json_)))
        advance = until.enter_context(progress.event_count("forget"))
        people = _people(named_ids(ids, file), unit_type, statements) if named else None
        report = forget(config, people, dry_run=dry_run, on_sent=events.add, on_progress=advance)
    if json_:
        rows = [event_row(event) for event in events.kept]
        output.print_json({**_object(report), "sent_events": rows, "delete": statements.printed}, rows)
    else:
        _print(report, statements, sent)
    if report.unreadable:
        raise damaged(report.unreadable, f"; they may have events of these people still: {_AGAIN}")
    ctx.exit(DONE if report.complete else NOT_ALL_DONE)


def _people(ids: Iterable[str], unit_type: str, statements: Statements) -> Iterator[Person]:
    for identity in ids:
        statements.add(identity)
        yield unit_type, identity


def _object(report: ForgetReport) -> dict[str, object]:
    return {
        "account": report.account.to_dict(),
        "dry_run": report.dry_run,
        "people": report.people,
        "remembered": report.remembered,
        "events": report.events,
        "delivered": report.delivered,
        "perhaps_delivered": report.perhaps_delivered,
        "partitions": list(report.partitions),
        "busy": list(report.busy),
        "files": report.files,
        "removed_files": report.removed_files,
        "shared_files": report.shared_files,
        "postponed_files": report.postponed_files,
        "unnamed_files": report.unnamed_files,
        "unnamed_of_theirs": list(report.unnamed_of_theirs),
        "unfinished_files": report.unfinished_files,
        "other_destinations": list(report.other_destinations),
        **({"unreadable": dict(report.unreadable)} if report.unreadable else {}),
    }


def _print(report: ForgetReport, statements: Statements, sent: Path | None) -> None:
    verb = "Would take" if report.dry_run else "Took"
    click.echo(
        f"{verb} {report.events:,} events out of {len(report.partitions):,} partitions:"
        f" {report.delivered:,} had been delivered, {report.perhaps_delivered:,} perhaps."
    )
    if not report.events:
        click.echo("Nothing of them was found in the partition files.")
    if report.remembered:
        click.echo("It is on record that they are forgotten: rows of them that come later are not exported.")
    if not report.dry_run:
        click.echo(f"Wrote {report.files:,} files again and removed {report.removed_files:,} old ones.")
    _print_statements(report, statements)
    if sent is not None and report.delivered + report.perhaps_delivered:
        click.echo(f"What had been sent is in {sent}.")
    for count, words in (
        (len(report.busy), f"partitions were left as they are: a shipper or a prune holds them. Later, {_AGAIN}."),
        (report.shared_files, "old files were kept: another destination of this ledger uses them."),
        (report.postponed_files, f"old files were rewritten within the last day: {_AGAIN} tomorrow."),
        (
            report.unfinished_files,
            "files are unfinished, so nobody knows what they hold: each `prune` removes a killed export's after a day.",
        ),
        (
            len(report.unnamed_of_theirs),
            f"files in no record of this ledger have events of theirs, or cannot be read: {_ORPHANS}, then {_AGAIN}.",
        ),
    ):
        if count:
            output.note(f"{count:,} {words}")
    for path in report.unnamed_of_theirs:
        output.note(f"In no record: {output.printable(path)}")
    if report.other_destinations:
        names = ", ".join(map(output.printable, report.other_destinations))
        output.note(f"The ledger has other destinations, of which nothing was forgotten here: {names}.")


def _print_statements(report: ForgetReport, statements: Statements) -> None:
    if statements.place is not None and statements.has_target:
        click.echo(f"The DELETE for the warehouse is in {statements.place}.")
    for text in statements.printed:
        click.echo(f"\nFor the warehouse:\n\n{text}")
    if statements.guessed and (statements.printed or statements.place):
        click.echo("It is for a packed table; for one with a column per key: --mode unpacked.")
    if statements.left_out:
        output.note(f"{statements.left_out:,} ids are in no statement here: --sql FILE writes them all.")
    if report.people and not statements.has_target:
        click.echo("For the DELETE, name the warehouse: --database, --mode and --table.")


def _undo(config: Config, unit_type: str, ids: Iterable[str], *, named: bool, json_: bool) -> None:
    if not named:
        raise click.UsageError("--undo needs an id, by --user-id or --file, and has no dry run")
    undone = undo(config, ((unit_type, identity) for identity in ids))
    if json_:
        output.print_json({"undone": undone})
    else:
        click.echo(f"{undone:,} of them are forgotten no more: the next export of a window has their rows again.")


def _list(config: Config, *, json_: bool) -> None:
    units = forgotten_units(config)
    rows = [
        {"unit_type": unit.unit_type, "ids": unit.ids, "unfinished": unit.unfinished, "latest": unit.latest.isoformat()}
        for unit in units
    ]
    if json_:
        output.print_json({"forgotten": rows}, rows)
        return
    for unit in units:
        left = f", {unit.unfinished:,} of them not in every file yet: {_AGAIN}" if unit.unfinished else ""
        click.echo(f"{output.printable(unit.unit_type)}: {unit.ids:,} ids, the latest {output.utc(unit.latest)}{left}")
    if not units:
        click.echo("Nobody is forgotten.")
