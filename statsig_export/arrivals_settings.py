"""`[arrivals]` of export.toml: the table that Fivetran writes, which the ledger is held against."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from statsig_export.connect_arguments import ConnectArgument, checked_arguments
from statsig_export.settings import DatabaseUrl, Duration, SecretName, Settings
from statsig_export.webhook_setup import checked_api_url


def _asset_key(key: object) -> object:
    """One text with slashes is a list of its parts."""
    parts = key.split("/") if isinstance(key, str) else key
    if isinstance(parts, list) and not all(parts):
        raise ValueError('an asset key is "schema/table" or ["schema", "table"]: no part of it is empty')
    return parts


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
    which the second has begun after the attempt. Fivetran's default frequency is 6 hours. With `connection`: how long a
    sync may last, where nobody has seen it begin."""
    columns: ArrivalColumns = ArrivalColumns()
    """Columns that are called otherwise."""
    connection: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The id of the connection in Fivetran (on its page, Setup). Its syncs then say what is missing."""
    api_key: SecretName = "env:FIVETRAN_API_KEY"
    """env:NAME of the key of Fivetran's REST API; used where `connection` is named."""
    api_secret: SecretName = "env:FIVETRAN_API_SECRET"  # noqa: S105  the name of a variable
    """env:NAME of its secret."""
    api_url: Annotated[str, AfterValidator(checked_api_url)] = "https://api.fivetran.com"
    """Where that API is, for a gateway of your own in between."""
    asset_key: Annotated[tuple[str, ...], BeforeValidator(_asset_key)] = ()
    """What Dagster calls the table where dagster-fivetran syncs it, "schema/table" or ["schema", "table"]. Left out:
    `schema` and `table` in lower case, as it calls them. Only with `connection`."""
    sync_after_shipment: bool = Field(default=False, strict=True)
    """Whether Fivetran is asked for a sync once something was shipped. Turns the connection's own schedule off, unless
    `keep_schedule` says otherwise."""
    keep_schedule: bool = Field(default=False, strict=True)
    """Whether the connection's own schedule goes on beside these syncs."""

    @model_validator(mode="after")
    def _a_connection_is_named(self) -> "ArrivalsSettings":
        if self.connection is None and (self.sync_after_shipment or self.asset_key):
            raise ValueError('name the connection too: connection = "its id", as its page in Fivetran has it')
        if self.keep_schedule and not self.sync_after_shipment:
            raise ValueError("keep_schedule is for sync_after_shipment = true: else no schedule is touched")
        return self
