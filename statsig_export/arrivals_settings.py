"""`[arrivals]` of export.toml: the table that Fivetran writes, which the ledger is held against."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from statsig_export.connect_arguments import ConnectArgument, checked_arguments
from statsig_export.settings import DatabaseUrl, Duration, Settings


class ArrivalColumns(Settings):
    """The columns of that table, where they are not called as Fivetran calls them."""

    time_uuid: str | None = Field(default=None, min_length=1)
    """The id of the event, as text: for `unpacked`."""
    data: str | None = Field(default=None, min_length=1)
    """The event as JSON: for `packed`."""
    synced: str | None = None
    """When Fivetran wrote the row; "" where there is no such column: then the whole table is read each time."""


class ArrivalsSettings(Settings):
    """`[arrivals]`: the table that Fivetran writes, to see whether what was forwarded is there. Only read."""

    url: DatabaseUrl
    """The database that holds it: any SQLAlchemy URL, or env:NAME."""
    connect: Annotated[dict[str, ConnectArgument], AfterValidator(checked_arguments)] = Field(default={})
    """Arguments of the driver's own connect(), as in [source.connect]."""
    table: str = Field(min_length=1)
    """The table, as the connection in Fivetran names it."""
    schema_: str | None = Field(default=None, alias="schema", min_length=1)
    """Its schema; in Snowflake and BigQuery also with the database before it."""
    mode: Literal["auto", "packed", "unpacked"] = "auto"
    """The connection's sync format: one JSON column `data`, or a column per key. "auto" looks at the table."""
    grace: Duration = timedelta(hours=12)
    """So long after its last attempt an event that is not there is missing, and not yet there before: two syncs, of
    which the second has begun after the attempt. Fivetran's default frequency is 6 hours."""
    columns: ArrivalColumns = ArrivalColumns()
    """Columns that are called otherwise."""
