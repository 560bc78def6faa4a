"""The verb dedupe-view: prints the view that takes each event once."""

import click

from statsig_export.reconciliation.dedupe_view import Warehouse, dedupe_view


@click.command("dedupe-view")
@click.option(
    "--database",
    type=click.Choice([one.value for one in Warehouse]),
    required=True,
    help="The warehouse that the statement is for.",
)
@click.option(
    "--mode",
    type=click.Choice(["packed", "unpacked"]),
    default="packed",
    show_default=True,
    help="The sync format of the connection in Fivetran.",
)
@click.option("--table", default="statsig.statsig_events", show_default=True, help="The table that Fivetran writes.")
@click.option("--view", default="statsig.statsig_events_once", show_default=True, help="The view to create.")
@click.option(
    "--id-column",
    default="time_uuid",
    show_default=True,
    help="For unpacked: the column of timeUUID, as it is in the table.",
)
def command(database: str, mode: str, table: str, view: str, id_column: str) -> None:
    """Print the statement of a view over Fivetran's table in which each event is once.

    Needs no configuration and connects to nothing. The names are printed as they are given.
    """
    click.echo(
        dedupe_view(Warehouse(database), table=table, view=view, packed=mode == "packed", id_column=id_column), nl=False
    )
