"""Opens the reader for a source database: the fastest that is installed."""

from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError

from statsig_export.errors import SourceError
from statsig_export.source.backends.backend import Backend, Reader
from statsig_export.source.backends.known import backend_of
from statsig_export.source.readers.cursor import SqlDatabase
from statsig_export.source.readers.reader import Database, unreachable


def open_reader(url: URL, *, plain: bool = False) -> Database:
    """Connects only when it is used, but a database that is one file must exist now.

    The fastest reader that is installed, or with `plain` the driver that the URL names.
    Raises SourceError for a missing file or a driver that is not installed.
    """
    backend = backend_of(url.get_backend_name())
    if backend.file_format is not None:
        _require_file(url, backend.file_format)
    try:
        return _reader(url, backend, plain=plain)
    except (ImportError, ArgumentError) as error:
        raise SourceError(
            f"no driver for {url.drivername} can be loaded: {type(error).__name__}",
            hint=f"install it with `pip install 'statsig-export[{backend.extra}]'`"
            if backend.extra
            else "install the package that brings SQLAlchemy this dialect",
        ) from None
    except backend.other_errors() as error:  # some dialects look for credentials at once
        raise unreachable(backend.name, error) from None


def _reader(url: URL, backend: Backend, *, plain: bool) -> Database:
    if backend.reader is Reader.DUCKDB:
        from statsig_export.source.readers.duckdb import DuckDbDatabase  # noqa: PLC0415 - only where it is installed

        return DuckDbDatabase(url)
    database = SqlDatabase(url, backend)
    adbc = backend.reader is Reader.ADBC and database.dialect.driver == "psycopg"
    if plain or not adbc or find_spec("adbc_driver_postgresql") is None:
        return database
    from statsig_export.source.readers.adbc import AdbcDatabase  # noqa: PLC0415 - only where it is installed

    return AdbcDatabase(url, database)


def _require_file(url: URL, file_format: str) -> None:
    """SQLite would make an empty database of a mistyped path."""
    path = url.database or ""
    if not path or path == ":memory:" or path.startswith(("file:", "md:")):
        return
    if not Path(path).is_file():
        raise SourceError(f"there is no {file_format} database at {path}", hint="source.url names that file")
