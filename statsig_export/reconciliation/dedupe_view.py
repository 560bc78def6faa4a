"""The view over the table that Fivetran wrote which takes each event once, as each database writes it. Pure.

It is printed whole, and as the macros of the dbt package in `deploy/dbt` (dbt_macros.py).
"""

from enum import StrEnum
from typing import Final

from sqlalchemy import func, literal_column
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.default import DefaultDialect

from statsig_export.layouts.families import Family
from statsig_export.reconciliation.landed_columns import EVENT_ID
from statsig_export.source.backends.backend import SqlColumn
from statsig_export.source.backends.known import backend_of
from statsig_export.source.compiling import compiled


class Warehouse(StrEnum):
    """The databases that the view is written for."""

    SNOWFLAKE = "snowflake"
    BIGQUERY = "bigquery"
    REDSHIFT = "redshift"
    DATABRICKS = "databricks"
    POSTGRESQL = "postgresql"
    DUCKDB = "duckdb"
    MYSQL = "mysql"
    SQLITE = "sqlite"


_DIALECTS: Final = {
    Warehouse.POSTGRESQL: postgresql.dialect,
    Warehouse.DUCKDB: postgresql.dialect,
    Warehouse.REDSHIFT: postgresql.dialect,
    Warehouse.MYSQL: mysql.dialect,
    Warehouse.SQLITE: sqlite.dialect,
}
"""What SQLAlchemy has itself: no driver is needed to print a statement."""
_STORED_AS: Final = {
    Warehouse.SNOWFLAKE: Family.NESTED,
    Warehouse.BIGQUERY: Family.NESTED,
    Warehouse.POSTGRESQL: Family.JSON,
    Warehouse.DUCKDB: Family.JSON,
}
"""The type of the column `data` as Fivetran makes it; text where it is not named."""
_QUALIFIES: Final = {Warehouse.SNOWFLAKE, Warehouse.BIGQUERY, Warehouse.DATABRICKS, Warehouse.DUCKDB}
"""Have QUALIFY as a clause of its own; Redshift takes it for the table's alias where nothing stands between."""
ID: Final = "statsig_export_id"
"""The column of the view with the id of the event: in the packed form nothing else has it."""
_OCCURRENCE: Final = "statsig_export_occurrence"
"""A column of its own where there is no QUALIFY. No event has a key of either name."""
_REPLACES: Final = {one for one in Warehouse if one is not Warehouse.SQLITE}
"""Have CREATE OR REPLACE VIEW."""


def dedupe_view(database: Warehouse, *, table: str, view: str, packed: bool, id_column: str = "time_uuid") -> str:
    """The statement that creates `view` over `table`: what `dedupe_query` selects."""
    create = f"create {'or replace ' if database in _REPLACES else ''}view {view} as"
    return f"{create}\n{dedupe_query(database, table=table, packed=packed, id_column=id_column)}"


def dedupe_query(database: Warehouse, *, table: str, packed: bool, id_column: str = "time_uuid") -> str:
    """The first row of each id, by `_fivetran_synced`: all columns of `table`, and ID.

    The names are written as they are given. Rows without an id are in it as well, each of them.
    """
    event_id = member_of(database, "data", EVENT_ID) if packed else id_column
    ranked = f"row_number() over (partition by {event_id} order by _fivetran_synced)"
    if database in _QUALIFIES:
        chosen = f"where true\nqualify {event_id} is null or {ranked} = 1\n"
        return f"select t.*, {event_id} as {ID}\nfrom {table} t\n{chosen}"
    inner = f"(select t.*, {event_id} as {ID}, {ranked} as {_OCCURRENCE} from {table} t) ranked"  # noqa: S608 - likewise
    return f"select *\nfrom {inner}\nwhere {ID} is null or {_OCCURRENCE} = 1\n"


def member_of(database: Warehouse, document: str, *keys: str) -> str:
    """The text of a member of a JSON column, which is named as it is to be written: by its keys, each a plain name."""
    data: SqlColumn = literal_column(document)
    path = ".".join(keys)
    dialect: Dialect = _DIALECTS.get(database, DefaultDialect)()
    family = _STORED_AS.get(database, Family.TEXT)
    if database is Warehouse.DATABRICKS:
        return compiled(func.get_json_object(data, f"$.{path}"), DefaultDialect())
    if len(keys) > 1 and database is Warehouse.POSTGRESQL:
        return compiled(data.op("#>>")("{" + ",".join(keys) + "}"), dialect)
    if len(keys) > 1 and database is Warehouse.REDSHIFT:
        return compiled(func.json_extract_path_text(data, *keys, literal_column("true")), dialect)
    member = backend_of(database.value).json_member
    if member is None:
        raise ValueError(f"{database} has no way to read JSON")
    return compiled(member(data, family, path), dialect)
