"""Databases that no test can start: a dialect, and the layouts' tables as its own inspection would describe them.

Each describes a column through the dialect's own code for what the server says: MySQL's SHOW CREATE TABLE, Snowflake's
DESC TABLE, BigQuery's table resource, Redshift's svv_columns.
"""

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final

from google.cloud.bigquery import SchemaField
from snowflake.sqlalchemy.parser.custom_type_parser import parse_type
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy_bigquery._types import get_columns
from trino.sqlalchemy.datatype import parse_sqltype

from statsig_export.layouts.model import ColumnRule, Kind, SourceTable
from statsig_export.source.backends.clickhouse import ClickHouseDialect, plain_type
from statsig_export.source.backends.duckdb import DuckDbDialect
from statsig_export.source.backends.known import backend_of
from statsig_export.source.catalogs import Catalog, found_columns
from statsig_export.source.schema import FoundColumn, found_column

URLS: Final = {
    "sqlite": "sqlite:///events.db",
    "postgresql": "postgresql+psycopg://host/events",
    "mysql": "mysql+pymysql://host/events",
    "mariadb": "mariadb+pymysql://host/events",
    "snowflake": "snowflake://user:secret@account/events/public",
    "bigquery": "bigquery://project/events",
    "redshift": "redshift+psycopg2://host/events",
    "trino": "trino://reader@host/events/public",
    "awsathena": "awsathena+rest://@athena.eu-west-1.amazonaws.com/events?s3_staging_dir=s3://bucket/results",
    "mssql": "mssql+pyodbc://host/events",
    "databricks": "databricks://token:secret@host?http_path=/sql&catalog=events&schema=public",
}
_OWN_DIALECTS: Final[Mapping[str, type[Dialect]]] = {"duckdb": DuckDbDialect, "clickhouse": ClickHouseDialect}

