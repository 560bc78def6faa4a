"""What an error of a database means: its cause by name, where the database is, and what to do about it.

A message holds the code and its name, the host and port or the file, and nothing else: no password, no parameter, no
statement, no row.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from statsig_export.database_urls import file_of
from statsig_export.databases import clickhouse, duckdb, mysql, postgresql, sqlite, warehouses
from statsig_export.databases.cause import CHECK, NETWORK, Advice, Cause, advised, system_cause

_DRIVERS: Final[Mapping[str, Callable[[BaseException], Cause]]] = {
    "sqlite3": sqlite.cause_of,
    "pymysql": mysql.cause_of,
    "MySQLdb": mysql.cause_of,
    "mysql": mysql.cause_of,
    "mariadb": mysql.cause_of,
    "duckdb": duckdb.cause_of,
    "_duckdb": duckdb.cause_of,
    "clickhouse_connect": clickhouse.cause_of,
    "urllib3": clickhouse.cause_of,
    **dict.fromkeys(("trino", "pyathena", "botocore", "databricks"), warehouses.named_cause),
    "snowflake": warehouses.snowflake_cause,
    "google": warehouses.bigquery_cause,
}
"""By the package that an exception's class is of; any other is read as one of PostgreSQL's drivers."""
_ADVICE: Final[Mapping[str, Advice]] = {
    "postgresql": postgresql.ADVICE,
    "redshift": postgresql.ADVICE,
    "cockroachdb": postgresql.ADVICE,
    "mysql": mysql.ADVICE,
    "mariadb": mysql.ADVICE,
    "duckdb": duckdb.ADVICE,
    "clickhouse": clickhouse.ADVICE,
    **dict.fromkeys(("trino", "awsathena", "databricks"), warehouses.NAMED),
    "snowflake": warehouses.SNOWFLAKE,
    "bigquery": warehouses.BIGQUERY,
}
_PORTS: Final = {"postgresql": 5432, "redshift": 5439, "mysql": 3306, "mariadb": 3306, "clickhouse": 8123}
_FILES: Final = frozenset({"sqlite", "duckdb"})


def cause_of(error: BaseException) -> Cause:
    """The cause by its code and name."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, SQLAlchemyError) and origin.__cause__ is not None:  # a table that cannot be inspected
        return cause_of(origin.__cause__)
    if isinstance(origin, OSError) and (origin.errno or type(origin) is not OSError):
        return system_cause(origin)  # Arrow's own, of a stream that broke, has neither
    if isinstance(origin, TypeError | ValueError):  # an argument, whose name may look like a cause (useSSL)
        return Cause("", type(origin).__name__)
    package = type(origin).__module__.partition(".")[0]
    if isinstance(origin, RuntimeError) and package == "builtins":  # pymysql misses a package of a way to sign in
        return mysql.cause_of(origin)
    return _DRIVERS.get(package, postgresql.cause_of)(origin)


def advice_on(cause: Cause, url: URL, key: str, own: Advice = ()) -> str:
    """What to do: from `own` advice first, then from the database's; `key` names the URL in the configuration."""
    advice = (*own, *_ADVICE.get(url.get_backend_name(), NETWORK))
    return (advised(cause, advice) or CHECK).format(url=key)


def place_of(url: URL, arguments: Mapping[str, Any] | None = None) -> str:
    """The file, or host:port; a socket's folder where there is no host. `arguments` come before the URL's parts."""
    given = {**url.query, **{key: value for key, value in (arguments or {}).items() if isinstance(value, (str, int))}}
    backend = url.get_backend_name()
    if backend in _FILES:
        return str(file_of(url) or url.database)
    host = given.get("unix_socket") or given.get("host") or url.host or given.get("account") or "localhost"
    host = host if isinstance(host, str) else ",".join(map(str, host if isinstance(host, tuple) else (host,)))
    host = f"[{host}]" if ":" in host else host
    port = given.get("port") or url.port or _PORTS.get(backend)
    return host if port is None or (host.startswith("/") and backend in {"mysql", "mariadb"}) else f"{host}:{port}"
