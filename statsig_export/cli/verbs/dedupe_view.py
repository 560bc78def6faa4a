"""The verb dedupe-view: prints the view that takes each event once."""

import click

from statsig_export.reconciliation.dbt_macros import dbt_macros
from statsig_export.reconciliation.dedupe_view import Warehouse, dedupe_view


@click.command("dedupe-view")
@click.option(
    "--database",
    type=click.Choice([one.value for one in Warehouse]),
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
@click.option("--dbt", is_flag=True, help="Print the macros of the dbt package instead, for all its warehouses.")
def command(*, database: str | None, mode: str, table: str, view: str, id_column: str, dbt: bool) -> None:
    """Print the statement of a view over Fivetran's table in which each event is once.

    Needs no configuration and connects to nothing. The names are printed as they are given.
    """
    if dbt:
        click.echo(dbt_macros(), nl=False)
        return
    if database is None:
        raise click.UsageError("Missing option '--database': the warehouse that the statement is for")
    click.echo(
        dedupe_view(Warehouse(database), table=table, view=view, packed=mode == "packed", id_column=id_column), nl=False
    )