# What a column holds -> the server's name for its type. "naive", "zoned" and "epoch" are window columns.
_MYSQL: Final = {
    Kind.KEY: "bigint unsigned NOT NULL AUTO_INCREMENT",
    Kind.IDENTIFIER: "varchar(190) DEFAULT NULL",
    Kind.TEXT: "text",
    Kind.JSON: "json DEFAULT NULL",
    Kind.BOOLEAN: "tinyint(1) DEFAULT NULL",
    Kind.VALUE: "double DEFAULT NULL",
    "naive": "datetime(6) DEFAULT NULL",
    "zoned": "timestamp(6) NULL DEFAULT NULL",
    "epoch": "bigint DEFAULT NULL",
}
TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {
        Kind.KEY: "INTEGER",
        Kind.IDENTIFIER: "TEXT",
        Kind.TEXT: "TEXT",
        Kind.JSON: "JSON",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.VALUE: "FLOAT",
        "naive": "TIMESTAMP",
        "zoned": "TEXT",
        "epoch": "INTEGER",
    },
    "postgresql": {
        Kind.KEY: "bigint",
        Kind.IDENTIFIER: "uuid",
        Kind.TEXT: "text",
        Kind.JSON: "jsonb",
        Kind.BOOLEAN: "boolean",
        Kind.VALUE: "double precision",
        "naive": "timestamp without time zone",
        "zoned": "timestamp with time zone",
        "epoch": "bigint",
    },
    "mysql": _MYSQL,
    "mariadb": {**_MYSQL, Kind.JSON: "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL"},
    "snowflake": {
        Kind.KEY: "NUMBER(38,0)",
        Kind.IDENTIFIER: "VARCHAR(16777216)",
        Kind.TEXT: "VARCHAR(16777216)",
        Kind.JSON: "VARIANT",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.VALUE: "FLOAT",
        "naive": "TIMESTAMP_NTZ(9)",
        "zoned": "TIMESTAMP_LTZ(9)",
        "epoch": "NUMBER(38,0)",
    },
    "bigquery": {
        Kind.KEY: "INTEGER",
        Kind.IDENTIFIER: "STRING",
        Kind.TEXT: "STRING",
        Kind.JSON: "JSON",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.VALUE: "FLOAT",
        "naive": "DATETIME",
        "zoned": "TIMESTAMP",
        "epoch": "INTEGER",
    },
    "redshift": {
        Kind.KEY: "bigint",
        Kind.IDENTIFIER: "character varying",
        Kind.TEXT: "character varying",
        Kind.JSON: "super",
        Kind.BOOLEAN: "boolean",
        Kind.VALUE: "double precision",
        "naive": "timestamp without time zone",
        "zoned": "timestamp with time zone",
        "epoch": "bigint",
    },
    "trino": {
        Kind.KEY: "bigint",
        Kind.IDENTIFIER: "uuid",
        Kind.TEXT: "varchar",
        Kind.JSON: "json",
        Kind.BOOLEAN: "boolean",
        Kind.VALUE: "double",
        "naive": "timestamp(6)",
        "zoned": "timestamp(6) with time zone",
        "epoch": "bigint",
    },
    "awsathena": {
        Kind.KEY: "bigint",
        Kind.IDENTIFIER: "string",
        Kind.TEXT: "string",
        Kind.JSON: "struct<a:string,b:int>",
        Kind.BOOLEAN: "boolean",
        Kind.VALUE: "double",
        "naive": "timestamp",
        "zoned": "timestamp",
        "epoch": "bigint",
    },
    "mssql": {
        Kind.KEY: "bigint",
        Kind.IDENTIFIER: "uniqueidentifier",
        Kind.TEXT: "nvarchar",
        Kind.JSON: "nvarchar",
        Kind.BOOLEAN: "bit",
        Kind.VALUE: "float",
        "naive": "datetime2",
        "zoned": "datetimeoffset",
        "epoch": "bigint",
    },
    "databricks": {
        Kind.KEY: "LONG",
        Kind.IDENTIFIER: "STRING",
        Kind.TEXT: "STRING",
        Kind.JSON: "VARIANT",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.VALUE: "DOUBLE",
        "naive": "TIMESTAMP_NTZ",
        "zoned": "TIMESTAMP",
        "epoch": "LONG",
    },
    "clickhouse": {
        Kind.KEY: "UInt64",
        Kind.IDENTIFIER: "UUID",
        Kind.TEXT: "LowCardinality(Nullable(String))",
        Kind.JSON: "JSON",
        Kind.BOOLEAN: "Nullable(Bool)",
        Kind.VALUE: "Nullable(Float64)",
        "naive": "DateTime64(6)",
        "zoned": "DateTime64(3, 'America/New_York')",
        "epoch": "Int64",
    },
    "duckdb": {
        Kind.KEY: "BIGINT",
        Kind.IDENTIFIER: "UUID",
        Kind.TEXT: "VARCHAR",
        Kind.JSON: "JSON",
        Kind.BOOLEAN: "BOOLEAN",
        Kind.VALUE: "DOUBLE",
        "naive": "TIMESTAMP",
        "zoned": "TIMESTAMP WITH TIME ZONE",
        "epoch": "BIGINT",
    },
}


def dialect_of(name: str) -> Dialect:
    if name in _OWN_DIALECTS:
        return _OWN_DIALECTS[name]()
    with warnings.catch_warnings():
        # Google's client says which Python versions it will give up, whenever it is imported.
        warnings.simplefilter("ignore", FutureWarning)
        dialect: Dialect = make_url(URLS[name]).get_dialect()()
    return dialect


class Described:
    """A `reader.Database` that answers what it is told to and notes the statements."""

    errors: tuple[type[Exception], ...] = (LookupError,)

    def __init__(self, name: str, columns: Mapping[str, str]) -> None:
        """`columns`: the stored name -> the server's name for the type."""
        self.dialect = dialect_of(name)
        self.statements: list[str] = []
        self.rows: Sequence[Sequence[Any]] = [[0]]
        self._columns = [_DESCRIBE[name](self.dialect, *column) for column in columns.items()]

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        del table, schema
        return self._columns

    def catalog(self, schema: str | None) -> Catalog:
        del schema
        return Catalog(())

    def chunks(self, sql: str, rows: int, _: object = None, /) -> Generator[Sequence[Sequence[Any]]]:
        del rows
        self.statements.append(sql)
        if "GROUP BY" in sql:  # no row is outside
            return
        yield [[b"2026-11-01"]] if sql.endswith("DESC\n LIMIT 1 OFFSET 0") else self.rows  # SQLite's greatest value

    def close(self) -> None:
        pass


