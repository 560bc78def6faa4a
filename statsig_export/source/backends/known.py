"""The source databases that are known, and what is taken for any other."""

from dataclasses import replace
from typing import Final

from statsig_export.source.backends.awsathena import ATHENA
from statsig_export.source.backends.backend import Backend
from statsig_export.source.backends.bigquery import BIGQUERY
from statsig_export.source.backends.clickhouse import CLICKHOUSE
from statsig_export.source.backends.databricks import DATABRICKS
from statsig_export.source.backends.duckdb import DUCKDB
from statsig_export.source.backends.mssql import MSSQL
from statsig_export.source.backends.mysql import MARIADB, MYSQL
from statsig_export.source.backends.postgresql import POSTGRESQL
from statsig_export.source.backends.redshift import REDSHIFT
from statsig_export.source.backends.snowflake import SNOWFLAKE
from statsig_export.source.backends.sqlite import SQLITE
from statsig_export.source.backends.trino import TRINO

BACKENDS: Final = (
    SQLITE,
    POSTGRESQL,
    DUCKDB,
    MYSQL,
    MARIADB,
    REDSHIFT,
    SNOWFLAKE,
    BIGQUERY,
    CLICKHOUSE,
    TRINO,
    ATHENA,
    MSSQL,
    DATABRICKS,
)

_BY_NAME: Final = {backend.name: backend for backend in BACKENDS} | {"clickhousedb": CLICKHOUSE}
"""The last is what the SQLAlchemy dialect of ClickHouse's client calls it."""
_ANY_OTHER: Final = Backend(name="", drivers={**POSTGRESQL.drivers, **MYSQL.drivers})


def backend_of(name: str) -> Backend:
    """The database with this name of a SQLAlchemy dialect; one of standard SQL where it is not known."""
    return _BY_NAME.get(name) or replace(_ANY_OTHER, name=name)
