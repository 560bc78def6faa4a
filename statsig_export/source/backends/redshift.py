"""Redshift: what differs there.

A cast to TEXT cuts at 256 bytes (TEXT is VARCHAR(256)); VARCHAR without a length takes what it is given.
`JSON_SERIALIZE` makes text of a SUPER, and the text "null" of a NULL; it fails beyond the length of a VARCHAR. Blanks
at the end of a text do not count in comparisons, so no predicate on text is exact.

The dialect (sqlalchemy-redshift 1.0.0) cannot inspect under SQLAlchemy 2.1: it hands `PGDialect._reflect_type` its
arguments in the order of 2.0. `svv_columns` knows late-binding views and external tables too (Database Developer Guide,
SVV_COLUMNS). It is read with psycopg2: redshift_connector holds all rows of a result (`Cursor._cached_rows`).
"""

import re
from typing import Final

from sqlalchemy import URL, VARCHAR, Engine, func, literal_column

from statsig_export.databases.sessions import set_in_transactions
from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Arguments,
    Backend,
    DatasetName,
    SqlColumn,
    catalog_view,
    if_zoned,
    information_schema_look,
    never_exact,
    pooled_engine,
    server_dataset,
)
from statsig_export.source.backends.postgresql import POSTGRESQL, to_utc

_HOST: Final = re.compile(r"(?P<name>[^.]+)\.[^.]+\.(?P<region>[^.]+)\.redshift\.amazonaws\.com(?:\.cn)?")


def _engine(url: URL, arguments: Arguments) -> Engine:
    """15 digits of a double are printed otherwise; 17 tell every one apart."""
    engine = pooled_engine(url, arguments)
    set_in_transactions(engine, "SET LOCAL extra_float_digits TO 2")
    return engine


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    """A cluster goes by its own name and its region: <cluster>.<account>.<region>.redshift.amazonaws.com."""
    host = url.host or "localhost"
    cluster = _HOST.fullmatch(host)
    host = f"{cluster['name']}.{cluster['region']}" if cluster else host
    return server_dataset(url, table, scheme="redshift", port=5439, schema="public", host=host)


def _json_member(column: SqlColumn, family: Family, key: str) -> SqlColumn:
    """The last argument makes null of what is no JSON."""
    text = func.json_serialize(column) if family is Family.NESTED else column
    return func.json_extract_path_text(text, key, literal_column("true"))


REDSHIFT: Final = Backend(
    name="redshift",
    extra="redshift",
    engine=_engine,
    drivers=POSTGRESQL.drivers,
    case_sensitive=True,
    catalog=catalog_view("svv_columns"),
    look=information_schema_look(view="svv_columns", system=("information_schema", "pg_catalog", "pg_internal")),
    text_type=VARCHAR(),
    casts_text=False,
    floats_as_text=False,
    json_text=func.json_serialize,
    json_member=_json_member,
    exact_text=never_exact,
    utc=if_zoned(to_utc),
    far_years=True,
    dataset=_dataset,
)