def described(name: str, table: SourceTable, *, window: str) -> Described:
    """The layout's table as its documentation has it, with a window column that is naive, zoned or an epoch."""
    types = TYPES[name]
    stored = str.upper if name == "snowflake" else str
    columns: dict[str, str] = {}
    rules: Sequence[ColumnRule] = (*table.selected_rules, table.window_rule)
    for rule in rules:
        kind = window if rule.column == table.window_column else "naive" if rule.kind is Kind.TIME else rule.kind
        columns[stored(rule.column)] = types[kind]
    return Described(name, columns)


def _of_sqlite(dialect: Any, name: str, declared: str) -> FoundColumn:  # noqa: ANN401 - SQLAlchemy's own insides
    return found_column(name, dialect._resolve_type_affinity(declared), dialect)


def _of_postgresql(dialect: Any, name: str, declared: str) -> FoundColumn:  # noqa: ANN401
    kind = dialect.ischema_names[declared]
    zoned = {"timezone": declared.endswith("with time zone")} if declared.startswith("timestamp") else {}
    return found_column(name, kind(**zoned), dialect)


def _of_mysql(dialect: Any, name: str, declared: str) -> FoundColumn:  # noqa: ANN401
    ddl = f"CREATE TABLE `t` (\n  `{name}` {declared},\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    dialect.server_version_info = (10, 11)
    (column,) = dialect._tabledef_parser.parse(ddl, "utf8").columns
    return found_column(column["name"], column["type"], dialect)


def _of_snowflake(dialect: Any, name: str, declared: str) -> FoundColumn:  # noqa: ANN401
    return found_column(dialect.normalize_name(name), parse_type(declared), dialect)


def _of_bigquery(dialect: Dialect, name: str, declared: str) -> FoundColumn:
    fields = [SchemaField("a", "STRING")] if declared == "RECORD" else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as SqlDatabase does: JSON is a type that the dialect does not know
        column = get_columns([SchemaField(name, declared, fields=fields)])[0]
    kind = column["type"]
    return found_column(column["name"], kind() if isinstance(kind, type) else kind, dialect)


def _of_catalog(dialect: Dialect, name: str, declared: str) -> FoundColumn:
    return found_columns([(name, declared)], backend_of(dialect.name).families)[0]


def _of_trino(dialect: Dialect, name: str, declared: str) -> FoundColumn:
    return found_column(name, parse_sqltype(declared), dialect)


def _of_athena(dialect: Any, name: str, declared: str) -> FoundColumn:  # noqa: ANN401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as SqlDatabase does
        kind = dialect._get_column_type(declared)
    return found_column(name, kind() if isinstance(kind, type) else kind, dialect)


def _of_mssql(dialect: Any, name: str, declared: str) -> FoundColumn:  # noqa: ANN401
    return found_column(name, dialect.ischema_names[declared](), dialect)


def _of_clickhouse(dialect: Dialect, name: str, declared: str) -> FoundColumn:
    return _of_catalog(dialect, name, plain_type(declared))


_DESCRIBE: Final[Mapping[str, Callable[..., FoundColumn]]] = {
    "sqlite": _of_sqlite,
    "postgresql": _of_postgresql,
    "mysql": _of_mysql,
    "mariadb": _of_mysql,
    "snowflake": _of_snowflake,
    "bigquery": _of_bigquery,
    "redshift": _of_catalog,
    "duckdb": _of_catalog,
    "clickhouse": _of_clickhouse,
    "trino": _of_trino,
    "awsathena": _of_athena,
    "mssql": _of_mssql,
    "databricks": _of_catalog,
}
