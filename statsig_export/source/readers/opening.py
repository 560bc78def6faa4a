"""Which reader a source's URL gets."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError

from statsig_export.errors import SourceError
from statsig_export.source.backends.bigquery import errors_beside
from statsig_export.source.readers.cursor import SqlDatabase, engine_of
from statsig_export.source.readers.reader import Database, unreachable

_EXTRAS: Final = {
    "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "snowflake": "snowflake", "bigquery": "bigquery",
    "redshift": "redshift", "duckdb": "duckdb",
}  # fmt: skip


def open_database(url: URL, *, plain: bool = False) -> Database:
    """Connects only when it is used, but a SQLite or DuckDB file must exist now.

    The fastest reader that is installed, or with `plain` the driver that the URL names.
    Raises SourceError for a missing file or a driver that is not installed.
    """
    backend = url.get_backend_name()
    if backend in {"sqlite", "duckdb"}:
        _require_file(url, backend)
    try:
        if backend == "duckdb":
            from statsig_export.source.readers.duckdb import DuckDbDatabase  # noqa: PLC0415 - only where it is installed

            return DuckDbDatabase(url)
        database = SqlDatabase(engine_of(url))
        if plain or database.dialect.driver != "psycopg" or find_spec("adbc_driver_postgresql") is None:
            return database
        from statsig_export.source.readers.adbc import AdbcDatabase  # noqa: PLC0415 - only where it is installed

        return AdbcDatabase(url, database)
    except (ImportError, ArgumentError) as error:
        raise SourceError(
            f"no driver for {url.drivername} can be loaded: {type(error).__name__}",
            hint=f"install it with `pip install 'statsig-export[{_EXTRAS[backend]}]'`"
            if backend in _EXTRAS
            else "install the package that brings SQLAlchemy this dialect",
        ) from None
    except errors_beside(backend) as error:
        raise unreachable(backend, error) from None  # BigQuery's dialect looks for credentials at once


def _require_file(url: URL, backend: str) -> None:
    """SQLite would make an empty database of a mistyped path."""
    path = url.database or ""
    if not path or path == ":memory:" or path.startswith(("file:", "md:")):
        return
    if not Path(path).is_file():
        name = {"sqlite": "SQLite", "duckdb": "DuckDB"}[backend]
        raise SourceError(f"there is no {name} database at {path}", hint="source.url names that file")
